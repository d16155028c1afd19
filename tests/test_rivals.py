"""Chapter 6's rivals of Eq. (7), its transfer across data sets, and the simulations that try its rule."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import multivariate_normal

from srlaw import paper, stored
from srlaw.chapters import alarms, rivals, transfer
from srlaw.chapters import extrapolation as ex
from srlaw.laws.process import Process, gaussian_process
from srlaw.rules import extrapolation as rules

SURFACE = pl.DataFrame(
    [{"n_layers": n, "d_emb": d} for n in (2, 4, 8, 16, 32) for d in (16, 32, 64, 128)]
).with_columns(y=0.3 - 0.004 * (pl.col("n_layers").log() - 2) ** 2 - 0.006 * (pl.col("d_emb").log() - 3.5) ** 2)


def made(dataset: str, level: float, scale: float, sigma: float = 0.0, seed: int = 0) -> paper.Panel:
    noise = sigma * np.random.default_rng(seed).normal(size=len(SURFACE))
    return paper.Panel(dataset, 0, "m", SURFACE.select("n_layers", "d_emb", m=level + scale * pl.col("y") + noise))


def test_the_nearest_count_all_that_are_equally_near():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    y = np.array([1.0, 3.0, 10.0, 100.0])
    new = np.array([[0.5, 0.0], [0.1, 0.0], [5.0, 4.0]])
    np.testing.assert_allclose(ex.nearest(x, y, new), [2.0, 1.0, 100.0])
    np.testing.assert_allclose(ex.nearest(x, y, new, 3)[:2], [14 / 3, 14 / 3])
    np.testing.assert_allclose(ex.nearest(x[:2], y[:2], new, 3), 2.0)


def test_neighbours_are_those_of_the_grid_without_the_point_itself():
    points = SURFACE.with_columns(y=pl.int_range(20).cast(pl.Float64))  # four widths a depth
    around = ex.neighbours(points)
    assert around[0] == pytest.approx((1 + 4) / 2)
    assert around[5] == pytest.approx((4 + 6 + 1 + 9) / 4)
    assert np.isnan(ex.neighbours(points[[0]]))


def test_naive_forecasts_by_hand():
    points = ex.ordered(SURFACE)
    y = points["y"].to_numpy()
    found = ex.naive_forecasts(points, 9)
    assert set(found) == set(ex.NAIVE)
    assert all(len(values) == 11 for values in found.values())
    assert found["best"][0] == y[:9].max()
    assert found["largest"][-1] == y[8]
    assert found["mean"][3] == pytest.approx(y[:9].mean())
    assert np.ptp(found["near"]) > 0


def test_the_process_of_highest_likelihood_is_gaussian_conditioning():
    rng = np.random.default_rng(0)
    points = ex.ordered(SURFACE)
    x, y = ex.places(points), points["y"].to_numpy() + 0.001 * rng.normal(size=20)
    process = gaussian_process(x[:14], y[:14])
    # the joint normal distribution of seen and new points, conditioned by blocks
    joint = process.kernel(x, x) + process.noise * np.eye(20)
    mean = y[:14].mean() + joint[14:, :14] @ np.linalg.inv(joint[:14, :14]) @ (y[:14] - y[:14].mean())
    np.testing.assert_allclose(process.predict(x[14:]), mean, atol=1e-12)
    density = multivariate_normal(np.full(14, y[:14].mean()), process.variance * joint[:14, :14]).logpdf(y[:14])
    assert process.log_likelihood() == pytest.approx(density)
    for factor in (0.98, 1.02):
        for change in ("lengths", "noise", "variance"):
            values = {name: getattr(process, name) for name in ("lengths", "noise", "variance")}
            values[change] = values[change] * factor
            other = Process(x[:14], y[:14], **values)
            assert other.log_likelihood() <= process.log_likelihood() + 1e-9
    assert gaussian_process(x[:14], y[:14], 40).log_likelihood() == pytest.approx(density, abs=1e-6)


def test_far_from_all_points_the_process_says_their_mean():
    points = ex.ordered(SURFACE)
    process = gaussian_process(ex.places(points), points["y"].to_numpy())
    assert process.predict(np.array([[1e6, 1e6]]))[0] == pytest.approx(points["y"].mean())
    assert process.posterior(np.array([[1e6, 1e6]]))[1][0, 0] == pytest.approx(process.variance)


def test_what_the_process_does_not_know_is_conditioning_too():
    points = ex.ordered(SURFACE)
    x, y = ex.places(points), points["y"].to_numpy() + 0.001 * np.random.default_rng(0).normal(size=20)
    process = gaussian_process(x[:14], y[:14])
    mean, covariance = process.posterior(x[14:])
    joint = process.variance * (process.kernel(x, x) + process.noise * np.diag(np.arange(20) < 14))
    # the covariance of a conditional normal is the inverse of a block of the inverse
    expected = np.linalg.inv(np.linalg.inv(joint + 1e-13 * np.eye(20))[14:, 14:])
    np.testing.assert_allclose(covariance, expected, atol=1e-6 * process.variance)
    np.testing.assert_allclose(mean, process.predict(x[14:]))


def test_a_shape_that_is_shared_needs_two_points():
    panels = [made("a", 0.1, 1.0), made("b", 0.5, 0.3), made("c", 0.2, 2.0)]
    run = rivals.race(panels, [[5]] * 3)
    for name in rivals.POOLS:
        own = run.filter((pl.col("law") == name) & ~pl.col("seen"))
        assert (own["prediction"] - own["y"]).abs().max() < 1e-4
    plain = run.filter((pl.col("law") == ex.NAIVE["mean"]) & ~pl.col("seen"))
    assert (plain["prediction"] - plain["y"]).abs().max() > 1e-2
    alone = rivals.race(panels[:1], [[5]])
    assert not set(rivals.POOLS) & set(alone["law"])


@pytest.mark.parametrize("panel", [0, 11])
def test_a_second_route_finds_the_same_shape_and_surface(panel):
    every = paper.panels()
    others, points = rivals.others(every[panel], every), every[panel].points
    assert {other.metric for other in others} == {every[panel].metric}
    assert {every[panel].dataset, "huawei-music"}.isdisjoint(other.dataset for other in others)
    first, second = (route(others)(points) for route in (rivals.shape, rivals.shape_by_evolution))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)
    surface = rivals.shape(others, rivals.POOLS[rivals.SURFACE])(points)
    np.testing.assert_allclose(surface, rivals.mean_surface(others)(points), atol=1e-8)


def test_only_panels_whose_sizes_span_the_new_ones_are_carried_over():
    every = paper.panels()
    huawei = [panel for panel in every if panel.dataset == "huawei-music"]
    assert huawei
    assert all(rivals.others(panel, every) == [] for panel in huawei)
    small = paper.Panel("b", 0, "m", SURFACE.filter(pl.col("n_layers") < 32).select("n_layers", "d_emb", m="y"))
    whole = made("a", 0.1, 1.0)
    assert rivals.spans(whole, small)
    assert not rivals.spans(small, whole)


def test_standing_gives_every_forecast_the_same_points():
    panels = [made("a", 0.1, 1.0, 0.002, 1), made("b", 0.5, 0.5, 0.002, 2)]
    fits = ex.extrapolate(panels, ["performance", "log-quadratic"])
    level = ex.noise(fits)
    results = ex.scores(fits, fits, level)
    rows = rivals.standing(panels, results, fits, level, "performance")
    for (_, _), part in rows.filter(pl.col("share") != "quarter").group_by("share", "dataset"):
        assert part["k"].n_unique() == 1
        assert part["rmse_law"].null_count() == 0
    assert rows.filter(pl.col("share") == "quarter")["rmse_law"].null_count() == 2 * 8  # eight forecasts a panel
    table = rivals.table(rows)
    assert table.filter(pl.col("forecast") == "performance")["ahead"].to_list() == [0, 0]
    best = results.filter(law="performance", dataset="a").sort("k").filter(pl.col("k") >= 15)["rmse_best"][0]
    shown = rows.filter(share="three quarters", forecast="best so far", dataset="a")["rmse"].item()
    assert shown == pytest.approx(best)


@pytest.mark.parametrize("term", transfer.TERMS)
def test_a_second_route_finds_the_same_transfer(term):
    points = transfer.measurements("ndcg10")
    (name, seen, new), *_ = transfer.holdouts(points, "data set")
    y = new["y"].to_numpy()
    first = transfer._rmse(transfer.predicted(seen, new, term), y)
    assert first == pytest.approx(transfer._rmse(transfer.predicted_by_evolution(seen, new, term), y), rel=1e-4)
    kept = stored.transfers().filter((pl.col("name") == name) & (pl.col("metric") == "NDCG@10"))
    assert kept[term].item() == pytest.approx(first, rel=1e-4)


def test_holdouts_and_their_baselines():
    points = transfer.measurements("hr10")
    sets, panels = (transfer.holdouts(points, kind) for kind in transfer.HOLDOUTS)
    assert (len(sets), len(panels)) == (4, 10)
    for _, seen, new in [*sets, *panels]:
        assert len(seen) + len(new) == len(points)
    name, seen, new = sets[0]
    means = [part["y"].mean() for part in seen.partition_by("dataset", "s_max")]
    assert name not in seen["dataset"].to_list()
    np.testing.assert_allclose(transfer.baseline(seen, new, "data set"), np.mean(means))
    name, seen, new = panels[1]
    same = transfer.baseline(seen, new, "panel")
    first = new.row(0, named=True)
    alike = seen.filter(*[pl.col(c) == first[c] for c in ("dataset", "n_layers", "d_emb")])
    assert len(alike) == 2
    assert same[0] == pytest.approx(alike["y"].mean())


def test_a_free_slope_recovers_data_sets_that_differ_by_it():
    points = transfer.measurements("hr10").with_columns(
        y=0.1 + 0.02 * pl.col("tokens").log() + 0.01 * pl.col("n_layers").log() - 0.003 * pl.col("d_emb").log() ** 2
    )
    _, seen, new = transfer.holdouts(points, "data set")[1]
    np.testing.assert_allclose(transfer.sloped(seen, new, "tokens, free slope"), new["y"], atol=2e-3)


@pytest.mark.parametrize("term", transfer.MOVED)
def test_a_surface_that_moves_with_the_data_as_elsewhere_is_found_and_by_two_routes(term):
    column = transfer.MOVED[term]
    shape = 0.01 * pl.col("n_layers").log() - 0.003 * pl.col("d_emb").log() ** 2
    level = pl.col("dataset").str.len_chars() * 0.01  # of the data set
    made = transfer.measurements("hr10").with_columns(y=level + shape + 0.02 * pl.col(column).log())
    assert transfer.growth(made, column) == pytest.approx(0.02)
    _, seen, new = transfer.holdouts(made, "panel")[1]
    np.testing.assert_allclose(transfer.moved(seen, new, term), new["y"], atol=2e-3)
    points = transfer.measurements("hr10")
    name, seen, new = transfer.holdouts(points, "panel")[1]
    errors = [
        transfer._rmse(transfer.moved(seen, new, term, surface), new["y"].to_numpy())
        for surface in (transfer.predicted, transfer.predicted_by_evolution)
    ]
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)
    assert stored.transfers().filter(name=name, metric="HR@10")[term].item() == pytest.approx(errors[0], rel=1e-3)
    keyed = points.with_columns(key=pl.format("{} {} {}", "dataset", "n_layers", "d_emb"))
    design = np.column_stack([keyed[column].log(), keyed.select("key").to_dummies().to_numpy()])
    slope = np.linalg.lstsq(design, keyed["y"].to_numpy(), rcond=None)[0][0]
    assert transfer.growth(points, column) == pytest.approx(slope)


def test_simulated_studies_have_the_noise_that_they_are_given():
    panels = paper.panels()[:2]  # both metrics of the same runs
    means = [np.zeros(24), np.zeros(24)]
    rng = np.random.default_rng(0)
    made = [alarms.draw(panels, means, np.array([0.1, 0.3]), 0.8, rng) for _ in range(400)]
    values = np.array([[panel.points["y"].to_numpy() for panel in study] for study in made])
    np.testing.assert_allclose(values.std((0, 2)), [0.1, 0.3], rtol=0.03)
    assert np.corrcoef(values[:, 0].ravel(), values[:, 1].ravel())[0, 1] == pytest.approx(0.8, abs=0.02)


def test_the_stored_false_alarms_are_those_of_the_simulation():
    rows = stored.false_alarms(1)
    replicates = rows["replicates"][0]
    words = set(rules.few_small_points.would_change)
    assert rows.filter(pl.col("outcome").is_in(words)).group_by("world").agg(pl.col("share").sum())[
        "share"
    ].to_list() == pytest.approx([1.0, 1.0])
    said = alarms.study("flat", 0, ["performance"])
    seen = rows.filter(world="flat")
    assert set(said) <= set(seen["outcome"])
    counts = seen["share"].to_numpy() * replicates
    np.testing.assert_allclose(counts, counts.round(), atol=1e-6)


def test_truths_of_the_two_worlds():
    panels = paper.panels()[:1]
    (flat,), (law,) = (alarms.truths(panels, world) for world in reversed(alarms.WORLDS))
    assert np.ptp(flat) == 0
    assert np.corrcoef(law, panels[0].points["y"])[0, 1] ** 2 > 0.8
