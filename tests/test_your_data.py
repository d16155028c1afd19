"""Chapter 11: what it says of a log, of a plan, and of what to do next."""

import html

import polars as pl
import pytest

from srlaw.chapters import your_data
from srlaw.datasets.synthetic import synthetic
from srlaw.errors import InputError
from srlaw.planner import screen
from srlaw.planner.request import Request, facts
from srlaw.planner.steps import next_steps
from srlaw.sequences import data_hash

SMALL = {"n_layers": 1, "d_emb": 8, "difference": -0.003, "interval": [-0.01, 0.004]}
LONGER = {"n_layers": 1, "d_emb": 8, "epochs": 5, "twice": 10, "gain": 0.001, "limit": 0.01, "enough": True}
ORDER = {"n_layers": 1, "d_emb": 8, "keeps": 0.1, "loss": 0.15, "limit": 0.01, "tells": True}
MORE = {"gain": 0.02, "interval": [0.01, 0.03]}
GAIN = {"yardstick": "next", "reaches": 0.2, "gain": 0.05, "interval": [0.03, 0.07]}
ALIKE = {"model": "hstu", "s_max": 25, "groups": 1, "n_layers": 1, "d_emb": 8, "mean": 0.24, "interval": [0.235, 0.245]}
FACTS = {"smallest_visible_ndcg10": 0.02}


def made(**changes):
    """An answer with everything that a plan can tell."""
    chosen = {"model": "hstu", "s_max": 25, "n_layers": 2, "d_emb": 16, "bounded": True, "ndcg10": 0.25, "hr10": 0.4}
    chosen |= {"interval": {"ndcg10": [0.24, 0.26], "hr10": [0.38, 0.42]}}
    evidence = {
        "metric": "ndcg10", "agree": 0.7, "edges": {}, "smaller": SMALL, "longer": LONGER, "order": ORDER,
        "gain_over_smallest": SMALL | {"difference": 0.01}, "gain_over_yardstick": GAIN,
        "noise": {"sigma": 0.004, "source": "repeats", "freedom": 5}, "more_data": {"2x": MORE, "10x": None},
        "tested": {"ndcg10": 0.25, "ndcg10_se": 0.01, "gain_ndcg10": 0.05, "gain_ndcg10_se": 0.01},
    }  # fmt: skip
    answer = {"recommendation": chosen, "reason": "2 layers do", "full_run": {"hours": 0.1, "params": 9000}}
    return (
        answer
        | {"minutes": 4.2, "command": "srlaw train x"}
        | changes
        | {"evidence": evidence | changes.get("evidence", {})}
    )


def test_every_line_of_the_screen_is_explained():
    answer = made()
    told = your_data.explained(answer)
    assert told["what"].to_list() == [name for name, _ in screen.lines(answer)]
    assert told["what it says"].str.len_chars().min() > 20
    nothing = your_data.explained(made(recommendation=None, reason="it is noise", evidence={"alike": ALIKE}))
    used = {*told["what it says"], *nothing["what it says"]}
    assert used == set(your_data.MEANS.values())


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({}, "command that is shown", "edge"),
        ({"command": None}, "with `srlaw train`", "shown"),
        ({"evidence": {"edges": {"n_layers": "upper", "d_emb": "lower"}}}, "so that more depth is tried", "width is"),
        ({"evidence": {"configurations": 4}}, "Train 6 sizes at least", "Take no size"),
        ({"evidence": {"smaller": None}}, "Twice the users", "Where cost counts"),
        ({"evidence": {"more_data": {"2x": None, "10x": None}}}, "cannot be told", "Twice the users"),
        ({"evidence": {"gain_over_yardstick": GAIN | {"gain": 0.01}}}, "from 0.0200 on", "Use item→next"),
        ({"recommendation": None}, "Take no size", "further apart"),
        ({"recommendation": None, "evidence": {"alike": ALIKE}}, "take the cheapest, 1 layer of width 8", "Take no"),
        (
            {"recommendation": None, "evidence": {"alike": ALIKE | {"groups": 2}}},
            "hstu at s_max 25, 1 layer",
            "Take no",
        ),
        (
            {"recommendation": None, "evidence": {"alike": ALIKE, "gain_over_yardstick": None}},
            "they are alike",
            "take the cheapest",
        ),
        (
            {"recommendation": None, "evidence": {"alike": ALIKE, "order": ORDER | {"loss": 0.0, "tells": False}}},
            "further apart",
            "take the cheapest",
        ),
        (
            {"recommendation": None, "evidence": {"order": ORDER | {"loss": 0.0, "tells": False}}},
            "occur together",
            "Train the",
        ),
        (
            {"recommendation": None, "evidence": {"longer": LONGER | {"enough": False}}},
            "Train longer: 10",
            "further apart",
        ),
        (
            {"recommendation": None, "evidence": {"gain_over_yardstick": GAIN | {"interval": [-0.1, 0.1]}}},
            "Use item→next counts",
            "Train the",
        ),
    ],
)
def test_what_to_do_next_follows_from_the_evidence(changes, said, unsaid):
    text = " ".join(next_steps(made(**changes), FACTS))
    assert said in text
    assert unsaid not in text


def test_the_card_is_data_and_text_without_markup():
    card = your_data.Card(made(reason="<b> is no size"))._repr_mimebundle_()
    assert card[your_data.MIME]["recommendation"]["d_emb"] == 16
    assert "<b>" not in card["text/html"]
    assert html.escape("<b> is no size") in card["text/html"]
    none = your_data.Card(made(recommendation=None, reason="too few runs"))._repr_mimebundle_()
    assert none[your_data.MIME] == {"recommendation": None, "reason": "too few runs"}
    assert "Too few runs." in none["text/plain"]


def test_the_stored_runs_are_of_the_log_that_the_page_shows():
    log = your_data.log(None, 0.0, "synthetic", None, {})
    stored = pl.read_csv(your_data.repository(*your_data.STORED), infer_schema_length=None)
    assert set(stored["data"]) == {data_hash(log)}
    assert len(your_data._curves(your_data.repository(*your_data.STORED))) == stored["max_epochs"].sum()


def test_a_log_without_minutes_has_a_reason_and_wrong_tables_one_sentence(tmp_path):
    log = synthetic(0, users=60, items=20, mean_length=8)
    request = Request("mine.csv")
    none = your_data.planned(log, request, None, 0.0, tmp_path)
    assert none.answer["recommendation"] is None
    assert "give minutes" in none.answer["reason"]
    assert next_steps(none.answer, {}) == ["Give minutes: 15 of them are enough for most logs of some thousand users."]
    stored = str(your_data.repository(*your_data.STORED))
    with pytest.raises(InputError, match="another log than synthetic"):
        your_data.planned(log, request, stored, 0.0, tmp_path)
    with pytest.raises(InputError, match="both given"):
        your_data.planned(log, request, stored, 5.0, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_a_log_is_counted():
    log = synthetic(0, users=60, items=20, mean_length=8)
    found = facts(log, 5)
    values = dict(your_data.statistics(log, found).select("what", "value").iter_rows())
    assert values["users"] == "60"
    assert values["users tested"] == str((log.lengths >= 4).sum())
    assert your_data.histogram(log)["users"].sum() == 60
    assert your_data.beside(found).shape == (4, 3)
