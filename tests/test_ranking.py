"""Chapter 14: differences of AUC with their errors by a second route, planted models that part, and the stored runs."""

import numpy as np
import polars as pl
import pytest

from srlaw import stored
from srlaw.chapters import ranking as study
from srlaw.chapters import ranking_page as page
from srlaw.chapters.ranking import BEST, Cell, Task
from srlaw.claims import CLAIMS
from srlaw.ratings import auc, log_losses, placements
from srlaw.rules import RULES


def made(odds: dict[study.Name, np.ndarray], liked: np.ndarray) -> Task:
    """A task of given log-odds, ``(seeds, users)`` each; yardsticks, without a width, have one row and no seed."""
    cells = {
        name: Cell(
            np.array([placements(x, liked) for x in values]),
            np.array([log_losses(x, liked) for x in values]),
            () if name[1] is None else tuple(range(len(values))),
        )
        for name, values in odds.items()
    }
    return Task(pl.DataFrame(), cells, liked, pl.DataFrame())


@pytest.fixture(scope="module")
def two():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1.2, 900)
    liked = rng.random(900) < 1 / (1 + np.exp(-truth))
    noisy = truth + rng.normal(0, 1.0, (4, 900))
    noise = {d: truth + rng.normal(0, s, (4, 900)) for d, s in ((4, 2.0), (8, 1.2), (16, 0.5))}
    odds = {("HSTU", d, 1.0): 0.7 * x for d, x in noise.items()}
    odds |= {(BEST, None, 1.0): 0.5 * noisy[:1], ("LLaMA", 8, 1.0): 6 * truth[None] + rng.normal(0, 0.5, (4, 900))}
    return made(odds, liked), odds


def test_a_difference_is_that_of_the_means_and_its_error_that_of_resampled_users_and_seeds(two):
    task, odds = two
    a, b = ("HSTU", 16, 1.0), ("HSTU", 4, 1.0)
    found = study.contrast(task, {a: 1.0, b: -1.0}, "auc")
    each = [auc(x, task.liked) - auc(y, task.liked) for x, y in zip(odds[a], odds[b], strict=True)]
    assert found["value"] == pytest.approx(np.mean(each))
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(150):
        users, seeds = rng.integers(0, 900, 900), rng.integers(0, 4, 4)
        parts = [(auc(odds[a][s][users], task.liked[users]) - auc(odds[b][s][users], task.liked[users])) for s in seeds]
        drawn.append(np.mean(parts))
    assert found["error"] == pytest.approx(np.std(drawn), rel=0.3)
    assert found["low"] < found["value"] < found["high"]
    losses = study.contrast(task, {(BEST, None, 1.0): 1.0}, "log_loss")
    by_hand = log_losses(odds[BEST, None, 1.0][0], task.liked)
    assert losses["value"] == pytest.approx(by_hand.mean())
    assert losses["error"] == pytest.approx(by_hand.std(ddof=1) / 30)


def test_a_slope_in_width_is_the_fit_to_the_widths(two):
    task, _ = two
    at = [study.contrast(task, {("HSTU", d, 1.0): 1.0}, "auc")["value"] for d in (4, 8, 16)]
    rise = study.slope(task, "HSTU", "auc")
    assert rise is not None
    assert rise["value"] == pytest.approx(np.polyfit([2, 3, 4], at, 1)[0])
    assert rise["low"] > 0
    assert study.slope(task, "LLaMA", "auc") is None
    gap = study.narrow_less_wide(task, "HSTU", "auc", 1.0)
    assert gap is not None
    assert gap["value"] == pytest.approx(at[0] - at[2])


def test_a_model_whose_odds_are_too_great_has_the_higher_auc_and_the_higher_log_loss(two):
    task, _ = two
    compared = study.pairs(task)
    assert len(compared) == 10
    assert (compared["log_loss"] <= 0).all()
    parted = compared.filter("clear")
    assert set(parted["second"]) == {"LLaMA 8"}
    assert not compared.filter(~pl.col("second").is_in(["LLaMA 8"]))["clear"].any()
    assert (parted["auc"] < 0).all()


def test_each_cell_keeps_the_learning_rate_that_validation_chose():
    rows = pl.DataFrame(
        {"key": ["a", "b", "c", "d", "e"], "model": "hstu", "d_emb": [4, 4, 4, 4, 8], "fraction": 1.0,
         "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.1], "seed": [0, 1, 0, 1, 0]}
    )  # fmt: skip
    curves = pl.DataFrame({"key": list("aabbccdde"), "valid_log_loss": [0.9, 0.5, 0.7, 0.8, 0.4, 0.6, 0.9, 0.5, 1.0]})
    assert study._best_settings(rows, curves)["key"].to_list() == ["c", "d", "e"]


@pytest.fixture(scope="module")
def ours():
    return study.task()


def test_the_stored_runs_follow_from_the_stored_log_odds(ours):
    users = stored.sweep("ranking-small-users")
    rows = stored.sweep("ranking-small")
    liked = users["liked"].to_numpy() == 1
    for row in rows.sample(8, seed=1).iter_rows(named=True):
        odds = users[row["key"]].to_numpy() / 100
        pairs = (odds[liked][:, None] > odds[~liked]) + (odds[liked][:, None] == odds[~liked]) / 2
        assert pairs.mean() == pytest.approx(row["auc"], abs=5e-4)
        assert np.log1p(np.exp(np.where(liked, -odds, odds))).mean() == pytest.approx(row["log_loss"], abs=2e-4)
    assert rows["users"].unique().to_list() == [len(users)] == [943]
    counted = rows.group_by("model", "d_emb", "fraction", "learning_rate").len()["len"].unique().to_list()
    assert counted == [rows["seed"].n_unique()]


def test_every_model_is_raced_against_the_yardsticks_on_the_same_users(ours):
    whole = study.summary(ours).filter(pl.col("fraction") == 1)
    assert set(whole["model"]) == {"HSTU", "LLaMA", "SASRec", *study.YARDSTICKS.values()}
    for model in ("HSTU", "LLaMA", "SASRec"):
        assert {8, 16, 32, 64} <= set(study.widths(ours, model, 1.0))
    evidence = study.effective_evidence(ours)
    best, yard = (whole.filter(pl.col("model") == name) for name in ("HSTU", BEST))
    at = best.filter(d_emb=evidence["width"])["auc"].item()
    assert evidence["lead"] == pytest.approx(at - yard["auc"].item())
    once, twice, before, after = study.doubled(ours, (BEST, None, 1.0))
    assert before == after
    assert once < twice


def test_the_page_lists_the_claims_that_no_rule_judges():
    waiting = [c for c in CLAIMS if c.publication.id == page.PUBLICATION and c.id not in RULES]
    text = page.open_words()
    assert len(waiting) == text.count("- **") > 0
    assert all(c.statement in text and c.needs.strip() in text for c in waiting)
