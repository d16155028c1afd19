"""The yardsticks of chapter 4 against brute force, and that a model is measured as the optimum is."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import entr

from srlaw.chapters import learning, learning_words
from srlaw.datasets.floor import optimal_losses, pair_distribution, predictive
from srlaw.datasets.synthetic import population
from srlaw.errors import InputError
from srlaw.sequences import Sequences
from srlaw.training import TrainConfig, evaluate, event_losses

ROOT = Path(__file__).parents[1]


@contextmanager
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data():
    return learning.sources("synthetic", users=60, s_max=12, seed=3)


@pytest.fixture(scope="module")
def runs(data):
    config = TrainConfig(epochs=1, batch_events=512, device="cpu")
    return {s.name: learning.learn(s, ["sasrec", "llama"], 1, 8, config) for s in data}


def test_pairs_of_a_sample_have_the_stated_distribution():
    for sizes in ({"items": 8, "branching": 2, "order": 2}, {"items": 8, "branching": 2, "types": 3}):
        people = population(users=3000, mean_length=40, **sizes)
        sample = people.sample()
        within = np.diff(np.repeat(np.arange(sample.n_users), sample.lengths)) == 0
        pairs = np.zeros((8, 8))
        np.add.at(pairs, (sample.items[:-1][within], sample.items[1:][within]), 1)
        expected = pair_distribution(people)
        assert expected.sum() == pytest.approx(1)
        np.testing.assert_allclose(pairs / pairs.sum(), expected, atol=0.003)


def test_untrained_predictors_are_those_of_a_training_row(data, runs):
    base = learning.untrained(data)
    assert base.columns == ["source", "predictor", "hr10", "hr10_se", "ndcg10", "ndcg10_se"]
    assert base.height == 3 * len(data)
    for source in data:
        row = runs[source.name]["sasrec"].row()
        mine = base.filter(pl.col("source") == source.name).row(2, named=True)
        for column in ("hr10", "hr10_se", "ndcg10", "ndcg10_se"):
            assert mine[column] == row[f"baseline_next_{column}"]


def test_models_above_the_yardsticks_are_named():
    base = pl.DataFrame(
        [
            {"source": "s", "predictor": who, "ndcg10": x, "ndcg10_se": 0.01}
            for who, x in (("a", 0.1), ("b counts", 0.3))
        ]
    )
    for values, who in (((0.2, 0.3), "No model is"), ((0.2, 0.4), "y is"), ((0.5, 0.4), "All models are")):
        found = pl.DataFrame({"source": ["s", "s"], "model": ["x", "y"], "ndcg10": values})
        said = learning_words.beside_untrained(found, base)
        assert said == f"- **s**: the best of these is b counts, with NDCG@10 0.300 (± 0.010). {who} above it."


def test_knowing_more_never_costs_and_the_sources_are_what_they_are_called(data):
    best = {s.name: learning.yardsticks(s) for s in data}
    for each in best.values():
        assert each["floor"] <= each["last_item"] + 0.05 < each["popularity"] + 0.05  # the floor is a sample mean
        assert 0 < each["ndcg10"] < each["hr10"] < 1
    first, second, types = (best[name] for name in learning.SOURCES)
    assert first["last_item"] == pytest.approx(data[0].people.entropy_rate)
    assert second["last_item"] > second["floor"] + 0.5
    assert types["last_item"] > types["floor"] + 0.3


def test_losses_of_the_optimum_are_those_of_the_predictive_distribution(data):
    for source in data:
        losses = iter(optimal_losses(source.people, source.sequences))
        for user in range(5):
            items = source.sequences[user]
            expected = [-np.log(predictive(source.people.chains, items[:i])[items[i]]) for i in range(1, len(items))]
            np.testing.assert_allclose([next(losses) for _ in expected], expected, rtol=1e-9)


def test_of_many_events_the_optimum_loses_the_entropy_rate():
    people = population(users=2000, items=12, branching=3, mean_length=60)
    losses = optimal_losses(people, people.sample())
    assert losses.mean() == pytest.approx(people.entropy_rate, abs=4 * losses.std() / len(losses) ** 0.5)


def test_the_last_loss_of_each_history_is_that_of_evaluate(data, runs):
    source = data[0]
    run = runs[source.name]["llama"]
    short = source.sequences.truncate(13)
    losses = event_losses(run.model, short, 12)
    last = losses[np.cumsum(short.lengths - 1) - 1]
    assert last.mean() == pytest.approx(evaluate(run.model, short, 12)["loss"], rel=1e-5)


def test_losses_per_event_stand_user_by_user_and_leave_the_model_as_it_was(data, runs):
    model = runs[data[0].name]["sasrec"].model
    people = Sequences.from_lists([[3], [1, 2, 3, 4, 5], [4, 4], [7, 1, 2]])
    model.train()
    losses = event_losses(model, people, 3)
    assert model.training
    model.eval()
    assert len(losses) == 0 + 3 + 1 + 2
    again = [event_losses(model, people.of_users(np.arange(4) == user).truncate(4), 3) for user in range(1, 4)]
    np.testing.assert_allclose(losses, np.concatenate(again), rtol=1e-5)


def test_tables_have_a_row_for_everything(data, runs):
    for source in data:
        curves = learning.curves(source, runs[source.name])
        assert curves["model"].to_list() == ["sasrec", "llama"]
        results = learning.results(source, runs[source.name])
        assert results["loss"].is_sorted()
        assert not results["tied"][0]
        for row in results.iter_rows(named=True):
            test = runs[source.name][row["model"]].test
            assert row["loss"] == pytest.approx(test["loss"], rel=1e-5)
            assert row["hr10"] == test["hr10"]
            assert row["excess"] > 2 * row["excess_se"] > 0
        positions = learning.loss_by_position(source, runs[source.name], users=50)
        assert set(positions["predictor"]) == {"sasrec", "llama", "optimum"}
        assert positions["seen"].min() == source.people.chains[0].order
        optimum = positions.filter(pl.col("predictor") == "optimum")["loss"].mean()
        assert optimum < positions.filter(pl.col("predictor") != "optimum")["loss"].mean()


def test_ideal_predictors_lose_on_last_events_what_their_probabilities_say(data):
    for source in data:
        losses = learning.last_losses(source, {})
        joint = pair_distribution(source.people)
        for user in (0, 7, 59):
            *history, last = source.sequences[user][-13:]
            row = losses.row(user, named=True)
            assert row["popularity"] == pytest.approx(-np.log(joint.sum(0)[last]))
            assert row["last_item"] == pytest.approx(-np.log(joint[history[-1], last] / joint[history[-1]].sum()))
            best = predictive(source.people.chains, np.array(history))[last]
            assert row["optimum"] == pytest.approx(-np.log(best))


def test_expected_and_realised_losses_agree_over_many_users():
    for source in learning.sources("synthetic", users=1500, s_max=30, seed=1):
        best = learning.yardsticks(source)
        losses = learning.last_losses(source, {}).rename({"optimum": "floor"})
        for name in ("popularity", "last_item", "floor"):
            error = losses[name].std() / len(losses) ** 0.5
            assert losses[name].mean() == pytest.approx(best[name], abs=4 * error)


@pytest.fixture(scope="module")
def first():
    """The settings that chapter 4 has at first: sources, models, sizes, configuration, users."""
    chapter = nbformat.read(ROOT / "notebooks/04-models.ipynb", as_version=4)
    has = {}
    exec(next(cell.source for cell in chapter.cells if "parameters" in cell.metadata.tags), has)
    config = TrainConfig(
        has["epochs"], has["batch_events"], has["learning_rate"], precision=has["precision"], seed=has["seed"]
    )
    sources = learning.sources(has["dataset"], has["users"], has["s_max"], has["seed"])
    return sources, has["models"], has["n_layers"], has["d_emb"], config, has["users"]


def test_the_chapter_reads_the_stored_runs_at_its_first_settings_alone(first, monkeypatch):
    monkeypatch.setattr(learning, "train", lambda *_, **__: pytest.fail("it trains"))
    known = learning.lessons(*first)
    assert known.stored == (ROOT / "data/statistics/learning.json").read_text(encoding="utf-8")
    assert known.results.height == 9
    for changed in ((0, first[0][:1]), (1, ["sasrec"]), (3, 16), (4, replace(first[4], seed=1)), (5, 999)):
        with pytest.raises(pytest.fail.Exception, match="it trains"):
            learning.lessons(*[changed[1] if i == changed[0] else x for i, x in enumerate(first)])
    with pytest.raises(pytest.fail.Exception, match="it trains"):
        learning.lessons(*first, again=True)


def test_a_stored_run_is_found_again_by_training(first):
    """The cheapest of the nine, to the digits that another processor gives too."""
    sources, _, n_layers, d_emb, config, _ = first
    source, known = sources[1], learning.lessons(*first)
    with one_thread():
        again = learning.curves(source, learning.learn(source, ["sasrec"], n_layers, d_emb, config))
    stands = known.curves.filter(source=source.name, model="sasrec")
    assert stands["valid_loss"].to_list() == pytest.approx(again["valid_loss"].to_list(), abs=0.02)
    others = known.curves.filter(pl.col("source") != source.name, model="sasrec", epoch=config.epochs)["valid_loss"]
    assert (others - again["valid_loss"][-1]).abs().min() > 0.1


def test_lessons_trained_here_are_the_tables_of_each_source(data, tmp_path):
    config = TrainConfig(epochs=1, batch_events=512, device="cpu")
    with one_thread():
        found = learning.lessons(data, ["sasrec"], 1, 4, config, users=20)
    assert found.curves["source"].to_list() == found.results["source"].to_list() == list(learning.SOURCES)
    assert set(found.positions["source"]) == set(learning.SOURCES)
    assert found.made.startswith("Trained on cpu, ")
    read = json.loads(found.stored)
    assert read["results"][0]["loss"] == pytest.approx(found.results["loss"][0], rel=1e-5)
    assert read["keys"] == found.keys
    mine = learning.Source("mine", None, data[0].sequences, data[0].s_max)
    assert learning.lessons([mine], ["sasrec"], 1, 4, config).positions is None


def test_words_say_who_is_tied_and_who_needs_more_than_the_last_item():
    found = pl.DataFrame(
        {
            "source": "second order",
            "model": ["a", "b", "c"],
            "learned": [0.5, 0.49, 0.1],
            "tied": [False, True, False],
            "beyond_last_item": [True, True, False],
        }
    )
    assert learning_words.findings(found) == (
        "- **second order**: of the way from the loss of popularity to the least possible loss the models went a 50% ≈ "
        "b 49%, c 10%. a and b are clearly better than the last item alone allows."
    )
    unknown = found.with_columns(learned=None, source=pl.lit("my <shop>"), loss=pl.Series([2.0, 2.0625, 3.5]))
    assert learning_words.findings(unknown) == (
        r"- **my \<shop\>**: by test loss, in nats per event, a 2.000 ≈ b 2.062, c 3.500."
    )


def test_the_weights_of_the_models_are_compared_in_words():
    found = pl.DataFrame({"model": ["llama", "hstu", "sasrec"], "params_non_embedding": [26_784, 10_824, 10_880]})
    said = learning_words.weights(found)
    assert said.startswith(
        "At equal depth and width llama has the most weights, 26,784 without the embeddings, and hstu has"
    )
    assert "SwiGLU" in said
    assert "SwiGLU" not in learning_words.weights(found.with_columns(model=pl.Series(["a", "b", "c"])))
    assert learning_words.weights(found.head(1)) == ""


def test_a_data_set_of_ones_own_has_no_yardstick(tmp_path):
    rows = [(9, 0, 0)]  # of one event nothing can be held out
    rows += [(u, i, t) for u in range(9) for t, i in enumerate(np.random.default_rng(u).integers(0, 6, 8))]
    pl.DataFrame(rows, ["user", "item", "time"], orient="row").write_csv(tmp_path / "log.csv")
    (source,) = learning.sources(str(tmp_path / "log.csv"), users=5, s_max=5)
    assert source.tested.n_users == 9
    assert source.people is None
    assert source.sequences.lengths.max() == 7
    assert set(learning.yardsticks(source).values()) == {None}
    runs = learning.learn(source, ["sasrec"], 1, 4, TrainConfig(epochs=1, device="cpu"))
    found = learning.results(source, runs)
    assert found["loss"].item() == pytest.approx(runs["sasrec"].test["loss"], rel=1e-5)
    assert learning.results(source, runs)["learned"].to_list() == [None]


def test_entropy_of_the_last_item_is_that_of_the_next_given_the_last(data):
    joint = pair_distribution(data[1].people)
    given = joint / joint.sum(1, keepdims=True)
    assert learning.yardsticks(data[1])["last_item"] == pytest.approx((joint.sum(1) * entr(given).sum(1)).sum())


def test_nobody_is_drawn_of_a_source_whose_law_is_not_known():
    source = learning.Source("mine", None, Sequences.from_lists([[1, 2, 3]]), 2)
    with pytest.raises(InputError, match="no new users can be drawn of mine"):
        learning.loss_by_position(source, {})
