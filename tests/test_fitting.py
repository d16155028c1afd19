"""The fitter: the paper's panels, an outside standard, known truths, and misuse."""

import json
import math
import re
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from scipy.optimize import differential_evolution, least_squares
from scipy.stats import t as student

from srlaw import paper
from srlaw.errors import InputError
from srlaw.laws import (
    LAWS,
    PANEL_LAWS,
    STATUSES,
    Law,
    bootstrap,
    expanding,
    fit,
    fit_many,
    fit_tables,
    get,
    holdout,
    leave_one_out,
    merge,
    optimum,
    profile,
)  # fmt: skip
from srlaw.laws.fitting import covariance
from srlaw.laws.inference import agreed, jittered
from srlaw.laws.linear import nested_f, ols
from srlaw.laws.table import fit_table

EPOCH = Path(__file__).parents[2] / "shared" / "paper" / "chinchilla_epoch_extracted.csv"
PANELS = {panel.key: panel.points for panel in paper.panels()}
REPORTED = {
    (row["dataset"], row["s_max"], row["metric"]): row["r2"]
    for row in paper.figure_fits("performance_law").iter_rows(named=True)
}


def r2_of(x, y, columns):
    residual = y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    return 1 - residual @ residual / ((y - y.mean()) ** 2).sum()


# The paper's 20 panels


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: "-".join(map(str, p)))
def test_refit_matches_or_exceeds_the_reported_r2(panel):
    result = fit(get("performance"), PANELS[panel], "y")
    assert result.r2 >= REPORTED[panel] - 5e-4
    assert result.r2 >= fit(get("log-quadratic"), PANELS[panel], "y").r2 - 1e-9  # its limit
    assert result.r2 == pytest.approx(1 - ((result.y - result.predict(result.x)) ** 2).sum() /
                                      ((result.y - result.y.mean()) ** 2).sum(), abs=1e-10)  # fmt: skip
    assert result.reached >= 6
    assert result.status in ("ok", "at-bound")


@pytest.mark.parametrize(
    "panel", [("ml-1m", 150, "ndcg10"), ("kuairand-pure", 100, "hr10"), ("huawei-music", 50, "hr10")]
)
def test_performance_law_against_brute_force(panel):
    """A fine grid of both exponents with numpy's own least squares finds nothing better, and comes as near."""
    frame = PANELS[panel]
    n, d, y = (frame[name].to_numpy() for name in ("n_layers", "d_emb", "y"))
    result = fit(get("performance"), frame, "y")
    exponents = np.linspace(-10, 10, 42)
    n, d = n / 12, d / 60  # units, so that the powers do not overflow the columns' scale
    grid = max(
        r2_of(None, y, np.column_stack([np.ones(len(y)), np.log(n), n**-w3, np.log(d), d**-w4]))
        for w3 in exponents
        for w4 in exponents
    )
    assert result.r2 - 2e-3 <= grid <= result.r2 + 1e-9


@pytest.mark.parametrize(("name", "panel"), [("performance-code", ("ml-1m", 100, "hr10")),
                                             ("performance-shared", ("kuairand-pure", 25, "hr10"))])  # fmt: skip
def test_shared_p_against_differential_evolution(name, panel):
    """Another optimiser, in the law's own parameters (exponents and log |p|), finds nothing better."""
    law, frame = get(name), PANELS[panel]
    x, y = {a: frame[a].to_numpy().astype(float) for a in law.arguments}, frame["y"].to_numpy()
    result = fit(law, frame, "y")

    def loss(z, sign):
        given = {"b": 0.0, "w3": z[0], "w4": z[1], law.parameters[-1]: sign * np.exp(z[2])}
        columns = [np.ones(len(y)), *[law.predict({**given, "w1": a, "w2": 1 - a}, x) for a in (1.0, 0.0)]]
        columns = np.column_stack([c / np.abs(c).max() for c in columns])
        return 1 - r2_of(x, y, columns)

    best = min(
        differential_evolution(loss, [(-5, 5), (-5, 5), (-12, 12)], args=(s,), seed=1, maxiter=60, popsize=12).fun
        for s in (1, -1)
    )
    assert 1 - result.r2 <= best + 1e-7


def test_code_form_reaches_every_reported_r2_and_explains_how_they_fell_short():
    """The global optimum of the script's form lies above all 20 reported R²: by 6e-6 at least, 0.07 at most."""
    fits = fit_tables(get("performance-code"), list(PANELS.values()), "y")
    gaps = {p: found.r2 - REPORTED[p] for p, found in zip(PANELS, fits, strict=True)}
    assert 0 < min(gaps.values()) < 1e-4
    assert max(gaps.values()) > 0.05
    assert min(gaps, key=gaps.get) == ("ml-1m", 150, "hr10")


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: "-".join(map(str, p)))
def test_plain_scaling_law_is_better_than_reported(panel):
    reported = paper.figure_fits("scaling_law").filter(dataset=panel[0], s_max=panel[1], metric=panel[2])["r2"].item()
    power, whole = (fit(get(name), PANELS[panel], "y").r2 for name in ("power", "performance"))
    assert reported - 5e-4 <= power <= whole + 1e-9


@pytest.mark.parametrize("law", ["performance", "power", "log-quadratic"])
def test_tables_fitted_together_are_those_fitted_alone(law):
    tables = list(PANELS.values())[::3]
    together = fit_tables(get(law), tables, "y")
    assert len({len(table) for table in tables}) > 1  # more than one design
    for table, found in zip(tables, together, strict=True):
        alone = fit(get(law), table, "y")
        assert found.r2 == pytest.approx(alone.r2, abs=1e-12)
        assert found.status == alone.status
        assert found.residuals == pytest.approx(alone.residuals, abs=1e-9)


def test_held_p_is_a_special_case():
    frame = PANELS["ml-1m", 100, "hr10"]
    free = fit(get("performance-code"), frame, "y")
    two = fit(get("performance-code"), frame, "y", fixed={"p": 2.0})
    again = fit(get("performance-code"), frame, "y", fixed={"p": free.params["p"]})
    assert two.params["p"] == 2
    assert two.stderr["p"] == 0
    assert two.r2 < free.r2
    assert again.r2 == pytest.approx(free.r2, abs=1e-9)
    assert two.free == free.free - 1


def test_statistics_against_statsmodels():
    import statsmodels.api as sm

    frame = PANELS["ml-1m", 100, "hr10"]
    ln, ld = np.log(frame["n_layers"].to_numpy()), np.log(frame["d_emb"].to_numpy())
    weights = np.linspace(0.5, 2, 24)
    columns = np.column_stack([np.ones(24), ln, ln**2, ld, ld**2])
    theirs = sm.WLS(frame["y"].to_numpy(), columns, weights).fit()
    ours = fit(get("log-quadratic"), frame, "y", weights=weights)
    np.testing.assert_allclose(list(ours.params.values()), theirs.params, rtol=1e-8)
    np.testing.assert_allclose(list(ours.stderr.values()), theirs.bse, rtol=1e-7)
    assert ours.r2 == pytest.approx(theirs.rsquared, abs=1e-12)
    assert ours.adjusted_r2 == pytest.approx(theirs.rsquared_adj, abs=1e-12)
    plain, cross = (fit(get(f"log-quadratic{s}"), frame, "y") for s in ("", "-interaction"))
    k = np.array([6, 7])
    rss = np.array([plain.objective, cross.objective])
    aicc = 24 * np.log(rss / 24) + 2 * k + 2 * k * (k + 1) / (24 - k - 1)
    assert [plain.aicc, cross.aicc] == pytest.approx(aicc)


def test_linear_laws_have_statsmodels_tests():
    frame = PANELS["ml-1m", 100, "hr10"]
    plain, cross = (fit(get(f"log-quadratic{s}"), frame, "y") for s in ("", "-interaction"))
    theirs = ols(plain)
    assert list(theirs.params) == pytest.approx(list(plain.params.values()), rel=1e-9)
    assert list(theirs.bse) == pytest.approx(list(plain.stderr.values()), rel=1e-9)
    assert theirs.model.exog_names == list(plain.law.parameters)
    f, p, more = nested_f(plain, cross)
    assert f == pytest.approx((plain.objective - cross.objective) / (cross.objective / (24 - 6)), rel=1e-9)
    assert p == pytest.approx(student.sf(np.sqrt(f), 18) * 2, rel=1e-9)  # F(1, n) is the square of a t
    assert more == 1
    # HC3 by its formula: (X'X)⁻¹ X' diag(r²/(1 − h)²) X (X'X)⁻¹
    x = plain.law.jacobian(plain.params, plain.x)
    inverse = np.linalg.inv(x.T @ x)
    leverage = np.einsum("ni,ij,nj->n", x, inverse, x)
    robust = inverse @ (x.T * (plain.residuals / (1 - leverage)) ** 2) @ x @ inverse
    assert list(ols(plain, "HC3").bse) == pytest.approx(list(np.sqrt(np.diag(robust))), rel=1e-6)
    with pytest.raises(InputError, match="power is not linear"):
        ols(fit(get("power"), frame, "y"))
    with pytest.raises(InputError, match="same points"):
        nested_f(fit(get("log-quadratic"), frame[:20], "y"), cross)


# Epoch AI's Chinchilla points


@pytest.fixture(scope="module")
def epoch():
    if not EPOCH.is_file():
        pytest.skip("Epoch AI's extracted Chinchilla points are not beside this checkout")
    n, flop = pl.col("Model Size"), pl.col("Training FLOP")
    return pl.read_csv(EPOCH).select(n_params=n, tokens=flop / (6 * n), loss="loss").sort("loss").head(240)


def test_chinchilla_reaches_the_true_minimum(epoch):
    begin = time.perf_counter()
    result = fit(get("chinchilla"), epoch, "loss", huber=1e-3)
    assert time.perf_counter() - begin < 2
    p = result.params
    assert (p["E"], p["alpha"], p["beta"]) == pytest.approx((1.817218, 0.347311, 0.367172), rel=1e-5)
    assert (p["A"], p["B"]) == pytest.approx((477.83, 2143.4), rel=1e-4)
    assert result.objective == pytest.approx(0.00101827, abs=1e-8)
    assert (result.status, result.reached) == ("ok", result.starts)
    again = (np.log(result.y) - np.log(result.predict(result.x))) / 1e-3
    huber = np.where(np.abs(again) <= 1, again**2 / 2, np.abs(again) - 0.5).sum() * 1e-6
    assert huber == pytest.approx(result.objective, rel=1e-9)


def test_chinchilla_bootstrap_agrees_with_besiroglu(epoch):
    """E 1.8169 ± 0.026, α 0.348 ± 0.015, β 0.366 ± 0.021 (standard errors over resamples of the points)."""
    draws = bootstrap(fit(get("chinchilla"), epoch, "loss", huber=1e-3), 300, "pairs", seed=1)
    for name, centre, error in (("E", 1.8169, 0.026), ("alpha", 0.348, 0.015), ("beta", 0.366, 0.021)):
        assert draws.params[name].mean() == pytest.approx(centre, abs=0.4 * error)
        assert draws.params[name].std() == pytest.approx(error, rel=0.3)


# Recovery of known parameters: 95% intervals cover the truth in 90–99% of 200 repeats

GRID = {"n_layers": np.tile(2.0 ** np.arange(8), 8), "d_emb": np.repeat(2.0 ** np.arange(3, 11), 8)}
SIZES = {"n_params": np.tile(np.geomspace(1e6, 1e10, 9), 8), "tokens": np.repeat(np.geomspace(1e8, 1e12, 8), 9)}
JOINT = {
    "n_layers": np.tile(GRID["n_layers"], 6),
    "d_emb": np.tile(GRID["d_emb"], 6),
    "tokens_over_apen": np.repeat(np.geomspace(1e5, 1e10, 6), 64),
}
DEPTH_WIDTH = {"b": 0.2, "w1": -0.02, "p_n": 12.0, "w3": 0.8, "w2": -0.03, "p_d": 15.0, "w4": 0.6}
SURFACES = {
    "performance": (GRID, DEPTH_WIDTH, 3e-4),
    "performance-shared": (GRID, {"b": 0.2, "w1": -0.02, "w3": 0.8, "w2": -0.03, "w4": 0.6, "p1": 12.0}, 3e-4),
    "performance-code": (GRID, {"b": 0.2, "w1": 0.02, "w3": 0.8, "w2": 0.03, "w4": 0.6, "p": 0.1}, 3e-4),
    "performance-joint": (JOINT, {**DEPTH_WIDTH, "p2": 40.0, "w5": 0.25}, 3e-4),
    "power": (GRID, {"E": 0.4, "A": -0.2, "B": -0.5, "alpha": 0.6, "beta": 0.5}, 1e-3),
    "log-linear": (GRID, {"b": 0.1, "c1": 0.02, "c2": -0.03}, 2e-3),
    "log-quadratic": (GRID, {"b": 0.1, "c1": 0.02, "c2": -0.004, "c3": 0.05, "c4": -0.006}, 2e-3),
    "log-quadratic-interaction": (
        GRID,
        {"b": 0.1, "c1": 0.02, "c2": -0.004, "c3": 0.05, "c4": -0.006, "c5": -0.002},
        2e-3,
    ),
    "kaplan": (SIZES, {"n_c": 8.8e13, "d_c": 5.4e13, "alpha_n": 0.076, "alpha_d": 0.095}, 5e-3),
    "chinchilla": (SIZES, {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}, 5e-3),
    "linear-loss": ({"loss": np.linspace(2, 5, 15)}, {"a": 1.0, "k": 0.2}, 0.02),
}


@pytest.mark.parametrize("name", SURFACES)
def test_intervals_cover_the_truth(name):
    x, truth, noise = SURFACES[name]
    law, rng = get(name), np.random.default_rng(11)
    y = law.predict(truth, x) + rng.normal(0, noise, (200, len(next(iter(x.values())))))
    params, _ = merge(fit_many(law, x, y, starts=2))
    dof = y.shape[1] - len(law.parameters)
    reach, hits = student.ppf(0.975, dof), np.zeros(len(law.parameters))
    for row in range(200):
        own = {key: float(values[row]) for key, values in params.items()}
        scale = ((y[row] - law.predict(own, x)) ** 2).sum() / dof
        errors, identified = covariance(law, own, x, scale, None)
        assert identified
        hits += [abs(own[key] - truth[key]) <= reach * e for key, e in zip(law.parameters, errors, strict=True)]
    assert ((hits / 200 >= 0.90) & (hits / 200 <= 0.99)).all(), dict(zip(law.parameters, hits / 200, strict=True))


@pytest.mark.parametrize("name", ["performance", "performance-code"])
def test_in_one_panel_predictions_are_identified_though_parameters_are_not(name):
    """On a 6 × 4 panel with the panel's own noise the exponents are unknown, and the surface is known."""
    law, frame = get(name), PANELS["ml-1m", 100, "hr10"]
    result = fit(law, frame, "y")
    noise = np.sqrt(result.objective / (24 - result.free))
    y = result.predict(frame) + np.random.default_rng(3).normal(0, noise, (200, 24))
    params, _ = merge(fit_many(law, result.x, y, starts=2))
    assert np.quantile(params["w3"], 0.9) - np.quantile(params["w3"], 0.1) > 2
    jacobian = law.jacobian(result.params, result.x)
    u, s, _ = np.linalg.svd(jacobian / np.linalg.norm(jacobian, axis=0), full_matrices=False)
    leverage = (u[:, s > 1e-12 * s[0]] ** 2).sum(1)
    fitted = law.predict({key: values[:, None] for key, values in params.items()}, result.x)
    scale = np.sqrt(((y - fitted) ** 2).sum(1) / (24 - result.free))
    reach = student.ppf(0.975, 24 - result.free) * scale[:, None] * np.sqrt(leverage)
    assert 0.90 <= (np.abs(fitted - result.predict(frame)) <= reach).mean() <= 0.99


def test_huber_shrugs_off_outliers():
    x, truth, noise = SURFACES["chinchilla"]
    y = get("chinchilla").predict(truth, x) * np.exp(np.random.default_rng(0).normal(0, noise, 72))
    y[::7] *= 1.5
    plain, robust = (fit(get("chinchilla"), {**x, "y": y}, "y", huber=h) for h in (None, 1e-3))
    assert abs(robust.params["E"] - 1.8) < 0.02 < abs(plain.params["E"] - 1.8)
    assert robust.aicc is None
    assert set(robust.stderr.values()) == {None}


# What the data cannot determine


def at_fixed_ratio(alpha, beta, noise, n=40, tokens_per_parameter=20.0):
    """Runs of the law whose tokens are a multiple of their parameters: its two terms can change places."""
    size = np.geomspace(1e6, 1e10, n)
    x = {"n_params": size, "tokens": tokens_per_parameter * size}
    y = get("chinchilla").predict({"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": alpha, "beta": beta}, x)
    return {**x, "y": y * np.exp(np.random.default_rng(1).normal(0, noise, n))}


@pytest.mark.parametrize("huber", [None, 1e-3])
@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_terms_that_can_change_places_are_exchangeable_and_the_bootstrap_covers_both(huber, noise):
    truth = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.2, "beta": 0.5}
    result = fit(get("chinchilla"), at_fixed_ratio(0.2, 0.5, noise), "y", huber=huber)
    assert result.status == "exchangeable"
    assert [result.stderr[name] for name in ("A", "B", "alpha", "beta")] == [None] * 4
    other = {"A": 2100 * 20**-0.5, "B": 480 * 20**0.2, "alpha": 0.5, "beta": 0.2}  # the same curve
    intervals = bootstrap(result, 60, "pairs").interval()
    for name in truth:
        low, high = intervals[name]
        for value in {truth[name], other.get(name, truth[name])}:
            assert low <= value * (1 + 1e-5), name
            assert high >= value * (1 - 1e-5), name


def test_a_ratio_that_is_nearly_fixed_is_exchangeable_too_and_a_design_that_varies_it_is_not():
    data = at_fixed_ratio(0.2, 0.5, 0.0)
    rng = np.random.default_rng(0)
    for spread, status in ((1e-4, "exchangeable"), (2.0, "ok")):
        data["tokens"] = 20 * data["n_params"] * np.exp(rng.normal(0, spread, 40))
        y = get("chinchilla").predict({"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.2, "beta": 0.5}, data)
        result = fit(get("chinchilla"), {**data, "y": y * np.exp(rng.normal(0, 1e-4, 40))}, "y")
        assert result.status == status
    assert (result.params["alpha"], result.params["beta"]) == pytest.approx((0.2, 0.5), rel=0.05)


def test_equal_exponents_at_a_fixed_ratio_are_flat():
    """A/N^α + B/D^α is one term: A and B are not identified, their sum in N is."""
    result = fit(get("chinchilla"), at_fixed_ratio(0.35, 0.35, 0.0), "y", huber=1e-3)
    assert result.status == "flat"
    assert result.stderr["A"] is None
    a = result.params["A"] + result.params["B"] * 20 ** -result.params["beta"]
    assert a == pytest.approx(480 + 2100 * 20**-0.35, rel=0.02)


def test_a_huber_fit_that_stops_early_says_so_and_its_exponents_stay_positive():
    for seed in range(3):
        data = at_fixed_ratio(0.5, 0.2, 2e-3)
        data["y"] = data["y"] * np.exp(np.random.default_rng(seed).normal(0, 2e-3, 40))
        result = fit(get("chinchilla"), data, "y", huber=1e-3)
        assert min(result.params.values()) > 0
        assert (result.status == "not-converged") == (result.gradient > 1e-6)
        assert result.status != "ok"
        draws = bootstrap(result, 20, "pairs", seed=seed)
        assert min(values.min() for values in draws.params.values()) > 0


def test_a_law_of_one_term_has_its_second_at_a_limit_and_not_below_zero():
    size = np.geomspace(1e6, 1e10, 40)
    x = {"n_params": size, "tokens": np.random.default_rng(0).permutation(size)}
    result = fit(get("chinchilla"), {**x, "y": 1.8 + 480 / size**0.3}, "y", huber=1e-3)
    assert result.status != "ok"
    assert result.params["beta"] >= 1e-4
    assert (result.params["alpha"], result.params["E"]) == pytest.approx((0.3, 1.8), rel=1e-3)


@pytest.mark.parametrize(("panel", "name"), [(("kuairand-pure", 100, "ndcg10"), "performance-shared")])
def test_a_thorough_leave_one_out_does_not_depend_on_rounding(panel, name):
    errors = []
    for points in jittered(PANELS[panel], ["y"], 2):
        result = fit(get(name), points, "y")
        errors.append(np.sqrt(np.mean((leave_one_out(result, thorough=True) - result.y) ** 2)))
    assert agreed(errors, 6)[1] >= 5
    assert errors[0] == pytest.approx(0.00150234, rel=1e-5)


def test_digits_that_are_determined():
    assert agreed([0.12345, 0.12339, 0.12340], 4) == (0.123, 3)
    assert agreed([138.2, 138.4], 4) == (138.0, 3)
    assert agreed([1.0, -1.0])[1] == agreed([1.0, np.nan])[1] == agreed([])[1] == 0
    exact = fit(get("log-quadratic"), PANELS["ml-1m", 100, "hr10"], "y")
    assert min(exact.determined.values()) >= 12
    (first, *others) = [fit(get("power"), p, "y") for p in jittered(PANELS["amazon-books", 25, "hr10"], ["y"])]
    assert first.status == "degenerate-limit"
    assert first.determined["E"] == 0  # E and B cancel as beta goes to 0
    for panel in (("huawei-music", 25, "hr10"), ("ml-1m", 150, "ndcg10")):
        first, *others = [fit(get("power"), p, "y") for p in jittered(PANELS[panel], ["y"])]
        for name, digits in first.determined.items():
            assert digits >= 2
            for other in others:
                assert other.params[name] == pytest.approx(first.params[name], rel=20 * 10.0**-digits)


# A law of `predict` alone


class Plain(Law):
    """`power`, written as a reader would."""

    name, arguments, parameters = "plain", ("n_layers", "d_emb"), ("E", "A", "B", "alpha", "beta")
    bounds: ClassVar = {"alpha": (1e-4, 10.0), "beta": (1e-4, 10.0)}

    def predict(self, params, x):
        depth, width = x["n_layers"] ** -params["alpha"], x["d_emb"] ** -params["beta"]
        return params["E"] + params["A"] * depth + params["B"] * width


class Saturating(Law):
    name, arguments, parameters = "saturating", ("tokens",), ("top", "rate", "start")
    bounds: ClassVar = {"rate": (0.0, 10.0)}

    def predict(self, params, x):
        return params["top"] - params["start"] * np.exp(-params["rate"] * x["tokens"])


@pytest.mark.parametrize(
    "panel", [("ml-1m", 150, "ndcg10"), ("huawei-music", 25, "hr10"), ("kuairand-pure", 50, "hr10")]
)
def test_a_law_of_predict_alone_agrees_with_the_separable_engine(panel):
    ours, theirs = (fit(law, PANELS[panel], "y") for law in (Plain(), get("power")))
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-8)
    assert (ours.status, ours.r2) == (theirs.status, pytest.approx(theirs.r2, abs=1e-9))
    if theirs.status == "ok":
        for name in Plain.parameters:
            assert ours.params[name] == pytest.approx(theirs.params[name], rel=1e-3)
            assert ours.stderr[name] == pytest.approx(theirs.stderr[name], rel=1e-2)
    assert [name for name in Plain.parameters if ours.stderr[name] is None] == [
        name for name in Plain.parameters if theirs.stderr[name] is None
    ]


def test_a_law_of_predict_alone_recovers_its_parameters_and_has_everything_the_others_have():
    truth, law = {"top": 0.4, "rate": 0.8, "start": 0.3}, Saturating()
    x = {"tokens": np.linspace(0, 5, 30)}
    exact = fit(law, {**x, "y": law.predict(truth, x)}, "y")
    assert exact.params == pytest.approx(truth, rel=1e-6)
    result = fit(law, {**x, "y": law.predict(truth, x) + np.random.default_rng(0).normal(0, 1e-3, 30)}, "y")
    assert result.status == "ok"
    intervals = bootstrap(result, 40).interval()
    for name, value in truth.items():
        assert abs(result.params[name] - value) < 3 * result.stderr[name]
        assert (intervals[name][1] - intervals[name][0]) / 4 == pytest.approx(result.stderr[name], rel=0.5)
    assert np.abs(leave_one_out(result) - law.predict(truth, x)).max() < 5e-3
    _, rest = holdout(law, {**x, "y": law.predict(truth, x)}, "y", 20, size="tokens")
    np.testing.assert_allclose(rest["prediction"], rest["y"], rtol=1e-6)
    curve = profile(result, "rate", [0.7, result.params["rate"], 0.9])
    assert curve["inside"].to_list() == [False, True, False]
    assert fit(law, {**x, "y": result.y}, "y", fixed={"top": 0.4}).params["top"] == 0.4
    weighted = fit(law, {**x, "y": result.y}, "y", weights=np.r_[np.ones(29), 0])
    shorter = fit(law, {"tokens": x["tokens"][:29], "y": result.y[:29]}, "y")
    assert weighted.params == pytest.approx(shorter.params, rel=1e-6)


def test_a_law_of_predict_alone_has_an_optimum():
    class Hill(Law):
        name, arguments, parameters = "hill", ("n_layers", "d_emb"), ("top", "n", "d")
        bounds: ClassVar = {"n": (1.0, 100.0), "d": (1.0, 1000.0)}

        def predict(self, params, x):
            off = np.log(x["n_layers"] / params["n"]) ** 2 + np.log(x["d_emb"] / params["d"]) ** 2
            return params["top"] - 0.1 * off

    x = {"n_layers": np.tile([2.0, 4, 8, 16, 32, 64], 5), "d_emb": np.repeat([16.0, 32, 64, 128, 256], 6)}
    result = fit(Hill(), {**x, "y": Hill().predict({"top": 1.0, "n": 12.0, "d": 70.0}, x)}, "y")
    found = optimum(result)
    assert (found.n_layers, found.d_emb) == pytest.approx((12, 70), rel=1e-4)


def test_bounds_of_what_a_law_lacks_are_refused():
    with pytest.raises(InputError, match="bounds for 'gamma'"):

        class Wrong(Law):
            name, arguments, parameters, bounds = "wrong", ("x",), ("a",), {"gamma": (0.0, 1.0)}


# Resampling, leaving out, extrapolating


def test_bootstrap_of_a_linear_law_has_its_standard_errors():
    result = fit(get("log-quadratic"), PANELS["ml-1m", 200, "hr10"], "y")
    for kind, tolerance in (("residual", 0.12), ("pairs", 0.6)):
        draws = bootstrap(result, 1000, kind, seed=2)
        for name, values in draws.params.items():
            assert values.std() == pytest.approx(result.stderr[name], rel=tolerance)
            low, high = draws.interval()[name]
            assert low < result.params[name] < high
        assert draws.predict(result.x).shape == (1000, 24)
    again = bootstrap(result, 1000, "pairs", seed=2)
    assert all((again.params[k] == draws.params[k]).all() for k in draws.params)
    with pytest.raises(InputError):
        bootstrap(result, 10, "wild")
    with pytest.raises(InputError, match="seed of a bootstrap is -1"):
        bootstrap(result, 10, seed=-1)
    for n in (0, 10**9):
        with pytest.raises(InputError, match="between 1 and 83333 are possible"):
            bootstrap(result, n)


def test_no_resample_is_left_in_a_poor_minimum():
    """Each resample's objective is at most that of the original parameters on the same resample."""
    result = fit(get("performance"), PANELS["kuairand-pure", 50, "hr10"], "y")
    rng = np.random.default_rng(4)  # the resamples that bootstrap draws
    weights = rng.multinomial(24, np.full(24, 1 / 24), size=200)
    draws = bootstrap(result, 200, "pairs", seed=4)
    assert (draws.objective <= (weights * result.residuals**2).sum(1) + 1e-15).all()
    full = [fit(get("performance"), {**result.x, "y": result.y}, "y", weights=w).objective for w in weights[:15]]
    assert (draws.objective[:15] <= np.array(full) * 1.02).all()


def test_leave_one_out_is_press_for_a_linear_law_and_a_refit_for_any():
    frame = PANELS["ml-1m", 100, "hr10"]
    result = fit(get("log-quadratic"), frame, "y")
    jacobian = result.law.jacobian(result.params, result.x)
    hat = np.einsum("ni,in->n", jacobian, np.linalg.pinv(jacobian))
    np.testing.assert_allclose(result.y - leave_one_out(result), result.residuals / (1 - hat), rtol=1e-6)
    result = fit(get("power"), frame, "y")
    without = fit(get("power"), frame[1:], "y")
    assert leave_one_out(result)[0] == pytest.approx(without.predict(frame)[0], abs=1e-6)


def test_expanding_window_is_holdout_at_every_k():
    frame = PANELS["huawei-music", 50, "hr10"]
    every = expanding(get("performance"), frame, "y")
    small, rest = holdout(get("performance"), frame, "y", 12)
    assert small.n == 12
    assert (rest["n_layers"] * rest["d_emb"] ** 2).min() >= (small.x["n_layers"] * small.x["d_emb"] ** 2).max()
    at_12 = every.filter(pl.col("k") == 12)
    np.testing.assert_allclose(at_12["prediction"], rest["prediction"], atol=1e-6)
    assert at_12["y"].to_list() == rest["y"].to_list()
    flat = every.filter(pl.col("status") == "flat")
    assert flat["prediction"].null_count() == flat.height > 0  # the smallest k do not identify the law
    assert every["prediction"].is_nan().sum() == 0
    by_width, _ = holdout(get("log-quadratic"), frame, "y", 8, size="d_emb")
    assert by_width.x["d_emb"].max() == 256
    with pytest.raises(InputError, match="k is 16"):
        holdout(get("power"), frame, "y", 16)


def test_profiles():
    result = fit(get("power"), PANELS["huawei-music", 25, "hr10"], "y")
    curve = profile(result, "alpha", np.linspace(0.2, 2, 13))
    assert (curve["objective"] >= result.objective * (1 - 1e-9)).all()
    assert curve.sort("objective")["value"][0] == pytest.approx(result.params["alpha"], abs=0.15)
    linear = fit(get("log-quadratic"), PANELS["ml-1m", 200, "hr10"], "y")
    curve = profile(linear, "c2")  # of a linear law: a parabola, and the F region is the t interval
    z = (curve["value"] - linear.params["c2"]) / linear.stderr["c2"]
    expected = linear.objective * (1 + z.to_numpy() ** 2 / (24 - 5))
    np.testing.assert_allclose(curve["objective"], expected, rtol=1e-6)
    assert (curve["inside"] == (z.abs() <= student.ppf(0.975, 19))).all()
    with pytest.raises(InputError):
        profile(result, "gamma")


def test_profile_of_a_coefficient_follows_every_branch():
    """w1 = ±0.3 are reached through exponents near 0 of opposite sign, where the law is nearly log-quadratic."""
    frame = PANELS["ml-1m", 100, "hr10"]
    result = fit(get("performance"), frame, "y")
    curve = profile(result, "w1", [-0.3, -0.1, 0.1, 0.3])
    near_zero = profile(result, "w3", [-0.03, 0.03])
    assert curve["inside"].all()
    assert curve["r2"][0] == pytest.approx(near_zero["r2"][1], abs=2e-4)
    assert curve["r2"][3] == pytest.approx(near_zero["r2"][0], abs=2e-4)


# Misuse


def good(**changes):
    rows = {
        "n_layers": [2, 4, 8, 16] * 3,
        "d_emb": [8] * 4 + [16] * 4 + [64] * 4,
        "hr10": list(np.linspace(0.1, 0.3, 12)),
    }
    return {**rows, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hr10": [float("nan")] * 12}, "hr10.*row 1"),
        ({"hr10": [0.1] * 11 + [float("inf")]}, "row 12"),
        ({"hr10": [0.2] * 12}, "nothing to explain"),
        ({"n_layers": [8] * 12}, "n_layers = 8"),
        ({"d_emb": [64] * 12}, "d_emb = 64"),
        ({"d_emb": [0] + [64] * 11}, "above 0"),
        ({"hr10": ["a"] * 12}, "numbers"),
    ],
)
@pytest.mark.parametrize("name", PANEL_LAWS)
def test_unusable_data_raise_a_sentence(name, changes, message):
    with pytest.raises(InputError, match=message):
        fit(get(name), good(**changes), "hr10")


def test_other_misuse():
    data, law = good(), get("performance")
    with pytest.raises(InputError, match=r"7 parameters.*only 6"):
        fit(law, {key: values[:6] for key, values in data.items()}, "hr10")
    with pytest.raises(InputError, match=r"no column 'ndcg'.*hr10"):
        fit(law, data, "ndcg")
    with pytest.raises(InputError, match="no column 'depth'"):
        fit(law, data, "hr10", x={"n_layers": "depth"})
    with pytest.raises(InputError, match="no argument 'depth'"):
        fit(law, data, "hr10", x={"depth": "n_layers"})
    with pytest.raises(InputError, match="huber is for"):
        fit(law, data, "hr10", huber=1e-3)
    with pytest.raises(InputError, match="cannot hold 'w1'"):
        fit(law, data, "hr10", fixed={"w1": 1})
    for weights in ([1, 2], ["a"] * 12, [0] * 12, [1e200] * 11 + [np.inf]):
        with pytest.raises(InputError, match="weights"):
            fit(law, data, "hr10", weights=weights)
    for factor in (1e200, 1e-310):
        with pytest.raises(InputError, match="give it in other units"):
            fit(law, {**data, "hr10": np.array(data["hr10"]) * factor}, "hr10")
    for huber in (float("nan"), 0.0, -1.0, float("inf")):
        with pytest.raises(InputError, match="it must be above 0"):
            fit(get("chinchilla"), {"n_params": [1, 2], "tokens": [1, 2], "y": [1, 2]}, "y", huber=huber)


@pytest.mark.parametrize("name", LAWS)
def test_what_a_law_says_it_can_hold_it_holds(name):
    """Names of the search that are no parameters of the law, as kaplan's a, are not among them."""
    law = get(name)
    rng = np.random.default_rng(0)
    data = {argument: 10 ** rng.uniform(0.5, 3, 40) for argument in law.arguments} | {"y": rng.uniform(1, 2, 40)}
    able = []
    for parameter in (*law.parameters, *law.search):
        try:
            result = fit(law, data, "y", fixed={parameter: 0.3}, starts=1)
        except InputError as error:
            said = str(error).split("it can hold ")[1]
        else:
            able.append(parameter)
            assert result.params[parameter] == 0.3
    with pytest.raises(InputError, match="cannot hold 'zz'"):
        fit(law, data, "y", fixed={"zz": 1})
    assert set(able) == set(said.split(", ")) - {"nothing"}
    if name == "kaplan":
        assert set(able) == {"alpha_d"}


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300, "a", None])
@pytest.mark.parametrize(("name", "parameter"), [("performance", "w3"), ("performance-code", "p"), ("power", "alpha")])
def test_a_parameter_is_held_at_a_number_within_its_bounds(name, parameter, value):
    with pytest.raises(InputError, match=re.escape(f"{name} cannot hold {parameter} at {value}; give")):
        fit(get(name), good(), "hr10", fixed={parameter: value})
    with pytest.raises(InputError, match=r"power cannot hold alpha at -1; .* from 0\.0001 to 10"):
        fit(get("power"), good(), "hr10", fixed={"alpha": -1})
    for law, p in (("performance-shared", "p1"), ("performance-code", "p")):
        with pytest.raises(InputError, match=f"{law} cannot hold {p} at 0"):
            fit(get(law), good(), "hr10", fixed={p: 0})
    with pytest.raises(InputError, match="chinchilla cannot hold 'alpha' in a Huber fit; it can hold nothing"):
        fit(get("chinchilla"), {"n_params": [1, 2], "tokens": [1, 2], "y": [1, 2]}, "y", huber=0.1, fixed={"alpha": 1})


@pytest.mark.parametrize("column", ["n_layers", "d_emb", "hr10"])
def test_columns_of_unequal_length_are_refused(column):
    data = good()
    law = get("log-linear")
    for wrong in (data[column][:-1], data[column][0], np.array(data[column])[:, None]):
        for call in (fit, expanding, lambda *given: holdout(*given, k=8)):
            with pytest.raises(
                InputError, match=r"has the shape \(.*\) and the response \(.*; both need one number a point"
            ):
                call(law, {**data, column: wrong}, "hr10")


@pytest.mark.parametrize("starts", [0, -1, 1.5, math.nan, "a", None])
def test_starts_are_a_number_of_searches(starts):
    for call in (fit, expanding, lambda *given, starts: holdout(*given, k=8, starts=starts)):
        with pytest.raises(InputError, match=f"starts is {starts}; it must be a whole number of at least 1"):
            call(get("log-linear"), good(), "hr10", starts=starts)


def test_what_cannot_be_identified_has_a_status_and_no_error():
    """Two depths leave w3 free; two D′ leave p2 and w5 free; as many points as parameters leave no error at all."""
    rng = np.random.default_rng(0)
    two = {"n_layers": [4.0, 8.0] * 6, "d_emb": np.repeat([8.0, 16, 32, 64, 128, 256], 2), "y": rng.random(12)}
    result = fit(get("performance"), two, "y")
    assert result.status in ("flat", "degenerate-limit")
    assert result.stderr["w3"] is None
    joint = {**{k: np.tile(v, 2) for k, v in two.items()}, "tokens_over_apen": np.repeat([1e6, 2e6], 12)}
    joint["y"] = rng.random(24)
    result = fit(get("performance-joint"), joint, "y")
    assert result.stderr["w5"] is None
    seven = {key: values[:7] for key, values in good(hr10=list(rng.random(12))).items()}
    result = fit(get("log-quadratic"), {key: values[:5] for key, values in seven.items()}, "hr10")
    assert result.status in ("saturated", "flat")
    assert set(result.stderr.values()) == {None}
    assert result.aicc is None
    assert result.adjusted_r2 is None


# srlaw fit


def write(tmp_path, frame):
    path = tmp_path / "runs.csv"
    frame.write_csv(path)
    return path


def test_fit_table_by_group_is_json(tmp_path):
    frame = paper.grid().filter(pl.col("dataset") == "huawei-music").rename({"n_layers": "depth"})
    path = write(tmp_path, frame)
    rows = fit_table(path, "log-quadratic", "hr10", {"n_layers": "depth"}, ["dataset", "s_max"], None, 100)
    assert [row["group"] for row in rows] == [{"dataset": "huawei-music", "s_max": s} for s in (25, 50)]
    for row in rows:
        assert {"group", "law", "n", "params", "stderr", "r2", "aicc", "objective", "status", "interval"} <= set(row)
        assert row["status"] in STATUSES
        assert all(low <= row["params"][k] <= high for k, (low, high) in row["interval"].items())
    json.dumps(rows, allow_nan=False)
    (whole,) = fit_table(path, "power", "hr10", {"n_layers": "depth"})
    assert (whole["group"], whole["n"]) == ({}, 32)
    assert "interval" not in whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_layers,d_emb,hr10\n2,8,0.1\n4,x,0.2\n", "runs.csv, line 3: column 'd_emb' is 'x'"),
        ("n_layers,d_emb,hr10\n2,8,\n", "line 2: column 'hr10' is empty"),
        ("n_layers,d_emb,hr10\n2,8,nan\n", "line 2.*finite"),
        ("n_layers,d_emb,hr10\n-2,8,0.1\n", "line 2.*above 0"),
        ("n_layers,d_emb\n2,8\n", "no column 'hr10'"),
        ("n_layers,d_emb,hr10\n", "no rows"),
        ("", "cannot be read"),
        ("n_layers,d_emb,hr10\n2,8,0.1\n4,8,0.2\n", "runs.csv: power has 5 parameters"),
    ],
)
def test_fit_table_errors_name_file_line_and_column(tmp_path, text, message):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        fit_table(path, "power", "hr10")


def test_fit_table_errors_name_the_group_and_the_file(tmp_path):
    path = write(tmp_path, paper.grid().head(28))
    with pytest.raises(InputError, match=r"runs.csv: s_max = 150: power has 5 parameters"):
        fit_table(path, "power", "hr10", by=["s_max"])
    with pytest.raises(InputError, match="no file"):
        fit_table(tmp_path / "none.csv", "power", "hr10")
    with pytest.raises(InputError, match="no law"):
        fit_table(path, "cubic", "hr10")


def test_least_squares_of_scipy_cannot_improve_a_fit():
    """An independent polish from our solution, in the law's own parameters."""
    result = fit(get("power"), PANELS["huawei-music", 25, "hr10"], "y")

    def residual(z):
        return result.law.predict(dict(zip(result.law.parameters, z, strict=True)), result.x) - result.y

    polished = least_squares(residual, list(result.params.values()), x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert 2 * polished.cost == pytest.approx(result.objective, rel=1e-8)
