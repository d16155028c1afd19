"""Chapter 13: the published runs of SRT, each surprising number found by a second route."""

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import rankdata

from srlaw import paper, stored
from srlaw.chapters import compute as study
from srlaw.chapters import compute_frontier as frontiers
from srlaw.chapters import compute_optimal as optimal

LEVELS = np.geomspace(1e13, 1e16, 13)


@pytest.fixture(scope="module")
def points():
    return study.evaluations()


@pytest.fixture(scope="module")
def best(points):
    return frontiers.frontier(points)


def test_evaluations_are_ten_a_run(points):
    assert len(points) == 1190
    assert set(points.group_by("run").len()["len"]) == {10}
    first = points.filter(run="r002").sort("step").row(0, named=True)
    per_epoch = math.floor(first["total_flops"] * first["n_inters"] / first["train_batch_size"])
    assert first["flops"] == (first["step"] + 1) * per_epoch


def test_the_frontier_by_comparing_all_pairs(points, best):
    flops, y = points["flops"].to_numpy(), points[study.METRIC].to_numpy()
    beaten = [(y[(flops < c) | ((flops == c) & (y > v))] >= v).any() for c, v in zip(flops, y, strict=True)]
    assert len(best) == 73
    assert set(points.filter(~pl.Series(beaten))[study.METRIC]) == set(best[study.METRIC])


def test_the_published_curve_is_found_again_and_its_limit_is_not_identified():
    fits = frontiers.frontier_fits().filter(points="measured")
    found = dict(zip(fits["curve"], fits["r2"], strict=True))
    assert found["published"] == pytest.approx(0.9896, abs=5e-5)
    assert found["sigmoid, refitted"] == pytest.approx(0.9928, abs=5e-5)
    assert found["quadratic in ln C"] == pytest.approx(0.9917, abs=5e-5)
    free = fits.filter(curve="sigmoid, refitted")["top"].item()
    held = frontiers.limits([0.12, 0.13, free, 0.15, 0.2])
    assert held["r2"].arg_max() == 2
    assert held["r2"].max() == pytest.approx(found["sigmoid, refitted"], abs=1e-6)
    assert held["r2"].min() > found["published"]


def test_the_sigmoid_is_found_from_its_own_values():
    x = np.linspace(26, 45, 60)
    true = {"height": 0.3, "rate": 0.3, "middle": 30.0, "floor": -0.15}
    found = frontiers.fit_sigmoid(x, frontiers.sigmoid(x, **true))
    assert {name: found[name] for name in true} == pytest.approx(true, rel=1e-5)
    assert found["top"] == pytest.approx(0.15)
    held = frontiers.fit_sigmoid(x, frontiers.sigmoid(x, **true), top=0.15)
    assert held["r2"] == pytest.approx(1, abs=1e-9)


def test_forecasts_leave_the_last_part_out():
    table = frontiers.forecasts(0.1)
    assert table["fitted"][0] + table["tested"][0] == 73
    error = dict(table.select("curve", "rmse").iter_rows())
    assert error["quadratic in ln C"] < error["sigmoid"] < error["best so far"]


def test_all_draws_of_data_sets_against_random_ones(points):
    exact = {row["name"]: row for row in frontiers.over_data_sets(optimal.slopes).iter_rows(named=True)}
    names = points["dataset"].unique().sort().to_numpy()
    rng, drawn, known = np.random.default_rng(0), [], {}
    while len(drawn) < 1500:
        chosen = frozenset(rng.choice(names, 5))
        if len(chosen) > 1:
            if chosen not in known:
                part = points.filter(pl.col("dataset").is_in(list(chosen)))
                known[chosen] = optimal.slopes(part)["parameters"]
            drawn.append(known[chosen])
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert exact["parameters"]["low"] == pytest.approx(low, abs=0.01)
    assert exact["parameters"]["high"] == pytest.approx(high, abs=0.02)


def test_exponents_of_the_frontier_by_covariances(best):
    found = optimal.slopes(best)
    x = np.log(best["flops"].to_numpy())
    for name, column in study.SIZES.items():
        y = np.log(best[column].to_numpy())
        assert found[name] == pytest.approx(np.cov(x, y)[0, 1] / x.var(ddof=1))
    assert list(found.values()) == pytest.approx([0.197, 0.435, 0.510], abs=5e-4)


def test_the_joint_law_run_by_run():
    table = paper.srt_runs()
    law = optimal.JOINT
    y, gaps = [], []
    for row in table.iter_rows(named=True):
        y.append(row["valid_ndcg_at_5"])
        n, t = row["model_total_params"], row["n_inters"]
        gaps.append(y[-1] - (law["E"] - law["A"] / n ** law["alpha"] - law["B"] / t ** law["beta"]))
    mean = sum(y) / len(y)
    r2 = 1 - sum(g * g for g in gaps) / sum((v - mean) ** 2 for v in y)
    fits = {row["curve"]: row for row in optimal.joint_fits().iter_rows(named=True)}
    assert fits["published"]["r2"] == pytest.approx(r2)
    assert r2 == pytest.approx(0.808, abs=5e-4)
    assert fits["published"]["left_out"] == pytest.approx(math.sqrt(sum(g * g for g in gaps) / len(gaps)))


def test_refitted_the_joint_law_is_logarithmic_in_the_data():
    fits = {row["curve"]: row for row in optimal.joint_fits().iter_rows(named=True)}
    assert fits["published form, refitted"]["beta"] < 1e-3
    assert fits["published form, refitted"]["r2"] == pytest.approx(fits["E − A/N^α + b ln T"]["r2"], abs=1e-4)
    assert fits["plane in logarithms"]["r2"] > fits["published"]["r2"]
    assert fits["quadratic in logarithms"]["r2"] > fits["published form, refitted"]["r2"]
    assert optimal.joint_on_frontier() == pytest.approx(0.931, abs=5e-4)


def made_up_runs(exponent=0.4):
    """Runs at each of six widths whose NDCG@5 at compute C is a parabola in ln N around N = C^exponent."""
    rows = []
    for width in range(6):
        n = 10.0 ** (4 + 0.4 * width)
        for flops in np.geomspace(1e12, 1e16, 30):
            y = 0.1 - 0.002 * (np.log(n) - exponent * np.log(flops)) ** 2
            rows.append((f"r{width}", width, 1, n, n, n, flops, y))
    names = ["run", "hidden_size", "n_layers", *study.SIZES.values(), "flops", study.METRIC]
    return pl.DataFrame(rows, names, orient="row")


def test_isoflop_parabolas_find_a_known_exponent():
    table = optimal.iso_compute(made_up_runs(), np.geomspace(1e12, 1e15, 9))
    kept = table.drop_nulls("vertex")
    assert len(kept) >= 5
    assert kept["vertex"].to_numpy() == pytest.approx(kept["flops"].to_numpy() ** 0.4, rel=0.02)
    assert optimal.iso_exponent(table) == pytest.approx(0.4, abs=0.01)
    assert math.isnan(optimal.iso_exponent(table.head(2)))


def test_a_parabola_that_does_not_turn_among_the_sizes_has_no_vertex():
    table = optimal.iso_compute(made_up_runs(1.5), [1e13, 1e14])
    assert table["vertex"].to_list() == [None, None]


def test_the_three_approaches(points):
    table = optimal.approaches(LEVELS)
    value = {(r["approach"], r["size"]): r["value"] for r in table.iter_rows(named=True)}
    assert value["joint law, published", "parameters"] == pytest.approx(0.364 / 0.740)
    assert value["isoFLOP parabolas", "parameters"] == pytest.approx(0.18, abs=0.005)
    single = optimal.iso_exponent(optimal.iso_compute(points, LEVELS))
    assert value["isoFLOP parabolas", "parameters"] == pytest.approx(single)


@pytest.mark.parametrize(
    "law", stored.chinchilla_refit().filter(pl.col("fit").is_in(["least", "Hoffmann et al. 2022"])).to_dicts()
)
def test_the_bias_of_a_parabola_is_that_of_its_grid(law):
    table = optimal.parabola_bias([1.001, 2.0, 8.0], law)
    assert table["ratio"][0] == pytest.approx(1, abs=1e-4)
    off = (table["ratio"] - 1).abs().to_list()
    assert off[0] < off[1] < off[2]

    def loss(z):  # the true optimum by search, C = 6 N D = 1e21
        n = math.exp(z)
        return law["A"] / n ** law["alpha"] + law["B"] / (1e21 / (6 * n)) ** law["beta"]

    best = minimize_scalar(loss, bounds=(15, 30), method="bounded", options={"xatol": 1e-10}).x
    z = np.arange(-2, 3) * math.log(8) + best
    q = np.polynomial.Polynomial.fit(z, [loss(v) for v in z], 2)
    vertex = float(q.deriv().roots()[0].real)
    assert math.exp(vertex - best) == pytest.approx(table["ratio"][2], rel=1e-4)


def test_steps_in_width_data_and_depth():
    counts = {}
    for column in ("hidden_size", "n_inters", "n_layers"):
        changes = study.steps_up(column)
        assert (changes["before"] < changes["after"]).all()
        counts[column] = ((changes["change"] > 0).sum(), len(changes))
    assert counts == {"hidden_size": (45, 45), "n_inters": (68, 68), "n_layers": (13, 58)}
    depth = study.depth_by_width()
    assert depth.filter(width=32)["best"].max() == 1
    assert depth.filter(width=256)["best"].min() == 8


def test_steps_in_depth_by_a_dictionary():
    cells: dict[tuple, dict[int, list[float]]] = {}
    for row in paper.srt_runs().iter_rows(named=True):
        key = (row["dataset"], row["nce_num_negatives"], row["hidden_size"])
        cells.setdefault(key, {}).setdefault(row["n_layers"], []).append(row["valid_ndcg_at_5"])
    changes = []
    for depths in cells.values():
        means = [sum(depths[n]) / len(depths[n]) for n in sorted(depths)]
        changes += [b - a for a, b in pairwise(means)]
    assert sorted(changes) == pytest.approx(sorted(study.steps_up("n_layers")["change"]))


def test_loss_and_ranking_part_by_ranks():
    table = study.loss_against_ranking()
    runs = paper.srt_runs()
    for row in table.iter_rows(named=True):
        part = runs.filter(dataset=row["dataset"], nce_num_negatives=row["negatives"])
        ranks = [rankdata(part[name]) for name in ("test_eval_loss", "test_ndcg_at_5")]
        assert row["test"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    small, large = table.filter(pl.col("n_inters") < 1e6), table.filter(pl.col("n_inters") > 8e6)
    assert small["test"].min() == pytest.approx(0.879, abs=5e-4)
    assert small["test"].max() == pytest.approx(0.986, abs=5e-4)
    assert large["test"].to_list() == pytest.approx([-0.9, -0.9])


def test_the_sign_hangs_on_the_reading_of_the_loss():
    """Every reading by ranks from the published files: only the loss of the last epoch rises with the ranking."""
    table = study.loss_against_ranking()
    curves = paper.srt_curves().drop_nulls("valid_ndcg_at_5").sort("run", "step")
    ends = {}
    for (run,), curve in curves.group_by("run"):
        loss, metric = curve["valid_eval_loss"].to_numpy(), curve["valid_ndcg_at_5"].to_numpy()
        ends[run] = (loss.min(), metric.max(), metric[loss.argmin()])
    runs = paper.srt_runs()
    for row in table.iter_rows(named=True):
        part = runs.filter(dataset=row["dataset"], nce_num_negatives=row["negatives"])
        least, best, then = np.array([ends[run] for run in part["run"]]).T
        trained, test = part["train_train_loss"].to_numpy(), part["test_ndcg_at_5"].to_numpy()
        pairs = {"least": (least, best), "at_least": (least, then), "training": (trained, test)}
        for name, pair in pairs.items():
            assert row[name] == pytest.approx(np.corrcoef(*map(rankdata, pair))[0, 1])
            assert row[name] < -0.5
    signs = study.signs(table)
    assert signs == {
        "groups": 10, "up_test": 8, "up_validation": 7, "up_least": 0, "up_at_least": 0, "up_training": 0,
        "together": 0, "most": pytest.approx(0.986, abs=5e-4),
    }  # fmt: skip
    bent = table.with_columns(
        pl.when(pl.col("n_inters") < 1e6).then(0.5).otherwise(name).alias(name) for name in study.READINGS
    )
    assert study.signs(bent)["together"] == 6
    text = study.signs_in_words(table)
    assert "larger loss in 8 of them, with a rank correlation of up to +0.99" in text
    assert "4,077,664 interactions and 300 negatives" in text


def test_shares_at_the_least_loss_curve_by_curve():
    shares = study.at_least_loss()
    curves = paper.srt_curves().drop_nulls("valid_ndcg_at_5")
    for run, share in shares.select("run", "share").iter_rows():
        curve = curves.filter(run=run).sort("valid_eval_loss")
        assert share == pytest.approx(curve["valid_ndcg_at_5"][0] / curve["valid_ndcg_at_5"].max())
    table = study.shares_by_data(shares)
    assert table["mean"].to_list() == pytest.approx([0.30, 0.46, 0.64, 0.92, 0.99], abs=5e-3)
    assert table["median"][0] == pytest.approx(0.21, abs=5e-3)


def test_repeats_differ_little_and_are_pooled():
    groups: dict[tuple, list[float]] = {}
    for row in paper.srt_runs().iter_rows(named=True):
        key = (row["dataset"], row["nce_num_negatives"], row["hidden_size"], row["n_layers"])
        groups.setdefault(key, []).append(row["valid_ndcg_at_5"])
    again = [np.array(v) for v in groups.values() if len(v) > 1]
    squares = sum(((v - v.mean()) ** 2).sum() for v in again)
    assert study.repeats() == pytest.approx(math.sqrt(squares / sum(len(v) - 1 for v in again)))
    assert len(again) == 26


def test_an_operation_is_a_parameter_and_an_event():
    table = study.operations()
    assert table["ratio"].is_between(0.85, 1.01).all()
    assert table["loss_share"].is_between(0, 0.6).all()
    run = study.runs().filter(run="r002").row(0, named=True)
    assert run["forward_flops"] / (128 * 50) == pytest.approx(run["model_non_emb_params"], rel=0.01)
