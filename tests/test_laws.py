"""Each law against its equation: Jacobians, bases, limits, and where it is largest."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srlaw import paper
from srlaw.errors import InputError
from srlaw.laws import LAWS, PANEL_LAWS, bootstrap, fit, get, optimum
from srlaw.laws.forms import bend, decay
from srlaw.laws.huber import _derivatives, objective
from srlaw.laws.performance import PerformanceCode, PerformanceShared
from srlaw.laws.problem import pose
from srlaw.laws.project import _evaluate

RNG = np.random.default_rng(5)
X = {
    "n_layers": np.tile([2.0, 4, 8, 16, 32], 4),
    "d_emb": np.repeat([16.0, 32, 64, 256], 5),
    "tokens_over_apen": np.resize([2e7, 5e7, 9e7, 4e8], 20),
    "n_params": np.geomspace(1e6, 1e9, 20),
    "tokens": np.geomspace(1e8, 1e10, 20)[RNG.permutation(20)],
    "loss": np.linspace(2, 4, 20),
}
PARAMS = {
    "performance": {"b": 0.2, "w1": -0.02, "p_n": 9.0, "w3": 0.7, "w2": 0.03, "p_d": -2.0, "w4": -0.3},
    "performance-shared": {"b": 0.2, "w1": -0.02, "w3": 0.7, "w2": -0.03, "w4": 0.4, "p1": 8.0},
    "performance-code": {"b": 0.2, "w1": 0.02, "w3": 0.7, "w2": 0.03, "w4": -0.4, "p": 2.0},
    "performance-joint": {
        **{"b": -20.0, "w1": -0.02, "p_n": 9.0, "w3": 0.7, "w2": 0.03, "p_d": -2.0, "w4": -0.3},
        **{"p2": 30.0, "w5": 0.2},
    },
    "power": {"E": 0.4, "A": -0.2, "B": -0.5, "alpha": 0.6, "beta": 0.5},
    "log-linear": {"b": 0.1, "c1": 0.02, "c2": -0.03},
    "log-quadratic": {"b": 0.1, "c1": 0.02, "c2": -0.004, "c3": 0.05, "c4": -0.006},
    "log-quadratic-interaction": {"b": 0.1, "c1": 0.02, "c2": -0.004, "c3": 0.05, "c4": -0.006, "c5": -0.002},
    "kaplan": {"n_c": 8.8e13, "d_c": 5.4e13, "alpha_n": 0.076, "alpha_d": 0.095},
    "chinchilla": {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37},
    "linear-loss": {"a": 1.0, "k": 0.2},
}


def arguments(law):
    return {name: X[name] for name in law.arguments}


def charts():
    held = [PerformanceShared(held=3.0), PerformanceCode(held=2.0)]
    return [chart for law in LAWS.values() for chart in law.charts()] + held


def chart_id(law):
    return f"{law.name}-{getattr(law, 'pivot', '')}-{getattr(law, 'held', '')}"


def draw_theta(law, rng):
    return np.array([rng.uniform(max(axis[0], -2), min(axis[-1], 2)) for axis in law.grid])


def test_every_law_has_an_example():
    assert set(PARAMS) == set(LAWS)
    assert all(tuple(PARAMS[name]) == law.parameters for name, law in LAWS.items())


@pytest.mark.parametrize("name", LAWS)
def test_jacobian_agrees_with_finite_differences(name):
    law, params, x = get(name), PARAMS[name], arguments(get(name))
    jacobian = law.jacobian(params, x)
    assert jacobian.shape == (20, len(law.parameters))
    for j, parameter in enumerate(law.parameters):
        step = 1e-5 * abs(params[parameter])
        ahead, behind = (law.predict({**params, parameter: params[parameter] + s}, x) for s in (step, -step))
        np.testing.assert_allclose(jacobian[:, j], (ahead - behind) / (2 * step), rtol=2e-7, atol=1e-13)


@pytest.mark.parametrize("law", charts(), ids=chart_id)
def test_basis_and_named_parameters_give_the_same_response(law):
    """offset + Φ(θ) c equals `predict` of the parameters named from θ and c, wherever θ lies."""
    rng, x = np.random.default_rng(1), arguments(law)
    problem = pose(law, x)
    for _ in range(20):
        theta = draw_theta(law, rng)[None]
        phi, _ = law.basis(theta, problem.u, problem.centre)
        coef = rng.uniform(0.5, 2, (1, phi.shape[-1]))
        named = law.named(theta, coef, problem.centre)
        response = problem.offset + phi[0] @ coef[0]
        predicted = law.predict({k: v[0] for k, v in named.items()}, x)
        np.testing.assert_allclose(predicted, response, rtol=1e-9, atol=1e-9 * np.abs(response).max())


@pytest.mark.parametrize("law", [law for law in charts() if law.search], ids=chart_id)
def test_gradient_of_the_projected_objective(law):
    """The gradient that drives the search, against central differences of the objective itself."""
    rng, problem = np.random.default_rng(2), pose(law, arguments(law))
    y, root = rng.normal(size=(1, 20)), np.sqrt(rng.uniform(0.5, 2, (1, 20)))
    for _ in range(10):
        theta = draw_theta(law, rng)[None]
        slope = _evaluate(problem, theta, y, root)[1][0]
        for j in range(theta.shape[1]):
            step = np.zeros_like(theta)
            step[0, j] = 1e-5
            ahead, behind = (_evaluate(problem, theta + s * step, y, root)[0][0] for s in (1, -1))
            assert slope[j] == pytest.approx((ahead - behind) / 4e-5, rel=2e-5, abs=2e-7)


def test_huber_derivatives():
    rng = np.random.default_rng(3)
    u, v = rng.normal(size=(2, 30))
    phi = np.array([[0.4, 0.1, -0.3, 0.35, 0.4]])
    y, weights = rng.normal(0.8, 0.5, (1, 30)), rng.uniform(0.5, 2, (1, 30))
    gradient, hessian, _ = _derivatives(phi, y, u, v, weights, 0.3)
    for j in range(5):
        step = 1e-6 * np.eye(5)[[j]]
        value = [objective(phi + s * step, y, u, v, weights, 0.3)[0] for s in (1, -1)]
        assert gradient[0, j] == pytest.approx((value[0] - value[1]) / 2e-6, rel=1e-6)
        slope = [_derivatives(phi + s * step, y, u, v, weights, 0.3)[0][0] for s in (1, -1)]
        np.testing.assert_allclose(hessian[0, j], (slope[0] - slope[1]) / 2e-6, rtol=1e-5, atol=1e-6)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_bend_and_decay_are_their_formulas_away_from_zero(w, u):
    if abs(w) > 0.05:
        assert bend(np.array(w), np.array(u))[0] == pytest.approx((np.exp(-w * u) - 1 + w * u) / w**2, abs=1e-9)
        assert decay(np.array(w), np.array(u))[0] == pytest.approx((np.exp(-w * u) - 1) / w, abs=1e-9)


@given(st.floats(-1e-6, 1e-6), st.floats(-3, 3))
def test_bend_and_decay_reach_their_limits(w, u):
    assert bend(np.array(w), np.array(u))[0] == pytest.approx(u**2 / 2, abs=1e-5)
    assert decay(np.array(w), np.array(u))[0] == pytest.approx(-u, abs=1e-5)


def test_readings_of_equation_7_differ_only_in_how_p_is_shared():
    """shared: p_n = p_d; code: p_n w3 = p_d w4 = 1/p and w1 of Eq. (7) is −w1 w3 of the script."""
    x = arguments(get("performance"))
    shared, code = PARAMS["performance-shared"], PARAMS["performance-code"]
    own = {**shared, "p_n": shared["p1"], "p_d": shared["p1"]}
    as_shared = get("performance-shared").predict(shared, x)
    np.testing.assert_allclose(get("performance").predict(own, x), as_shared, rtol=1e-12)
    own = {
        "b": code["b"], "w1": -code["w1"] * code["w3"], "p_n": 1 / (code["p"] * code["w3"]), "w3": code["w3"],
        "w2": -code["w2"] * code["w4"], "p_d": 1 / (code["p"] * code["w4"]), "w4": code["w4"],
    }  # fmt: skip
    np.testing.assert_allclose(get("performance").predict(own, x), get("performance-code").predict(code, x), rtol=1e-12)


def test_log_quadratic_is_the_limit_of_performance():
    x = arguments(get("performance"))
    y = get("log-quadratic").predict(PARAMS["log-quadratic"], x)
    result = fit(get("performance"), {**x, "y": y}, "y")
    assert result.status == "degenerate-limit"
    assert np.abs(result.residuals).max() < 1e-6


@pytest.mark.parametrize(
    ("number", "variant", "constraint", "n_layers", "d_emb"),
    [
        (29, "corrected", None, None, 370.8),
        (30, "printed", None, None, 168.6),
        (30, "printed", "N*d^2=32768", 14.0, 48.4),
    ],
)
def test_optima_of_the_printed_equations(number, variant, constraint, n_layers, d_emb):
    found = optimum(*paper.in_panel(paper.equation(number, variant)[1]), constraint)
    assert found.d_emb == pytest.approx(d_emb, abs=0.05)
    assert found.n_layers == (None if n_layers is None else pytest.approx(n_layers, abs=0.05))
    assert found.edges == ({"n_layers": "upper"} if constraint is None else {})


def test_equation_29_as_printed_has_no_optimum_in_width():
    law, params = paper.in_panel(paper.equation(29)[1])
    found = optimum(law, params)
    assert found.d_emb is None
    assert found.edges == {"n_layers": "upper", "d_emb": "lower"}
    assert "no maximum" in found.reason
    widths = np.geomspace(1, 1e6, 500)
    assert (np.diff(law.predict(params, {"n_layers": 64.0, "d_emb": widths})) < 0).all()


def test_optimum_of_equation_30_by_hand():
    """0 = 1 − p w d^−w gives d = (31 · 0.0395)^(1/0.0395)."""
    found = optimum(*paper.in_panel(paper.equation(30)[1]))
    assert found.d_emb == pytest.approx((31 * 0.0395) ** (1 / 0.0395), rel=1e-6)


def test_optimum_of_a_quadratic_free_constrained_and_bounded():
    law = get("log-quadratic")
    params = {"b": 0.0, "c1": 2 * np.log(12), "c2": -1.0, "c3": 2 * np.log(90), "c4": -1.0}
    free = optimum(law, params)
    assert (free.n_layers, free.d_emb) == (pytest.approx(12, rel=1e-6), pytest.approx(90, rel=1e-6))
    tied = optimum(law, params, "N*d=270")  # a quarter of 12 · 90: both halve
    assert (tied.n_layers, tied.d_emb) == (pytest.approx(6, rel=1e-6), pytest.approx(45, rel=1e-6))

    def size(n, d):
        return n * d

    budget = optimum(law, params, (size, 270.0))
    assert (budget.n_layers, budget.d_emb) == (pytest.approx(6, rel=1e-4), pytest.approx(45, rel=1e-4))
    loose = optimum(law, params, (size, 1e5))
    assert loose.d_emb == pytest.approx(90, rel=1e-4)
    low = optimum(law, params, limits={"d_emb": (1, 50)})
    assert (low.d_emb, low.edges) == (None, {"d_emb": "upper"})


def test_a_law_that_levels_off_has_no_maximum():
    params = {"E": 0.4, "A": -0.2, "B": -0.5, "alpha": 0.8, "beta": 10.0}
    found = optimum(get("power"), params)
    assert found.edges == {"n_layers": "upper", "d_emb": "upper"}
    assert optimum(get("power"), {**params, "beta": 0.5}, "N*d=512").edges == {}


def test_an_optimum_without_parameters_is_refused():
    for params in (None, {"E": 0.4}):
        with pytest.raises(InputError, match="power depends on its parameters; give E, A, B, alpha, beta"):
            optimum(get("power"), params)


BELL = {"b": 0.0, "c1": 2 * np.log(12), "c2": -1.0, "c3": 2 * np.log(90), "c4": -1.0}


@pytest.mark.parametrize(("power", "c"), [("", 270), ("^2", 24300), ("**0.5", 30), ("^5e-1", 30), (" ** 2e0 ", 24300)])
def test_a_product_may_have_any_power_above_zero(power, c):
    """With x = ln N and y = ln d at ln 12 − λ and ln 90 − λp, x + p y = ln c gives λ."""
    p = float(power.strip(" ^*") or 1)
    shift = (np.log(12) + p * np.log(90) - np.log(c)) / (1 + p**2)
    found = optimum(get("log-quadratic"), BELL, f"N*d{power}={c:.1e}" if c == 270 else f" n_layers * d_emb{power}={c}")
    assert found.n_layers == pytest.approx(12 * np.exp(-shift), rel=1e-6)
    assert found.d_emb == pytest.approx(90 * np.exp(-shift * p), rel=1e-6)


@pytest.mark.parametrize(
    "constraint",
    [
        "N*d=1.2.3",
        "N*d=1e",
        "N*d=",
        "N*d=0",
        "N*d=-4",
        "N*d=nan",
        "N*d=1e999",
        "N*d^0=8",
        "N*d^-1=8",
        "N*d^.=8",
        "N*d^inf=8",
    ],
)
def test_a_constraint_that_is_none_is_quoted(constraint):
    with pytest.raises(InputError, match=f"cannot read the constraint '{re.escape(constraint)}'; .* above 0"):
        optimum(get("log-quadratic"), BELL, constraint)


@pytest.mark.parametrize("ends", [(0, 5), (-1, 5), (5, 1), (5, 5), (1, np.inf), (1, np.nan), (np.nan, 5), (1, 2, 3)])
def test_limits_that_are_no_range_are_refused(ends):
    for name in ("n_layers", "d_emb"):
        with pytest.raises(InputError, match=f"the limits of {name} are .*0 < low < high"):
            optimum(get("log-quadratic"), BELL, limits={name: ends})
    with pytest.raises(InputError, match="limits for 'depth'"):
        optimum(get("log-quadratic"), BELL, limits={"depth": (1, 5)})


def test_optimum_interval_covers_and_errors_are_sentences():
    x = {"n_layers": np.tile([2.0, 4, 8, 16, 32, 64], 5), "d_emb": np.repeat([16.0, 32, 64, 128, 256], 6)}
    params = {"b": 0.2, "c1": 0.02 * np.log(12), "c2": -0.01, "c3": 0.02 * np.log(70), "c4": -0.01}
    y = get("log-quadratic").predict(params, x) + np.random.default_rng(0).normal(0, 2e-3, 30)
    result = fit(get("log-quadratic"), {**x, "y": y}, "y")
    found = optimum(result, draws=bootstrap(result, 300))
    assert found.share == 1
    assert found.interval["n_layers"][0] < 12 < found.interval["n_layers"][1]
    assert found.interval["d_emb"][0] < 70 < found.interval["d_emb"][1]
    for constraint in ("N+d=3", "N*d=-4", "N*d=1e30", (lambda n, d: n * d, 0.1)):
        with pytest.raises(InputError):
            optimum(result, constraint=constraint)
    with pytest.raises(InputError, match="chinchilla"):
        optimum(get("chinchilla"), PARAMS["chinchilla"])


def test_bounds_are_by_parameter_and_names_are_checked():
    assert get("performance").bounds["w3"] == (-10, 10)
    assert get("power").bounds["alpha"][0] > 0
    assert all(set(law.bounds) == set(law.parameters) for law in LAWS.values() if law.name != "kaplan")
    assert set(PANEL_LAWS) < set(LAWS)
    with pytest.raises(InputError, match="log-quadratic"):
        get("quadratic")
