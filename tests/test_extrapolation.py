"""Chapter 6: the fits of small models, the naive predictors, and what counts as better."""

import numpy as np
import polars as pl
import pytest

from srlaw import paper
from srlaw.chapters.extrapolation import (
    NAIVE,
    at_share,
    by_evolution,
    deepest,
    endures,
    extrapolate,
    feasible,
    judged,
    larger_noise,
    noise,
    onset,
    ordered,
    paired,
    scored,
    scores,
    spare,
)
from srlaw.chapters.own_panels import beside_yardsticks, by_three_measures, load, of_choice
from srlaw.errors import InputError
from srlaw.laws import determined, forecasts, get, holdout

DEPTHS, WIDTHS = [2, 4, 8, 16, 32], [16, 32, 64, 128]


def surface(seed: int = 0, sigma: float = 0.0, peak: float = 3.5) -> pl.DataFrame:
    """A log-quadratic hump with noise."""
    n, d = (axis.ravel() for axis in np.meshgrid(DEPTHS, WIDTHS, indexing="ij"))
    y = 0.3 - 0.004 * (np.log(n) - 2) ** 2 - 0.006 * (np.log(d) - peak) ** 2
    y = y + sigma * np.random.default_rng(seed).normal(size=len(y))
    return pl.DataFrame({"n_layers": n, "d_emb": d, "y": y})


def study(points: pl.DataFrame, laws=("log-quadratic",)):
    panels = [paper.Panel("made", 0, "y", points)]
    fits = extrapolate(panels, laws)
    level = noise(fits)
    return fits, level, scores(fits, fits, level)


@pytest.mark.parametrize("law", ["log-quadratic", "performance", "performance-shared", "power"])
def test_batches_equal_single_holdouts(law):
    panels = load(None, ["hr10"])[:2]
    fits = extrapolate(panels, [law], starts=12)
    for panel in panels:
        result, expected = holdout(get(law), panel.points, "y", 14)
        own = fits.filter((pl.col("s_max") == panel.s_max) & (pl.col("k") == 14))
        seen = own.filter(pl.col("seen"))
        assert ((seen["y"] - seen["prediction"]) ** 2).sum() == pytest.approx(result.objective, rel=1e-6)
        np.testing.assert_allclose(own.filter(~pl.col("seen"))["prediction"], expected["prediction"], atol=2e-5)
        np.testing.assert_array_equal(own.filter(~pl.col("seen"))["n_layers"], expected["n_layers"])


def test_orders_and_feasibility_follow_from_the_design():
    points = paper.panels()[-2].points  # Huawei: four depths, four widths
    size = ordered(points)
    volume = (size["n_layers"] * size["d_emb"] ** 2).to_list()
    assert volume == sorted(volume)
    depth = ordered(points, "depth")
    assert depth["n_layers"].to_list() == sorted(points["n_layers"].to_list())
    assert not feasible(get("performance"), depth, 12)  # three depths leave three depth parameters no test
    assert feasible(get("performance-shared"), depth, 12)
    assert feasible(get("log-quadratic"), depth, 12)
    assert not feasible(get("log-quadratic"), depth, 8)  # two depths
    assert not feasible(get("log-quadratic"), size, 5)  # as many points as parameters


def test_a_law_that_is_true_predicts_exactly_and_chooses_the_best():
    _, _, table = study(surface())
    assert table["rmse"].max() < 1e-12
    assert table["best"].all()
    assert table["regret"].max() == 0
    assert table["smooth"].max() == 0
    assert table["regret_random"].min() > 0


def test_scores_by_hand():
    fits, level, table = study(surface(1, 0.002))
    k = 12
    own = fits.filter(pl.col("k") == k)
    new, y = own.filter(~pl.col("seen")), own["y"].to_numpy()
    row = table.filter(pl.col("k") == k).row(0, named=True)
    assert row["rmse_best"] == pytest.approx(np.sqrt(np.mean((y[:k].max() - y[k:]) ** 2)))
    assert row["rmse_largest"] == pytest.approx(np.sqrt(np.mean((y[k - 1] - y[k:]) ** 2)))
    assert row["regret"] == pytest.approx(y.max() - y[own["prediction"].arg_max()])
    assert row["regret_random"] == pytest.approx(y.max() - y.mean())
    assert row["new_largest"] == pytest.approx(new["y"].max() - new["y"][-1])
    assert level["sigma"].item() == pytest.approx(0.002, rel=0.5)
    assert set(table["k"]) == set(range(table["k"].min(), 20))


def test_z_is_standard_normal_for_predictors_that_are_equally_good():
    rng, repeats = np.random.default_rng(0), 2000
    truth = rng.normal(size=8)
    y = np.concatenate([np.zeros((repeats, 1)), truth + rng.normal(size=(repeats, 8))], axis=1).ravel()
    guess = np.tile(np.concatenate([[0.0], 2 * truth]), repeats)  # as far from the truth as the naive 0
    label = {"dataset": np.repeat(np.arange(repeats), 9).astype(str), "s_max": 0, "metric": "", "law": ""}
    size = np.tile(np.arange(1, 10), repeats)
    fits = {"k": 1, "n": 9, "sigma": 1.0, "n_layers": size, "d_emb": size, "y": y, "prediction": guess, "surface": y}
    z = scored(pl.DataFrame(label | fits))["z_best"].to_numpy()
    assert len(z) == repeats
    assert np.mean(z) == pytest.approx(0, abs=0.07)
    assert np.std(z) == pytest.approx(1, abs=0.05)


def test_verdicts_of_single_rows():
    rows = pl.DataFrame(
        {
            "sigma": [1.0, 1.0],
            "rmse": [1.0, 1.0],
            "rmse_best": [2.0, 2.0],
            "rmse_largest": [3.0, 0.5],
            "rmse_mean": [2.0, 2.0],
            "rmse_near": [2.0, 2.0],
            "z_best": [-3.0, -3.0],
            "z_largest": [-4.0, 2.5],
            "z_mean": [-3.0, -3.0],
            "z_near": [-3.0, -3.0],
            "regret": [1.0, 3.0],
        }
    )
    expected = [(True, True, False, True), (False, False, True, False)]
    assert judged(rows).select("lower", "better", "worse", "near").rows() == expected
    assert judged(rows, 2.0)["worse"].to_list() == [False, False]
    doubled = judged(rows.with_columns(f=pl.Series([1.0, 2.0])), pl.col("f"))
    assert doubled["worse"].to_list() == [False, False]
    assert doubled["better"].to_list() == [True, False]
    near = rows.with_columns(z_largest=pl.Series([-4.0, 2.4]))  # beyond 1.96, within the level that four share
    assert judged(near)["worse"].to_list() == [False, False]
    assert judged(near)["better"].to_list() == [True, False]


def test_by_which_factor_the_noise_may_grow():
    rows = pl.DataFrame({"dataset": ["a"], "s_max": [0], "metric": ["m"], "law": ["l"], "rmse": [1.0], "regret": [0.0]})
    rows = rows.with_columns(sigma=1.0, **{f"rmse_{key}": pl.lit(0.5) for key in NAIVE}, z_best=3.0, z_largest=0.0)
    rows = rows.with_columns(z_mean=0.0, z_near=0.0)
    assert endures(rows, ["l"]) == pytest.approx(1.2)  # 3 / 2.498 = 1.201
    assert endures(rows.with_columns(z_best=2.0), ["l"]) == 0
    level = rows.select("dataset", "s_max", "metric")
    assert larger_noise(rows, level.with_columns(additive=1.1))["worse"].item()
    assert not larger_noise(rows, level.with_columns(additive=1.3))["worse"].item()
    assert larger_noise(rows, level.with_columns(additive=0.1))["worse"].item()


def test_paired_counts_data_sets_not_panels():
    rows = [
        {"dataset": name, "law": "l", "rmse": rmse, **{f"rmse_{key}": 1.0 for key in NAIVE}}
        for name, rmse in [("a", 0.5), ("a", 0.6), ("a", 0.7), ("b", 2.0)]
    ]
    row = paired(pl.DataFrame(rows)).row(0, named=True)
    assert (row["panels"], row["wins"], row["ties"], row["data_sets"], row["of"]) == (4, 3, 0, 1, 2)
    assert row["p_sign"] == pytest.approx(0.625)
    assert row["p_data_sets"] == 1.0


def test_onset_is_where_the_law_stays_better():
    base = {"dataset": "a", "s_max": 0, "metric": "y", "law": "l", "n": 10, "sigma": 1.0, "regret": 0.0}
    errors = {4: 0.5, 5: 2.0, 6: 0.5, 7: 0.5, 8: 2.0}  # at k = 8 only two points are left: not looked at
    rows = [
        {**base, "k": k, "rmse": e, **{f"rmse_{key}": 1.0 for key in NAIVE}, **{f"z_{key}": 0.0 for key in NAIVE}}
        for k, e in errors.items()
    ]
    assert onset(pl.DataFrame(rows))["onset"].to_list() == [6]
    assert onset(pl.DataFrame(rows[:2]))["onset"].to_list() == [None]
    assert onset(pl.DataFrame(rows[2:4]))["onset"].to_list() == [6]


def test_deepest_covers_a_law_that_is_true():
    inside = []
    for seed in range(8):
        out = deepest(surface(seed, 0.002), ["log-quadratic"], 200, seed)
        inside += ((out["low"] <= out["y"]) & (out["y"] <= out["high"])).to_list()
    assert np.mean(inside) > 0.8
    assert out["n_layers"].unique().to_list() == [32]
    assert out["k"].unique().to_list() == [16]
    assert out["same_width"].null_count() == 0
    extra = pl.DataFrame({"n_layers": [32], "d_emb": [48], "y": [0.29]})
    more = deepest(surface(0, 0.002), ["log-quadratic"], 20, extra=extra)
    assert more["d_emb"].to_list() == [16, 32, 48, 64, 128]
    assert more["same_width"].null_count() == 1


def test_three_depths_do_not_determine_the_law_with_its_own_p():
    points = surface(0, 0.001).filter(pl.col("n_layers") >= 4)
    assert deepest(points, ["performance"], 10)["prediction"].null_count() == 4


@pytest.mark.parametrize("panel", [0, 9, 17])
def test_a_second_route_finds_the_same_fit(panel):
    points = ordered(paper.panels()[panel].points)
    squares, second = by_evolution(points, 12)
    first = forecasts(get("performance"), points, points["y"].to_numpy()[None], np.array([12]))[0, 0]
    assert ((first - points["y"].to_numpy())[:12] ** 2).sum() == pytest.approx(squares, rel=1e-6)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_log_quadratic_equals_least_squares_by_numpy():
    points = ordered(paper.panels()[2].points)
    ln, ld, y = np.log(points["n_layers"].to_numpy()), np.log(points["d_emb"].to_numpy()), points["y"].to_numpy()
    design = np.column_stack([ln**0, ln, ln**2, ld, ld**2])
    expected = design @ np.linalg.lstsq(design[:13], y[:13], rcond=None)[0]
    got = forecasts(get("log-quadratic"), points, y[None], np.array([13]))[0, 0]
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_the_smallest_k_of_a_share():
    _, _, table = study(surface(3, 0.002), ("log-quadratic", "performance"))
    half = at_share(table, 0.5)
    assert len(half) == 2
    assert (half["k"] >= 10).all()
    smallest = [table.filter(pl.col("law") == law)["k"].min() for law in ("log-quadratic", "performance")]
    assert at_share(table, 0)["k"].to_list() == smallest


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "mine.csv"
    surface(0, 0.002).rename({"y": "hr10"}).write_csv(path)
    (panel,) = load(str(path), ["hr10"])
    assert panel.key == ("mine", 0, "hr10")
    assert len(extrapolate([panel], ["log-quadratic"]))
    with pytest.raises(InputError, match="ndcg10"):
        load(str(path), ["ndcg10"])
    with pytest.raises(InputError, match="no file"):
        load(str(tmp_path / "absent.csv"), ["hr10"])
    with pytest.raises(InputError, match="no metric"):
        load(None, ["mrr"])
    double = pl.concat([pl.read_csv(path)] * 2)
    double.write_csv(path)
    with pytest.raises(InputError, match="tell repeats by a column seed"):
        load(str(path), ["hr10"])
    seeds = pl.concat(
        [pl.read_csv(path).unique().with_columns(seed=seed, hr10=pl.col("hr10") + seed) for seed in (0, 1)]
    )
    seeds.with_columns(status=pl.lit("finished")).write_csv(path)
    (averaged,) = load(str(path), ["hr10"])
    assert averaged.points.sort("n_layers", "d_emb")["hr10"].to_list() == pytest.approx(
        (panel.points.sort("n_layers", "d_emb")["hr10"] + 0.5).to_list()
    )
    flat = pl.DataFrame({"n_layers": [1, 2, 3, 4], "d_emb": [8] * 4, "hr10": [0.1, 0.2, 0.3, 0.3]})
    flat[:3].write_csv(path)
    with pytest.raises(InputError, match="four depths"):
        load(str(path), ["hr10"])
    flat.write_csv(path)
    with pytest.raises(InputError, match="determine none"):
        extrapolate(load(str(path), ["hr10"]), ["log-quadratic"])


def test_each_model_of_a_table_is_a_panel_and_yardsticks_are_named(tmp_path):
    path = tmp_path / "mine.csv"
    one = surface(0, 0.002).rename({"y": "hr10"}).with_columns(dataset=pl.lit("shop"), s_max=50)
    two = pl.concat(
        [one.with_columns(model=pl.lit(name), hr10=pl.col("hr10") + 0.1 * i) for i, name in enumerate("ab")]
    )
    two.write_csv(path)
    panels = load(str(path), ["hr10"])
    assert [panel.key for panel in panels] == [("shop, a", 50, "hr10"), ("shop, b", 50, "hr10")]
    assert "has none" in beside_yardsticks(panels, str(path))
    known = two.with_columns(baseline_next_hr10=0.25, baseline_popularity_hr10=0.1, baseline_next_hr10_se=0.01)
    known.write_csv(path)
    said = beside_yardsticks(panels, str(path))
    assert "item→next counts" in said
    assert f"0.2500 ± 0.0100, the best run {two['hr10'].max():.4f}" in said
    assert "ml-1m" in beside_yardsticks(load(None, ["hr10"]), None)
    pl.concat([one.with_columns(model=pl.lit("a")), one.with_columns(model=pl.lit("b"))[:3]]).write_csv(path)
    with pytest.raises(InputError, match=r"mine.csv \('b'\) needs four depths"):
        load(str(path), ["hr10"])


@pytest.mark.parametrize(
    ("own", "best", "largest", "said"),
    [
        (0.5, 0.5, 0.0, "no mistake here"),
        (0.5, 0.5, 9.0, "but so does"),
        (0.5, 5.0, 9.0, "already has does not"),
        (5.0, 0.5, 9.0, "does not avoid"),
    ],
)
def test_what_a_choice_is_worth(own, best, largest, said):
    rows = pl.DataFrame({"regret": [own], "regret_seen": [best], "regret_largest": [largest], "sigma": [1.0]})
    assert said in of_choice(rows)


@pytest.mark.parametrize(
    ("smooth", "around", "said"),
    [
        (0.5, 0.5, "By the fitted surface and by the neighbours"),
        (0.5, 3.0, "else it does not"),
        (3.0, 3.0, "By neither"),
        (3.0, None, "By neither"),
    ],
)
def test_what_other_measures_say_of_a_choice(smooth, around, said):
    rows = pl.DataFrame({"regret": [1.0], "smooth": [smooth], "around": [around], "sigma": [1.0]})
    rows = rows.with_columns(pl.col("around").cast(pl.Float64))
    assert said in by_three_measures(rows)
    assert "loses nothing" in by_three_measures(rows.with_columns(regret=pl.lit(0.0)))


def test_points_of_one_depth_determine_no_law_with_an_exponent_of_it():
    points = pl.DataFrame([{"n_layers": n, "d_emb": d} for n in (1, 2, 4, 8) for d in (8, 16, 32, 64)])
    law = get("performance")
    assert not determined(law, points, 4)
    assert determined(law, points, 16)


def test_what_hangs_on_one_panel_is_said():
    rows = pl.DataFrame({"law": "a", "dataset": ["x"] * 6 + ["y"] * 2, "worse": [True] * 4 + [False] * 4})
    assert spare(rows, ["a"]) == 1  # four of six are a majority, three are not
    firm = rows.with_columns(worse=pl.Series([True] * 6 + [False] * 2), law=pl.lit("b"))
    assert spare(firm, ["b"]) == 3
    assert spare(pl.concat([rows, firm]), ["a", "b"]) == 1
    both = rows.with_columns(worse=pl.Series([True] * 4 + [False] * 2 + [True] * 2))
    assert spare(both, ["a"]) == 2  # the majority of both data sets has to go
    assert spare(rows.with_columns(worse=False), ["a"]) == 0
