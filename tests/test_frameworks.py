"""Chapter 10: exponents that runs were made from are found, orders are counted by a second route, and a reader's table
gives a page about nothing but itself."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import nbformat
import numpy as np
import polars as pl
import pytest
from scipy import stats

from srlaw import stored
from srlaw.chapters import ablations, orders, printed, recipes
from srlaw.chapters import framework_tables as tables
from srlaw.chapters import framework_words as words
from srlaw.chapters import frameworks as study
from srlaw.errors import InputError
from srlaw.laws import fit, get
from srlaw.paper import Panel
from srlaw.rules import RULES

ROOT = Path(__file__).parents[1]
CODE = {"b": 0.744, "w1": 0.122, "w3": -0.342, "w2": 1.57, "w4": -0.172, "p": 2.0}


def made(
    models=("hstu", "llama", "sasrec"), precisions=study.PRECISIONS, depths=(1, 2, 4), widths=(16, 32, 64), noise=0.0
):
    """Rows of a law of the authors' form, one a model better than the next; the least width three times."""
    rng, law, rows = np.random.default_rng(0), get("performance-code"), []
    for (place, model), precision, n, d in product(enumerate(models), precisions, depths, widths):
        value = law.predict(CODE, {"n_layers": np.array([n]), "d_emb": np.array([d])})[0] - 0.01 * place
        for seed in range(3 if d == min(widths) else 1):
            hr = float(value + noise * rng.normal())
            row = {"model": model, "precision": precision, "n_layers": n, "d_emb": d, "seed": seed}
            rows.append({**row, "hr10": hr, "ndcg10": hr / 2, "valid_ndcg10": hr / 2, "loss": 7 - hr})
    return pl.DataFrame(rows)


WAYS = study.readings(34.0, 2.0)


@pytest.fixture(scope="module")
def noisy():
    rows = made(noise=0.002)
    return rows, study.fits(rows, WAYS, n=60)


def test_the_exponents_that_made_the_runs_are_found():
    found = study.group(made(["hstu"], ["float32"]), WAYS[2], "hr10", 20, (0,))
    assert found.fitted is not None
    assert {name: found.fitted.params[name] for name in CODE} == pytest.approx(CODE, rel=1e-4)
    assert found.draws is None  # without noise there is none to draw
    assert not found.known


def test_sigma_is_pooled_from_the_repeats(noisy):
    rows, found = noisy
    own = rows.filter(model="hstu", precision="float32", d_emb=16)
    squares = own.group_by("n_layers").agg(((pl.col("hr10") - pl.col("hr10").mean()) ** 2).sum())["hr10"].sum()
    sigma = found[0].sigma
    assert sigma is not None
    assert (sigma.sigma, sigma.freedom) == (pytest.approx(np.sqrt(squares / 6)), 6)
    table = study.exponent_table(found).filter(model="HSTU", precision="float32")
    assert set(table.filter(reading=WAYS[1].name)["dof"]) == {4}  # nine sizes, five free parameters


def test_three_depths_leave_p_free_and_every_held_p_fits_alike(noisy):
    _, found = noisy
    own = [g for g in found if (g.model, g.precision) == ("hstu", "float32")]
    assert next(g.fitted.status for g in own if g.fitted) == "flat"
    assert not any(own[0].identified(name) for name in study.EXPONENTS)
    assert np.ptp([g.fitted.r2 for g in own if g.fitted]) < 1e-6
    table = study.exponent_table(own)
    assert table.filter(~pl.col("identified"))["value"].null_count() == table["value"].null_count() > 0


@pytest.mark.parametrize("model", ["hstu", "llama", "sasrec"])
def test_the_exponents_of_our_runs_by_a_search_of_each_term_alone(model):
    """Without weights, by chapter 5's own search, in which each exponent is found by itself."""
    points = study.cells(study.of(study.own_rows(), "float32", model), "hr10")
    panel = Panel("ours", 50, "hr10", points.rename({"y": "hr10"}))
    other = printed.held_fits(panel, "code", [2.0]).sort("r2").row(-1, named=True)
    found = fit(get("performance-code"), points, "y", fixed={"p": 2.0})
    assert found.r2 == pytest.approx(other["r2"], abs=1e-7)
    assert (found.params["w3"], found.params["w4"]) == pytest.approx((other["w3"], other["w4"]), rel=1e-3)


def test_more_sizes_identify_the_exponents_only_once_p_is_held():
    found = study.fits(study.all_sizes(), WAYS, n=40)
    assert [g.known for g in found] == [False, True, True]
    text = words.sizes_words(found)
    assert "At 25 sizes of HSTU, 5 depths and 5 widths, Eq. (7) with its p fitted is still not identified" in text
    assert "the intervals of w3 and w4 do not overlap" in text
    own, script = found[1].fitted, found[2].fitted
    assert own is not None
    assert script is not None
    turned = -script.params["w1"] * script.params["w3"]  # the script's w is −w1 / w3 of Eq. (7)
    x = {"n_layers": np.array([1.0, 16.0]), "d_emb": np.array([64.0, 64.0])}
    depth = turned * (np.log(16) + (16 ** -script.params["w3"] - 1) / (2.0 * script.params["w3"]))
    assert np.diff(get("performance-code").predict(script.params, x)) == pytest.approx(depth)


def test_an_exponent_is_free_where_its_scale_may_be_nothing(noisy):
    _, found = noisy
    group = next(g for g in found if g.reading.name == WAYS[2].name and g.identified("w4"))
    draws = group.draws
    assert draws is not None
    assert np.quantile(draws["w2"], 0.025) * np.quantile(draws["w2"], 0.975) > 0
    turned = replace(group, draws=draws | {"w2": np.linspace(-1, 1, len(draws["w2"])) + draws["w2"].mean() / 1e3})
    assert turned.identified("w2") == turned.identified("w4") == False  # noqa: E712


def test_intervals_hold_the_exponents_and_shrink_with_the_noise(noisy):
    rows, _ = noisy
    wide = study.group(study.of(rows, "float32", "hstu"), WAYS[2], "hr10", 100, (1,)).interval("w4")
    calm = made(["hstu"], ["float32"], noise=0.0002)
    narrow = study.group(calm, WAYS[2], "hr10", 100, (1,)).interval("w4")
    assert wide is not None
    assert narrow is not None
    assert wide[0] < CODE["w4"] < wide[1]
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 4


def test_models_without_a_grid_are_named_with_the_reason():
    rows = pl.concat([made(["hstu"], ["float32"]), made(["llama", "sasrec"], ["float32"], depths=(4,))])
    found = study.fits(rows, WAYS, n=5)
    assert orders.missing(found) == "LLaMA and SASRec in float32 (4 blocks only)"
    table = study.exponent_table(found)
    assert tables.fit_lines(table)["fit"].to_list() == ["yes", "none: 4 blocks only", "none: 4 blocks only"]
    assert tables.fit_lines(table)["residual d.f."].to_list() == ["4 or 3", "", ""]
    assert set(tables.exponent_lines(table)["model"]) == {"HSTU, float32"}
    evidence = orders.evidence(orders.orders(found), found, "smaller")
    assert (evidence["judged"], evidence["low"]) == (0, None)
    assert RULES["table-4"].judge(evidence)[0] == "open"


@pytest.mark.parametrize("sign", [1, -1])
def test_orders_by_comparing_all_pairs(sign):
    rng = np.random.default_rng(2)
    w1, w3, peak = rng.normal(size=(3, 50)), rng.normal(size=(3, 50)), rng.normal(size=(3, 50))
    found = orders.said(w3, peak, sign * np.sign(w1))
    for draw in range(50):
        for row, (i, j) in enumerate(combinations(range(3), 2)):
            if np.sign(w1[i, draw]) != np.sign(w1[j, draw]):
                assert found[row, draw] == 0
            else:
                better, worse = (i, j) if peak[i, draw] > peak[j, draw] else (j, i)
                larger = w3[better, draw] > w3[worse, draw]
                assert found[row, draw] == (1 if larger == (sign * w1[i, draw] > 0) else -1)


def test_the_printed_table_is_ordered_as_it_says_and_a_turned_one_is_not():
    for _, part in study.printed().group_by("precision"):
        values = {name: part[name].to_numpy()[:, None] for name in study.EXPONENTS}
        values |= {"w1": np.abs(values["w1"]), "w2": np.abs(values["w2"])}  # as Section 5.4.2 has them
        peak = part["hr10"].to_numpy()[:, None]
        assert (orders.both_said(values, peak)["smaller"] == 1).all()
        assert (orders.both_said(values, -peak)["smaller"] == -1).all()
        negative = values | {"w1": -values["w1"], "w2": -values["w2"]}
        assert (orders.both_said(negative, peak)["smaller"] == -1).all()
        assert orders.spearman(part["w3"].to_numpy(), part["hr10"].to_numpy()) == pytest.approx(-1)


def test_a_spread_of_the_noise_alone_leaves_the_order_open(noisy):
    _, found = noisy
    table = orders.orders(found)
    assert not table.filter(reading=WAYS[0].name)["known"].any()
    for claim, name in (("smaller", "table-4"), ("larger", "p-law-table-4")):
        assert RULES[name].judge(orders.evidence(table, found, claim))[0] == "open"


def test_paired_differences_by_hand(noisy):
    rows, _ = noisy
    moved = pl.when(pl.col("precision") == "bfloat16").then(pl.col("hr10") + 0.01).otherwise("hr10")
    table = orders.differences(rows.with_columns(hr10=moved)).filter(model="LLaMA", metric="HR@10").row(0, named=True)
    keys = ["n_layers", "d_emb", "seed"]
    a, b = (study.of(rows, p, "llama").sort(keys)["hr10"].to_numpy() for p in study.PRECISIONS)
    change = b - a + 0.01
    low, high = stats.ttest_1samp(change, 0).confidence_interval()
    assert (table["pairs"], table["mean"]) == (15, pytest.approx(change.mean()))
    assert (table["low"], table["high"]) == (pytest.approx(low), pytest.approx(high))
    ratio = orders.same_spread(rows)
    assert ratio is not None
    assert ratio[1] > 0.05
    assert orders.differences(rows.filter(precision="float32")).is_empty()
    apart = rows.with_columns(seed=pl.col("seed") + pl.when(pl.col("precision") == "float32").then(0).otherwise(9))
    assert orders.differences(apart).is_empty()
    assert orders.same_spread(made()) is None  # runs without noise have none to compare
    assert orders.other_machines(rows) == 0
    device = (
        pl.when((pl.col("precision") == "float32") & (pl.col("model") == "llama"))
        .then(pl.lit("a"))
        .otherwise(pl.lit("b"))
    )
    assert orders.other_machines(rows.with_columns(device=device)) == len(
        rows.filter(precision="float32", model="llama")
    )


def test_eq_7_applies_to_runs_that_it_made_and_not_to_an_interaction():
    rows = made(noise=0.002)
    few = orders.applies(rows)
    assert (few["fits"], few["telling"], few["ahead"]) == (4, 0, 0)  # three widths and depths: any sum of two terms
    assert RULES["standard-transformers"].judge(few)[0] == "open"
    more = orders.applies(made(["llama"], ["float32"], (1, 2, 4, 8), (8, 16, 32, 64), noise=0.002), ["llama"])
    assert more["telling"] == 1
    assert RULES["standard-transformers"].judge(more)[0] in ("reproduced", "weaker-than-claimed")
    crossed = (pl.col("n_layers").log() - 0.7) * (pl.col("d_emb").log() - 3.5) * 0.02
    twisted = orders.applies(rows.with_columns(hr10=pl.col("hr10") + crossed))
    assert RULES["standard-transformers"].judge(twisted)[0] == "contradicted"
    assert RULES["standard-transformers"].judge(orders.applies(rows.filter(n_layers=4)))[0] == "open"


def test_models_are_compared_on_the_sizes_that_all_of_a_precision_have():
    rows = made(["hstu", "llama"], ["float32", "bfloat16"])
    more = rows.filter(model="hstu", precision="float32", n_layers=1).with_columns(n_layers=pl.lit(32, pl.Int64))
    assert study.common_sizes(rows).equals(rows)
    assert study.common_sizes(pl.concat([rows, more])).equals(rows)
    less = rows.filter(~((pl.col("model") == "llama") & (pl.col("precision") == "bfloat16") & (pl.col("d_emb") == 64)))
    kept = study.common_sizes(less)
    assert 64 in kept.filter(precision="float32")["d_emb"]
    assert set(kept.filter(precision="bfloat16")["d_emb"]) == set(rows["d_emb"]) - {64}


def test_the_rows_of_several_sweeps_are_taken_once_and_of_one_recipe():
    rows = study.own_rows()
    assert rows["key"].is_unique().all()
    assert rows.group_by("model").agg(pl.col("learning_rate").n_unique(), pl.col("s_max").n_unique())[
        "learning_rate", "s_max"
    ].unique().rows() == [(1, 1)]
    sizes = rows.group_by("precision", "model").agg(pl.struct("n_layers", "d_emb").n_unique().alias("sizes"))
    assert sizes.group_by("precision").agg(pl.col("sizes").n_unique())["sizes"].to_list() == [1, 1]
    assert min(sizes["sizes"].to_list()) >= 9
    assert stored.sweeps("nothing-of-this-name").is_empty()


def test_the_best_size_is_chosen_by_validation():
    rows = made(["hstu"], ["float32"])
    turned = rows.with_columns(valid_ndcg10=-pl.col("valid_ndcg10"))
    assert study.chosen_size(rows) == (4, 64)
    assert study.chosen_size(turned) == (1, 16)
    assert study.chosen_size(rows.drop("valid_ndcg10")) == (4, 64)


def test_the_expected_best_of_several_settings():
    draws = np.random.default_rng(0).normal(size=(200_000, 6)).max(1).mean()
    assert recipes.luck(6) == pytest.approx(draws, abs=0.01)
    assert recipes.luck(1) == pytest.approx(0, abs=1e-9)


DECAY = {
    "large": "16 × 100", "best": "4 × 100", "gap_common": 0.0041, "gap_tuned": -0.0006, "gain_large": 0.0047,
    "error_common": 0.0016, "error_tuned": 0.0016, "error_change": 0.002, "freedom": 10, "luck": 0.0018,
    "settings_large": 6, "settings_best": 6, "cells": 9, "test_common": 0.005, "test_tuned": -0.003,
    "setting": {"max_epochs": 40, "learning_rate": 0.012, "dropout": 0.2}, "shared": 6, "shared_gap": 0.0027,
    "shared_error": 0.0008, "shared_below": 5, "shared_test": 0.0032, "shared_common": 0.0025,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "the decay is one of the common recipe"),
        ({"gap_tuned": 0.0014}, "not decided whether"),
        ({"gap_common": 0.0033, "gap_tuned": 0.0031}, "is 0.0002 smaller than with the common recipe"),
        ({"gap_common": 0.0033, "gap_tuned": 0.0035, "error_tuned": 0.002}, "is 0.0002 larger than with"),
        ({"settings_best": 7}, "not had the same number of settings"),
        ({"gap_tuned": 0.0035}, "still loses when it has settings of its own"),
        ({"gap_common": 0.002}, "there is no decay to explain"),
        ({"error_tuned": None}, "no difference can be judged"),
        ({}, "over equal settings the larger model is lower"),
        ({"shared_gap": -0.0027}, "over equal settings the larger model is higher"),
        ({"shared_error": 0.0021}, "So over equal settings no difference is clear"),
    ],
)
def test_the_decay_is_one_of_size_or_of_the_recipe(changes, sentence):
    text = recipes.decay_words(DECAY | changes)
    assert sentence in text
    assert not re.search(r"None|nan|  ", text)


def test_the_panel_is_that_of_the_stored_sweep():
    panel = recipes.panel()
    row = panel.filter(n_layers=4, d_emb=100).row(0, named=True)
    rows = stored.sweep("paper-panel").filter(n_layers=4, d_emb=100)
    assert row["valid"] == pytest.approx(np.mean(rows["valid_ndcg10"].to_list()))
    assert (row["paper_hr10"], row["paper_ndcg10"]) == (0.305, 0.1698)  # Figures 3 and 5
    found = recipes.decay()
    settings = recipes.tried()
    large = settings.filter(n_layers=16, d_emb=100)
    assert found["gain_large"] == pytest.approx(large["valid"].max() - large.filter("common")["valid"].item())
    sides = [
        settings.filter(n_layers=n, d_emb=100).rows_by_key(recipes.SETTINGS, named=True, unique=True) for n in (4, 16)
    ]
    both = sides[0].keys() & sides[1].keys()
    assert found["shared"] == len(both) >= 6
    gaps = [sides[0][key]["valid"] - sides[1][key]["valid"] for key in both]
    assert found["shared_gap"] == pytest.approx(np.mean(gaps))
    sigma = recipes.panel_noise()
    assert sigma is not None
    squares = sum(1 / side[key]["runs"] for side in sides for key in both)
    assert found["shared_error"] == pytest.approx(sigma * squares**0.5 / len(both))
    agreement = recipes.agreement(panel)
    for ranking, name in (("all items", "ndcg10"), ("without the history", "ndcg10_without_history")):
        row = agreement.filter(metric="NDCG@10", ranking=ranking).row(0, named=True)
        ours, theirs = (panel[column].to_numpy() for column in (name, "paper_ndcg10"))
        ranks = [stats.rankdata(values) for values in (ours, theirs)]
        assert row["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
        assert row["gap"] == pytest.approx(np.mean(ours) - np.mean(theirs))


def test_what_twice_the_epochs_gain():
    tried = stored.sweep("tuning")
    for model, name in (("hstu", "HSTU"), ("sasrec", "SASRec")):
        long = tried.filter(model=model, max_epochs=80).row(0, named=True)
        same = {key: long[key] for key in ("learning_rate", "dropout", "weight_decay")}
        short = tried.filter(model=model, max_epochs=40, **same)["valid_ndcg10"].item()
        assert recipes.longer(40)[name] == pytest.approx(long["valid_ndcg10"] - short)


def test_published_figures_stand_beside_ours():
    table = recipes.literature()
    assert set(table["source"]) > {"this book"}
    ours = table.filter(source="this book")
    assert ours["model"].to_list() == ["SASRec", "HSTU", "LLaMA"]
    assert ours["runs"].to_list() == [3, 3, 3]
    text = recipes.targets_words(table)
    assert text.count("meets") + text.count("misses") == 3
    tried = stored.sweep("full-ranking-tuning")
    at_top = (stored.sweep("full-ranking")["learning_rate"] == tried["learning_rate"].max()).all()
    assert ("the greatest learning rate (HSTU, LLaMA, SASRec)" in recipes.edge_words()) == at_top
    assert recipes.user_error() == pytest.approx((0.31 * 0.69 / 6040) ** 0.5, rel=0.05)


def test_the_settings_beside_published_figures_are_those_that_validation_chose():
    tried, rows = stored.sweep("full-ranking-tuning"), stored.sweep("full-ranking")
    names = ["n_heads", "learning_rate", "dropout", "weight_decay", "max_epochs", "s_max", "n_layers", "d_emb"]
    for (model,), part in rows.group_by("model"):
        mine = tried.filter(model=model)
        assert len(mine) == 6
        best = mine.sort("valid_ndcg10").select(names).row(-1)
        assert part.select(names).unique().rows() == [best]
        assert not set(part["seed"]) & set(mine["seed"])


def ablation_rows(silu=0.004, bias=0.006, slope=0.002):
    """Made-up rows of sweep D, three seeds."""
    rng, rows = np.random.default_rng(0), []

    def add(model, n, seed, value, **changed):
        parts = ablations.FULL if model == "hstu" else dict.fromkeys(ablations.PARTS) | {"use_ratings": False}
        y = 0.09 + value + 0.0002 * rng.normal()
        row = {"model": model, "n_layers": n, "d_emb": 32, "seed": seed, **parts, **changed}
        rows.append({**row, "hr10": 2 * y, "ndcg10": y, "valid_ndcg10": y, "loss": 6 - y})

    for seed in range(3):
        add("hstu", 2, seed, 0)
        add("hstu", 2, seed, -silu, attention="softmax")
        add("hstu", 2, seed, -bias, bias="none")
        for n, (model, tilt) in product((1, 4, 8), {"hstu": slope, "gpt": 0.0, "llama": -abs(slope) / 2}.items()):
            add(model, n, seed, tilt * np.log2(n / 2))
        for model in ("gpt", "llama"):
            add(model, 2, seed, 0)
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.mark.parametrize(
    ("made_rows", "word"),
    [
        (ablation_rows(), "reproduced"),
        (ablation_rows(silu=-0.004), "weaker-than-claimed"),
        (ablation_rows(silu=-0.004, bias=0.0), "contradicted"),
        (ablation_rows(silu=0.0, bias=0.0), "open"),
        (None, "open"),
    ],
)
def test_parts_left_out_of_hstu(made_rows, word):
    evidence = ablations.parts_evidence(made_rows)
    assert RULES["silu-and-bias"].judge(evidence)[0] == word
    if made_rows is not None:
        part = made_rows.filter(model="hstu", n_layers=2)
        groups = [own["ndcg10"].to_numpy() for _, own in part.group_by("attention", "bias")]
        pooled = np.sqrt(np.mean([values.var(ddof=1) for values in groups]) * 2 / 3)
        half = (evidence["silu_high"] - evidence["silu_low"]) / 2
        # wider than the t interval of one comparison, narrower than Bonferroni's of both
        assert stats.t.ppf(0.975, 6) * pooled < half < stats.t.ppf(1 - 0.025 / 2, 6) * pooled * 1.001
        whole = part.filter(attention="silu", bias="both")["ndcg10"].mean()
        assert evidence["silu"] == pytest.approx(whole - part.filter(attention="softmax")["ndcg10"].mean())
        assert (evidence["silu_low"] + evidence["silu_high"]) / 2 == pytest.approx(evidence["silu"], abs=1e-5)


def test_a_variant_that_differs_is_named_and_a_metric_without_one_too():
    rows = ablation_rows().with_columns(valid_ndcg10=0.09 + 0.001 * pl.col("seed"))
    text = ablations.effects_words(ablations.effects(rows))
    assert "“softmax” changes NDCG@10 by -0.0039 (p < 0.0001)" in text
    assert "In validation NDCG@10 no variant differs clearly." in text
    assert ablations.effects_words(ablations.effects(ablation_rows(silu=0.0, bias=0.0))).startswith("No variant")


@pytest.mark.parametrize(
    ("made_rows", "word"),
    [
        (ablation_rows(), "reproduced"),
        (ablation_rows(slope=-0.002), "weaker-than-claimed"),
        (ablation_rows(slope=0.0), "open"),
        (None, "open"),
    ],
)
def test_models_over_depth(made_rows, word):
    assert RULES["new-frontiers-backbones"].judge(ablations.backbones_evidence(made_rows))[0] == word


def test_a_depth_of_a_single_seed_costs_no_interval():
    rows = ablation_rows(slope=0.002)
    deepest = max(rows["n_layers"].to_list())
    single = rows.filter((pl.col("n_layers") < deepest) | (pl.col("seed") == 0))
    found = ablations.slopes(single).filter(model="HSTU").row(0, named=True)
    every = ablations.slopes(rows).filter(model="HSTU").row(0, named=True)
    assert (found["depths"], found["seeds"]) == (every["depths"] - 1, every["seeds"])
    assert found["low"] < 0.002 < found["high"]
    assert ablations.left_out(rows) == ""
    said = ablations.left_out(single)
    value = r"0\.\d+ \(\d\.\d+\)"
    assert re.fullmatch(
        rf"Where .* of these runs: at {deepest} blocks GPT {value}, HSTU {value}, LLaMA {value}\.", said
    )
    alone = ablations.slopes(rows.filter(seed=0)).filter(model="HSTU").row(0, named=True)
    assert (alone["depths"], alone["seeds"], alone["runs"]) == (every["depths"], 1, every["depths"])
    assert alone["low"] < alone["mean"] < alone["high"]


def test_slopes_in_doublings_of_depth():
    found = ablations.slopes(ablation_rows(slope=0.002))
    assert dict(found.select("model", "mean").iter_rows()) == pytest.approx(
        {"HSTU": 0.002, "GPT": 0.0, "LLaMA": -0.001}, abs=2e-4
    )
    rows = ablation_rows(slope=0.002)
    squares, spread = 0.0, 0.0
    for model in ("hstu", "gpt", "llama"):
        own = rows.filter(pl.col("model") == model, pl.col("attention").fill_null("silu") == "silu")
        own = own.filter(pl.col("bias").fill_null("both") == "both")
        x, y = np.log2(own["n_layers"].to_numpy()), own["ndcg10"].to_numpy()
        line, rest, *_ = np.polyfit(x, y, 1, full=True)
        squares += rest[0]
        if model == "hstu":
            spread, slope, runs = ((x - x.mean()) ** 2).sum(), line[0], len(x)
    row = found.filter(model="HSTU").row(0, named=True)
    half = stats.t.ppf(0.975, 3 * runs - 6) * np.sqrt(squares / (3 * runs - 6) / spread)
    assert (row["mean"], row["low"]) == (pytest.approx(slope), pytest.approx(slope - half))


def test_a_difference_that_rests_on_one_model_is_told():
    rows = ablation_rows(slope=0.002).filter(pl.col("model") != "llama")
    third = rows.filter(model="gpt").with_columns(model=pl.lit("llama"), ndcg10=pl.col("ndcg10") + 1e-4)
    three = pl.concat([rows, third])
    every, without = ablations.slopes_differ(three), ablations.rests_on_one(three)
    assert every is not None
    assert without is not None
    assert every < 1e-6
    assert without > 0.5  # HSTU left out, the other two are alike
    assert ablations.rests_on_one(rows) == ablations.slopes_differ(rows)
    evidence = ablations.backbones_evidence(three)
    assert RULES["new-frontiers-backbones"].judge(evidence)[0] == "open"
    assert ablations.variant({"attention": "softmax", "bias": "none", "gate": False, "use_ratings": True}) == (
        "softmax, no bias, no gate, ratings interleaved"
    )


def test_the_pair_that_makes_the_scatter_is_named(noisy):
    rows, _ = noisy
    assert "scatter more" not in words.precision_words(
        orders.differences(rows), orders.same_spread(rows), pl.DataFrame(), rows
    )
    odd = (pl.col("precision") == "bfloat16") & (pl.col("model") == "sasrec") & (pl.col("n_layers") == 2)
    far = rows.with_columns(loss=pl.when(odd & (pl.col("d_emb") == 64)).then(7.0).otherwise("loss"), best_epoch=3)
    found = orders.farthest(far)
    assert found is not None
    assert (found["model"], found["n_layers"], found["d_emb"], found["bfloat16"]) == ("sasrec", 2, 64, 7.0)
    assert found["low"] < 0 < found["high"]
    table = orders.differences(far).filter(model="all", metric="test loss").row(0, named=True)
    pairs = orders.pairs(far, "loss").filter(pl.col("d_emb") != 16)["change"].to_numpy()  # σ comes from width 16
    sigma = study.noise(far, "loss")
    assert sigma is not None
    assert table["scatter"] == pytest.approx(pairs.std(ddof=1) / sigma.sigma / 2**0.5)
    assert table["p"] == pytest.approx(stats.f.sf(table["scatter"] ** 2, len(pairs) - 1, sigma.freedom))
    text = words.precision_words(orders.differences(far), orders.same_spread(far), pl.DataFrame(), far)
    assert "SASRec of 2 × 64, whose test loss is" in text
    assert "7.000 in bfloat16 (epoch 3)" in text


def test_sizes_and_machines_are_told_as_they_are(noisy):
    rows, _ = noisy
    best = study.best(rows)
    assert "to choose from" not in words.best_words(best, False)
    fewer = study.best(rows.filter((pl.col("precision") == "float32") | (pl.col("n_layers") < 4)))
    assert "Sizes to choose from, the same for all models: 9 in float32 and 6 in bfloat16." in words.best_words(
        fewer, False
    )
    uneven = study.best(rows.filter((pl.col("model") != "hstu") | (pl.col("n_layers") < 4)))
    assert "The models had different numbers of sizes to choose from, 6 to 9." in words.best_words(uneven, False)
    assert "run more than once: 16. The other sizes are single runs" in words.repeats_words(rows)
    assert words.repeats_words(rows.filter(seed=0)) == "No size was run more than once."
    assert "single" not in words.repeats_words(rows.filter(d_emb=16))
    uneven = rows.filter((pl.col("model") != "hstu") | (pl.col("seed") == 0))
    assert "more than once: none (HSTU in float32, HSTU in bfloat16); 16 (LLaMA" in words.repeats_words(uneven)
    for device in (pl.lit(0), pl.lit(None), pl.lit(None, pl.String)):
        assert "processor" not in words.closing(rows.with_columns(device=device), False)
    assert "elsewhere" not in words.repeats_words(rows.with_columns(device=pl.lit("cpu, x")))
    device = (
        pl.when((pl.col("model") == "llama") & (pl.col("d_emb") == 32))
        .then(pl.lit("cpu, x"))
        .otherwise(pl.lit("NVIDIA"))
    )
    text = words.repeats_words(rows.filter(precision="float32").with_columns(device=device))
    assert text.endswith("On a processor were trained 3 of the 15 runs of LLaMA in float32, and all others on a GPU.")


def test_a_table_without_what_it_needs_is_refused_in_one_sentence(tmp_path):
    file = tmp_path / "mine.csv"
    rows = made(["mine"], ["float32"]).with_columns(dataset=pl.lit("a"))
    rows.drop("model").write_csv(file)
    with pytest.raises(InputError, match="no column 'model'"):
        study.rows(str(file))
    file.write_text("model,n_layers,d_emb,hr10,ndcg10\nm,1,8,,0.1\n")
    with pytest.raises(InputError, match=r"mine.csv, line 2: column 'hr10' is empty"):
        study.rows(str(file))
    pl.concat([rows, rows.with_columns(dataset=pl.lit("b"))]).write_csv(file)
    with pytest.raises(InputError, match="runs of 'a', 'b'; name one of them as dataset"):
        study.rows(str(file))
    with pytest.raises(InputError, match="runs of 'a', 'b'; name one of them as dataset"):
        study.rows(str(file), "c")
    assert len(study.rows(str(file), "b")) == len(rows)
    with pytest.raises(InputError, match="there is no table of yours"):
        study.rows(None, "a")


@pytest.mark.parametrize("depths", [(1,), (1, 2), (1, 2, 4), (1, 2, 4, 8)])
def test_a_small_table_without_seeds_or_precision_has_its_sentences(tmp_path, depths):
    file = tmp_path / "mine.csv"
    rows = made(["a_b<i>"], ["float32"], depths, (8, 16, 32, 64)).filter(seed=0)
    rows.select("model", "n_layers", "d_emb", "hr10", "ndcg10").write_csv(file)
    rows = study.rows(str(file))
    best, found = study.best(rows), study.fits(rows, WAYS, n=5)
    table = study.exponent_table(found)
    said = [
        words.opening(rows, False, "a*b"),
        words.best_words(best, False),
        words.grid_words(found),
        words.orders_words(orders.orders(found)),
        words.precision_words(
            orders.differences(rows), orders.same_spread(rows), orders.exponents_changed(found), rows
        ),
    ]
    assert "a\\_b\\<i\\>" in said[0]
    assert "a\\*b" in said[0]
    assert not [text for text in said if re.search(r"None|nan|<i>", text)]
    assert tables.best_table(best, False, "hr10")["model"].to_list() == ["a_b<i>, unstated precision"]
    assert tables.fit_lines(table)["fit"].to_list() == ["yes" if len(depths) > 2 else f"none: {words_of(depths)} only"]


def words_of(depths):
    return {1: "1 block", 2: "1 and 2 blocks"}[len(depths)]


FOREIGN = re.compile(r"MovieLens|6,040|Table 4|P-Law|Klenitskiy|0\.3459|0\.332|the paper")


def test_a_readers_table_gives_a_page_about_nothing_else(tmp_path):
    file, page = tmp_path / "mine.csv", tmp_path / "10.ipynb"
    rows = made(["tiny_a", "tiny_b", "hstu"], ["float32"], noise=0.002).drop("loss", "valid_ndcg10")
    rows.with_columns(dataset=pl.lit("ml-100k")).write_csv(file)
    given = tmp_path / "given.yml"
    given.write_text(json.dumps({"runs": str(file), "dataset": "ml-100k", "n_bootstrap": 20}))
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--log-level", "ERROR"]
    done = subprocess.run(
        [*command, ROOT / "notebooks/10-frameworks.ipynb", page, "-f", given], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    cells = nbformat.read(page, 4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [str(text) for output in outputs for text in output.get("data", {}).values()]
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert any("45 finished runs on ml-100k" in text for text in shown)
    assert [found for text in [*shown, *prose] for found in FOREIGN.findall(text)] == []
    assert not any("srlaw.verdict" in key for output in outputs for key in output.get("data", {}))
    assert any("tiny\\_a" in text for text in shown)


def test_one_seed_of_a_part_and_one_depth_compare_nothing():
    """Sweep D while it runs: the whole model three times, one of its parts left out once."""
    shared = {"model": "hstu", "n_layers": 2, "d_emb": 32, "use_ratings": False, "attention": "silu", "gate": True}
    runs = [("both", 0), ("both", 1), ("both", 2), ("position", 0)]
    values = dict.fromkeys(ablations.MEASURED, 0.1)
    table = pl.DataFrame([shared | values | {"bias": bias, "seed": seed} for bias, seed in runs])
    assert ablations.effects(table).is_empty()
    assert ablations.slopes(table).is_empty()
    more = pl.concat([table, table[3:].with_columns(seed=pl.lit(1, pl.Int64))])
    assert ablations.effects(more)["seeds"].unique().to_list() == [2]
