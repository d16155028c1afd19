"""The study of the recovered panels: its numbers against routes of their own."""

import numpy as np
import polars as pl
import pytest

from srlaw import paper, stored
from srlaw.chapters import data_terms, panels, printed
from srlaw.laws import fit, get


@pytest.fixture(scope="module")
def fits():
    return panels.fit_panels(["performance", "performance-shared", "log-quadratic", "log-quadratic-interaction"])


@pytest.fixture(scope="module")
def table(fits):
    return panels.summary(fits)


def reported():
    return {(r["dataset"], r["s_max"], r["metric"]): r["r2"] for r in paper.figure_fits("performance_law").to_dicts()}


@pytest.mark.parametrize("law", ["performance", "performance-shared"])
def test_every_printed_r2_is_met_or_exceeded(table, law):
    printed = reported()
    rows = table.filter(pl.col("law") == law).to_dicts()
    assert len(rows) == 20
    assert [r for r in rows if r["r2"] < printed[r["dataset"], r["s_max"], r["metric"]] - 5e-4] == []


def test_log_quadratic_is_within_a_hundredth_on_17_panels(table):
    printed = reported()
    rows = table.filter(pl.col("law") == "log-quadratic").to_dicts()
    assert sum(r["r2"] >= printed[r["dataset"], r["s_max"], r["metric"]] - 0.01 for r in rows) == 17


def test_quadratic_columns_of_the_summary_are_ordinary_regression(table):
    for panel in paper.panels()[::7]:
        u, v = (np.log(panel.points[c].to_numpy()) for c in ("n_layers", "d_emb"))
        design = np.column_stack([np.ones_like(u), u, v, u**2, v**2, u * v])
        y = panel.points["y"].to_numpy()
        hat = design @ np.linalg.pinv(design)
        residual = y - hat @ y
        row = paper.of_panel(table.filter(law="log-quadratic-interaction"), panel)
        assert row["r2"] == pytest.approx(1 - residual @ residual / ((y - y.mean()) ** 2).sum(), abs=1e-9)
        assert row["loo"] == pytest.approx(np.sqrt(np.mean((residual / (1 - np.diag(hat))) ** 2)), rel=1e-6)


def test_ranking_counts_every_panel_once(table):
    ranks = panels.ranking(table)
    assert ranks["wins_loo"].sum() == ranks["wins_aicc"].sum() == 20
    assert ranks["mean_rank_loo"].is_sorted()


def test_a_law_is_ahead_of_a_rival_or_the_rival_of_it(table):
    ours = panels.beaten(table, "performance-shared", ["log-quadratic"]).row(0, named=True)
    theirs = panels.beaten(table, "log-quadratic", ["performance-shared"]).row(0, named=True)
    assert ours["parameters"] == 5
    assert [ours[c] + theirs[c] for c in ("r2", "aicc", "loo")] == [20, 20, 20]
    assert ours["r2"] == 20  # it holds the quadratic as a limit


def test_equal_fits_are_different_laws_with_the_same_predictions(fits):
    result = fits["ml-1m", 100, "hr10", "performance"]
    rows = panels.equal_fits(result)
    law = get("performance")
    for row in rows.to_dicts():
        y = law.predict({name: row[name] for name in law.parameters}, result.x)
        assert 1 - ((result.y - y) ** 2).sum() / ((result.y - result.y.mean()) ** 2).sum() == pytest.approx(row["r2"])
    assert rows["w3"].max() - rows["w3"].min() > 3
    assert rows["difference"].max() < 0.002


def test_data_terms_give_one_constant():
    rows = data_terms.data_terms(paper.panel("kuairand-pure", 50, "ndcg10"))
    constant = rows["d_prime"].log() + rows["p2"] * rows["d_prime"].pow(-rows["w5"])
    np.testing.assert_allclose(constant.to_numpy(), 0, atol=1e-6)


def test_within_a_data_set_the_data_term_is_nothing_but_constants():
    joint = data_terms.joint_fits("hr10", ["tokens_over_apen"]).filter(pl.col("group") != "all")
    np.testing.assert_allclose(joint["tokens_over_apen"].to_numpy(), joint["intercepts"].to_numpy(), atol=1e-6)


def test_common_data_term_is_a_minimum():
    found = data_terms.common_data_term("hr10")
    data = paper.table(2, corrected=True).select("dataset", "s_max", d=pl.col("tokens_over_apen").log())
    means = paper.grid().group_by("dataset", "s_max").agg(y=pl.col("hr10").mean()).join(data, on=["dataset", "s_max"])
    centred = means.with_columns(pl.col("y") - pl.col("y").mean().over("dataset"))["y"].to_numpy()
    best = 0.0
    for w5 in [sign * size for size in np.geomspace(5e-4, 2, 80) for sign in (1, -1)]:
        names = means["dataset"].to_numpy()
        design = np.column_stack([names == name for name in np.unique(names)] + [np.exp(-w5 * (means["d"] - 19))])
        left = means["y"].to_numpy() - means["d"].to_numpy()
        left = left - design @ np.linalg.lstsq(design.astype(float), left, rcond=None)[0]
        best = max(best, 1 - left @ left / (centred @ centred))
    assert found["r2"] == pytest.approx(best, abs=0.02)


def test_a_free_coefficient_of_the_data_term_is_ordinary_regression_at_its_exponent():
    found = data_terms.common_data_term("hr10", free_levels=True, free_slope=True)
    rows = data_terms._means("hr10", "tokens_over_apen")
    assert not found["bound"]
    assert data_terms.common_data_term("hr10", "tokens", free_slope=True)["bound"]
    log_d, level = rows["ln_d_prime"].to_numpy(), rows["dataset"].to_dummies().to_numpy()
    design = np.column_stack([level, log_d, np.exp(-found["w5"] * (log_d - log_d.mean()))])
    y = rows["mean"].to_numpy()
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    flat = y - level @ np.linalg.lstsq(level, y, rcond=None)[0]
    assert found["r2"] == pytest.approx(1 - ((y - design @ beta) ** 2).sum() / (flat @ flat), abs=1e-6)
    assert found["slope"] == pytest.approx(beta[4], rel=1e-4)
    assert min(data_terms.common_data_term("ndcg10", corrected=False)["r2"], found["r2"]) > 0  # the term can vanish
    for levels in (False, True):
        r2 = [data_terms.common_data_term("hr10", free_levels=levels, free_slope=s)["r2"] for s in (False, True)]
        assert r2[0] <= r2[1]
    swapped = data_terms.common_data_term("hr10", corrected=False, free_slope=True)["r2"]
    assert swapped != pytest.approx(data_terms.common_data_term("hr10", free_slope=True)["r2"], abs=0.01)


def test_decay_is_the_contrast_of_a_regression(fits):
    import statsmodels.api as sm

    rows = panels.decay(fits)
    assert len(rows) == 20
    strong = rows.filter(pl.col("t") > 3)
    assert {"ml-1m", "kuairand-pure"} <= set(strong["dataset"])
    for panel in paper.panels()[::5]:
        n, d = (np.log(panel.points[c].to_numpy()) for c in ("n_layers", "d_emb"))
        design = np.column_stack([np.ones_like(n), n, d, n**2, d**2, n * d])
        model = sm.OLS(panel.points["y"].to_numpy(), design).fit()
        best = model.fittedvalues.argmax()
        test = model.t_test(design[best] - design[np.argmax(n + d)])
        row = paper.of_panel(rows, panel)
        assert (row["best_n"], row["best_d"]) == pytest.approx((np.exp(n[best]), np.exp(d[best])))
        assert row["drop"] == pytest.approx(test.effect.item(), rel=1e-6)
        assert row["t"] == pytest.approx(test.tvalue.item(), rel=1e-6)


def test_decay_is_seen_where_it_was_planted():
    points = paper.panel("ml-1m", 100, "hr10").points
    n, d = (points[c].log() for c in ("n_layers", "d_emb"))
    noise = np.random.default_rng(0).normal(0, 1e-6, len(points))
    planted = {
        "hr10": 0.3 - 0.01 * (n - np.log(12)) ** 2 - 0.02 * (d - np.log(50)) ** 2,  # best at 12 blocks of width 50
        "ndcg10": 0.1 + 0.01 * n + 0.02 * d,  # best at the largest, 32 of width 100
    }
    law = get("log-quadratic-interaction")
    made = {("made", 1, name, law.name): fit(law, points.with_columns(y=y + noise), "y") for name, y in planted.items()}
    bent, rising = panels.decay(made).rows(named=True)
    assert (bent["best_n"], bent["best_d"]) == (12, 50)
    assert bent["drop"] == pytest.approx(0.01 * np.log(32 / 12) ** 2 + 0.02 * np.log(2) ** 2, abs=1e-5)
    assert bent["t"] > 1000
    assert [rising[name] for name in ("best_n", "best_d", "drop", "t")] == [32, 100, 0, 0]


def test_the_stored_leave_one_out_errors_are_those_of_a_search_to_the_end():
    known = stored.leave_one_out()
    assert known.height == 20 * len(panels.SLOW)
    again = panels.thorough_errors([paper.panel("kuairand-pure", 25, "hr10")])
    stands = known.join(again, on=[*paper.PANEL, "law"], how="inner")
    assert stands.height == len(panels.SLOW)
    assert stands["loo"].to_list() == pytest.approx(stands["loo_right"].to_list(), rel=1e-4)


def test_held_fits_have_the_r2_that_one_dimension_finds():
    rows = printed.nearest([31, 32]).filter(dataset="ml-1m", s_max=100, metric="hr10")
    (key, result), *rest = panels.held_fits(rows).items()
    assert not rest
    assert key == ("ml-1m", 100, "hr10", "performance-code")
    assert result.r2 == pytest.approx(rows["r2"][0], abs=1e-7)
    assert result.free == 5
    ends = panels.exponents({key: result}, 20, laws=("performance-code",))
    assert ends["parameter"].to_list() == ["w3", "w4"]
    assert (ends["low"] <= ends["high"]).all()


def test_the_test_of_an_interaction_is_that_of_a_regression_on_factors():
    import statsmodels.api as sm

    found = panels.interactions()
    for panel in paper.panels()[::5]:
        n, d = (panel.points[c].to_numpy() for c in ("n_layers", "d_emb"))
        factors = [sizes == level for sizes in (n, d) for level in np.unique(sizes)[1:]]
        design = np.column_stack([np.ones(len(n)), *factors, np.log(n) * np.log(d)])
        model = sm.OLS(panel.points["y"].to_numpy(), design).fit()
        row = paper.of_panel(found, panel)
        assert row["slope"] == pytest.approx(model.params[-1], rel=1e-6)
        assert row["p"] == pytest.approx(model.pvalues[-1], rel=1e-6)


def test_a_sum_has_no_interaction_and_every_movielens_panel_has_one():
    found = panels.interactions()
    assert (found.filter(dataset="ml-1m")["p"] < 0.05).all()
    assert (found["p"] < 0.05).sum() == 10
