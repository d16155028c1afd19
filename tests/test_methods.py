"""The appendix on method: small versions of its simulations, and its tests of ranks against other routes."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

from srlaw import paper, stored
from srlaw.chapters import alarms, methods
from srlaw.chapters import extrapolation as ex
from srlaw.laws import fit, get


def test_the_critical_difference_is_demsars():
    # Demšar (2006), section 3.2.2: four classifiers on fourteen data sets, 2.569 √(4·5 / (6·14)) = 1.25
    assert methods.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert methods.critical_difference(6, 20) < methods.critical_difference(6, 10) < methods.critical_difference(6, 4)


def test_ranks_and_friedman_by_hand():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 3)) + np.array([0, 1, 4])
    rows = [
        {"dataset": f"d{i // 3}", "s_max": i, "metric": "m", "law": law, "loo": values[i, j]}
        for i in range(6)
        for j, law in enumerate("abc")
    ]
    ranks, test = methods.rank_test(pl.DataFrame(rows), "loo", paper.PANEL)
    means = rankdata(values, axis=1).mean(0)
    assert dict(ranks.iter_rows()) == pytest.approx(dict(zip("abc", means, strict=True)))
    assert test["chi2"] == pytest.approx(12 * 6 / (3 * 4) * ((means - 2) ** 2).sum())
    assert test["blocks"] == 6
    assert methods.rank_test(pl.DataFrame(rows), "loo", ["dataset"])[1]["blocks"] == 2


def test_the_penalty_is_aicc():
    n, p = 16, 7
    k = p + 1
    assert methods.penalty(p, n) == pytest.approx(2 * k + 2 * k * (k + 1) / (n - k - 1))
    assert methods.penalty(7, 16) - methods.penalty(5, 16) > methods.penalty(7, 24) - methods.penalty(5, 24)


def test_sigma_of_a_true_linear_law_is_that_of_theory(monkeypatch):
    monkeypatch.setattr(methods, "DESIGNS", {16: methods.DESIGNS[16]})
    y = methods.drawn(16, "log-quadratic", 500, 1)
    panel, _, sigma = methods.truth(16, "log-quadratic")
    design = methods.get("log-quadratic").jacobian(dict.fromkeys(("b", "c1", "c2", "c3", "c4"), 0.0), {
        c: panel.points[c].to_numpy().astype(float) for c in ("n_layers", "d_emb")})  # fmt: skip
    rest = y.T - design @ np.linalg.lstsq(design, y.T, rcond=None)[0]
    assert (rest**2).sum(0).mean() / 11 == pytest.approx(sigma**2, rel=0.1)


def test_the_least_sigma_is_that_of_each_draws_best_law(monkeypatch):
    monkeypatch.setattr(methods, "DESIGNS", {16: methods.DESIGNS[16]})
    panel, _, sigma = methods.truth(16, "performance")

    def ratio(law, y):
        result = fit(get(law), panel.points.with_columns(z=pl.Series(y)), "z")
        return np.sqrt(result.objective / (result.n - result.free)) / sigma

    by_hand = np.array([[ratio(law, y) for law in ex.CHEAP] for y in methods.drawn(16, "performance", 20, 0)])
    assert len(set(by_hand.argmin(1))) > 1  # so the mean of the least is none of the laws' means
    table = methods.sigma_bias(20)
    assert table["law"].to_list() == [*ex.CHEAP, "the least of them"]
    assert table["ratio"].to_list() == pytest.approx([*by_hand.mean(0), by_hand.min(1).mean()], rel=1e-4)


def test_fieller_holds_the_truth_as_often_as_it_says():
    hits = [hit for hit in methods._fieller(16, 600, 3) if hit is not None]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.03)


def test_stored_simulations_have_every_design_and_law():
    assert set(stored.simulated("sigma")["n"]) == set(methods.DESIGNS)
    shares = stored.simulated("aicc").group_by("n", "truth").agg(pl.col("share").sum())["share"]
    assert shares.to_list() == pytest.approx([1.0] * 4)
    intervals = stored.simulated("intervals")
    assert intervals["holds"].is_between(0, 1).all()
    assert {name.partition(",")[0] for name in intervals["interval"]} == {
        "bootstrap", "Wald", "profile", "Fieller", "prediction",
    }  # fmt: skip


def test_the_first_replicate_of_the_stored_sigma_can_be_made_again():
    table = stored.simulated("sigma")
    y = methods.drawn(24, "performance", 200, 0)
    panel, _, sigma = methods.truth(24, "performance")
    rest = y - methods.forecasts(methods.get("log-quadratic"), panel.points, y, np.array([24]))[:, 0]
    ratio = np.sqrt((rest**2).sum(1) / 19) / sigma
    kept = table.filter(n=24, law="log-quadratic")
    assert kept["ratio"].item() == pytest.approx(ratio.mean(), rel=1e-4)


def test_both_metrics_of_a_run_have_correlated_residuals():
    fits = ex.extrapolate(paper.panels(), ["log-quadratic"], shares=(1.0,))
    pairs = alarms.paired_residuals(fits)
    assert len(pairs) == 224
    by_hand = np.corrcoef(pairs["hr10"], pairs["ndcg10"])[0, 1]
    assert alarms.correlation(pairs) == pytest.approx(by_hand)
    assert by_hand > 0.6
