"""The planner on made tables whose best size is known, and on tables that cannot tell."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import f_oneway
from test_cli import answer, refusal, srlaw

from srlaw.errors import InputError
from srlaw.planner import Cells, decide, plan_rows
from srlaw.planner import noise as noises
from srlaw.planner.extras import split_rows
from srlaw.planner.forecast import LINEAR, carried_curves, draws, forecasters, weigh
from srlaw.planner.table import read_table

SIZES = pl.DataFrame([{"n_layers": n, "d_emb": d} for n in (2, 4, 8, 16, 32) for d in (16, 32, 64, 128)])
HILL = 0.3 - 0.01 * (pl.col("n_layers").log() - np.log(8)) ** 2 - 0.01 * (pl.col("d_emb").log() - np.log(64)) ** 2
SLOPE = 0.1 + 0.01 * pl.col("n_layers").log() + 0.02 * pl.col("d_emb").log()


def made(truth=HILL, sigma=0.001, repeats=1, seed=0, **columns) -> pl.DataFrame:
    """A table of runs: the truth with noise, `repeats` seeds each."""
    rng = np.random.default_rng(seed)
    runs = SIZES.join(pl.DataFrame({"seed": range(repeats)}), how="cross")
    runs = runs.with_columns(ndcg10=truth + sigma * pl.Series(rng.normal(size=len(runs))))
    return runs.with_columns(hr10=2 * pl.col("ndcg10"), **{name: pl.lit(value) for name, value in columns.items()})


def planned(table, **options):
    return plan_rows(table, laws=options.pop("laws", LINEAR), **{"count": 100, **options})


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_hill_is_found_and_its_interval_holds_the_truth(repeats):
    found = planned(made(repeats=repeats))
    best = found["recommendation"]
    assert (best["n_layers"], best["d_emb"]) == (8, 64)
    assert best["bounded"] is True
    low, high = best["interval"]["ndcg10"]
    assert low < 0.3 < high
    assert high - low < 0.01
    assert best["hr10"] == pytest.approx(2 * best["ndcg10"])
    evidence = found["evidence"]
    assert ("log-quadratic leaves" in evidence["noise"]["source"]) == (repeats == 1)
    assert evidence["noise"]["sigma"] == pytest.approx(0.001, rel=0.5)
    assert evidence["agree"] > 0.5
    assert sum(row["weight"] for row in evidence["forecasts"]) == pytest.approx(1)
    gain = evidence["gain_over_smallest"]
    truth = 0.01 * np.log(4) ** 2 * 2
    assert gain["interval"][0] - 0.002 < truth < gain["interval"][1] + 0.002


def test_what_repeats_show_of_a_size_counts_where_the_laws_miss_it():
    peak = (pl.col("n_layers") == 16) & (pl.col("d_emb") == 32)
    table = made(repeats=3).with_columns(ndcg10=pl.col("ndcg10") + pl.when(peak).then(0.03).otherwise(0.0))
    best = planned(table)["recommendation"]
    assert (best["n_layers"], best["d_emb"]) == (16, 32)


def test_noise_alone_has_no_recommendation():
    reasons = [planned(made(pl.lit(0.3), seed=seed), count=20)["reason"] for seed in range(5)]
    assert sum("below the noise" in reason for reason in reasons) >= 4
    table = made(pl.lit(0.3), repeats=3)
    repeated = planned(table)
    assert repeated["recommendation"] is None
    assert set(repeated["evidence"]["p"]) == {"shuffled", "between"}
    alike = repeated["evidence"]["alike"]
    assert alike["groups"] == 1
    assert alike["interval"][0] < 0.3 < alike["interval"][1]
    assert (alike["n_layers"], alike["d_emb"]) == (2, 16)
    assert np.ptp(alike["interval"]) == pytest.approx(2 * 2.02 * 0.001 / len(table) ** 0.5, rel=0.4)


def test_at_an_edge_larger_was_not_tried():
    found = planned(made(SLOPE))
    assert found["recommendation"]["bounded"] is False
    assert found["evidence"]["edges"] == {"n_layers": "upper", "d_emb": "upper"}
    assert "at least this depth and width: larger was not tried" in found["reason"]


def test_a_smaller_model_within_the_noise_is_named():
    flat = pl.when(pl.col("d_emb") > 16).then(0.2 + 0.0002 * pl.col("n_layers").log()).otherwise(0.1)
    smaller = planned(made(flat, repeats=2))["evidence"]["smaller"]
    assert smaller["n_layers"] <= 4
    assert -0.01 < smaller["difference"] < 0


def test_a_yardstick_that_is_not_beaten():
    assert planned(made(baseline_next_ndcg10=0.2))["recommendation"] is not None
    found = planned(made(baseline_next_ndcg10=0.4, baseline_popularity_ndcg10=0.1))
    assert found["recommendation"] is None
    assert "yardstick item→next" in found["reason"]


def test_groups_share_a_shape_and_have_their_own_levels():
    table = pl.concat([made(HILL + level, seed=i, model=name) for i, (name, level) in enumerate(LEVELS.items())])
    found = planned(table)
    assert {"model": "hstu", "n_layers": 8, "d_emb": 64}.items() <= found["recommendation"].items()
    assert planned(table, models=["sasrec"])["recommendation"]["model"] == "sasrec"
    with pytest.raises(InputError, match="no model 'gru'"):
        planned(table, models=["gru"])


LEVELS = {"sasrec": 0.0, "hstu": 0.05}


def test_a_group_with_few_runs_is_lifted_by_the_others():
    table = pl.concat([made(HILL, 0.0, model="a"), made(HILL + 0.05, 0.0, model="b").gather([0, 5, 7])])
    cells = read_table(table, "ndcg10").cells["ndcg10"]
    assert len(cells.sizes) == 20 + 2 * 3
    n, d = cells.sizes.T
    expected = 0.3 - 0.01 * np.log(n / 8) ** 2 - 0.01 * np.log(d / 64) ** 2 + 0.05 * cells.group
    for way in forecasters({}, ["log-quadratic"]):
        spread = 1e-9 if way.law else 0.01
        np.testing.assert_allclose(way.predict(cells, cells.y[None])[0], expected, atol=spread)


def test_what_is_chosen_by_validation_is_reported_by_the_test():
    table = made().with_columns(valid_ndcg10=SLOPE)
    found = planned(table)
    assert found["evidence"]["chosen_by"] == "valid_ndcg10"
    best = found["recommendation"]
    assert (best["n_layers"], best["d_emb"]) == (32, 128)
    assert best["ndcg10"] < 0.29


def test_a_limit_of_parameters_leaves_larger_sizes_out():
    n, d = pl.col("n_layers"), pl.col("d_emb")
    table = made(SLOPE).with_columns(params_total=1000 * d + 12 * n * d**2)
    best = planned(table, max_params=100_000)["recommendation"]
    assert 1000 * best["d_emb"] + 12 * best["n_layers"] * best["d_emb"] ** 2 <= 100_000
    with pytest.raises(InputError, match="at most 10 parameters"):
        planned(table, max_params=10)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pl.concat([made(dataset="a"), made(dataset="b")]), "several values of 'dataset'"),
        (pl.concat([made(), made()]).drop("seed"), "tell repeats by a column seed"),
        (made().drop("ndcg10"), "no column 'ndcg10'"),
        (made().with_columns(d_emb=-pl.col("d_emb")), "must be above 0"),
    ],
)
def test_a_table_that_cannot_be_planned_by(table, message):
    with pytest.raises(InputError, match=message):
        planned(table)


def test_too_few_or_equal_configurations():
    assert "3 configurations" in planned(made()[:3])["reason"]
    assert "reach the same" in planned(made(pl.lit(0.3), 0.0))["reason"]


def test_noise_of_repeats_by_hand():
    table = made(repeats=3)
    read = read_table(table, "ndcg10")
    groups = [part["ndcg10"].to_numpy() for part in table.partition_by("n_layers", "d_emb", maintain_order=True)]
    noise = read.repeats["ndcg10"]
    assert noise.freedom == 40
    assert noise.sigma**2 == pytest.approx(np.mean([group.var(ddof=1) for group in groups]))
    assert noises.between(read.cells["ndcg10"], noise) == pytest.approx(f_oneway(*groups).pvalue)
    assert read_table(made(), "ndcg10").repeats["ndcg10"] is None


def test_shuffled_measurements_are_smooth_as_often_as_they_should():
    p = [noises.shuffled(read_table(made(pl.lit(0.3), seed=i), "ndcg10").cells["ndcg10"]) for i in range(60)]
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) < 0.05) < 0.15
    assert noises.shuffled(read_table(made(), "ndcg10").cells["ndcg10"]) == pytest.approx(0.001)


def test_a_law_that_is_true_is_believed():
    cells = read_table(made(sigma=0.0005), "ndcg10").cells["ndcg10"]
    found = weigh(cells, forecasters({}, LINEAR))
    assert found.weights.get("log-linear", 0) < 0.01
    assert max(found.weights, key=lambda name: found.weights[name]).startswith("log-quadratic")
    np.testing.assert_allclose(found.surface[cells.seen], cells.y, atol=0.002)


def test_the_carried_shape_is_that_of_the_others():
    prior = SIZES.with_columns(y=HILL)
    cells = read_table(made(2 * HILL - 0.1, 0.0), "ndcg10").cells["ndcg10"]
    few = cells.only(np.array([0, 1, 5]))
    for way in forecasters(carried_curves([prior]), [])[1:]:
        np.testing.assert_allclose(way.predict(few, few.y[None])[0][cells.seen], cells.y, atol=0.002)
    assert carried_curves([]) == {}


def test_a_data_set_is_no_prior_of_itself():
    prior = {"ndcg10": [SIZES.with_columns(y=HILL, dataset=pl.lit("a"))]}
    found = {name: planned(made(dataset=name), priors=prior, count=20) for name in ("a", "b")}
    names = {name: {row["forecast"] for row in one["evidence"]["forecasts"]} for name, one in found.items()}
    assert not any("carried" in name for name in names["a"])
    assert any("carried" in name for name in names["b"])


def test_draws_are_as_wide_as_refits_of_fresh_measurements():
    """By simulation: the standard deviation of a surface over fresh noise, beside that of the draws of one table."""
    ways, fits = forecasters({}, ["log-quadratic"])[:1], []
    for seed in range(60):
        cells = read_table(made(seed=seed), "ndcg10").cells["ndcg10"]
        fits.append(ways[0].predict(cells, cells.y[None])[0])
    cells = read_table(made(seed=99), "ndcg10").cells["ndcg10"]
    drawn = draws(cells, ways, weigh(cells, ways), 400, 0)
    assert np.median(drawn.std(0) / np.std(fits, axis=0)) == pytest.approx(1, abs=0.35)


def test_edges_are_those_of_the_group():
    sizes = np.array([[1, 8], [2, 8], [1, 16], [2, 16], [4, 32]], float)
    none = np.empty(0, int)
    cells = Cells(sizes, np.array([0, 0, 0, 0, 1]), sizes[:, 0], none, np.empty(0), none)
    assert cells.edges(1) == {"n_layers": "upper", "d_emb": "lower"}
    assert cells.edges(4) == {"n_layers": "upper", "d_emb": "upper"}


def test_the_command_line(tmp_path):
    made().write_csv(tmp_path / "rows.csv")
    found = answer("plan", tmp_path / "rows.csv")
    assert set(found) == {"recommendation", "reason", "evidence"}
    best = found["recommendation"]
    assert {"model", "s_max", "n_layers", "d_emb", "hr10", "ndcg10", "interval", "bounded"} <= set(best)
    made(dataset="a").vstack(made(dataset="b")).write_csv(tmp_path / "two.csv")
    assert "several values of 'dataset'" in refusal("plan", tmp_path / "two.csv")
    assert "no file" in refusal("plan", tmp_path / "none.csv")


def test_what_a_table_does_not_tell_is_not_printed_and_what_is_wrong_has_its_line(tmp_path):
    file = tmp_path / "rows.csv"
    bare = made().select("n_layers", "d_emb", "ndcg10", "seed")
    bare.write_csv(file)
    screen = srlaw("plan", file).stdout
    assert "recommended" in screen
    assert "None" not in screen
    assert "has no column 'model', so it cannot be asked for 'hstu'" in refusal("plan", file, "--models", "hstu")
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:4], ",".join([*lines[4].split(",")[:2], "x", "0"]), *lines[5:]]))
    assert "rows.csv, line 5: column 'ndcg10' is 'x'" in refusal("plan", file)


def test_a_table_with_rows_from_before_some_columns_can_be_planned():
    file = Path(__file__).parents[1] / "data" / "sweeps" / "paper-panel.csv"
    table = pl.read_csv(file, infer_schema_length=None)
    assert 0 < table["judged_on"].null_count() < len(table)
    parts = split_rows(table)
    assert (len(parts.sizes), len(parts.tested)) == (len(table), 0)
    blank = dict.fromkeys(("judged_on", "order", "fraction", "test_fraction"))
    parts = split_rows(made().with_columns(**blank))
    assert (len(parts.sizes), len(parts.random)) == (len(made()), 0)
    decide(made().with_columns(**blank), count=20)
