"""The engine for laws that give `predict` alone: many starts, each polished by scipy's bounded least squares.

θ is all of the law's parameters. Those the law is linear in are found by trying (`linear_parameters`); the starts draw
the others from their bounds, by a Halton sequence, and solve the linear ones. One fit at a time: slower than
`srlaw.laws.project` by two orders of magnitude, and right for any smooth law.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from srlaw.errors import InputError
from srlaw.laws.forms import Law
from srlaw.laws.problem import SAME, TIGHT, Problem, Solutions, twins

DRAWS = 64  # starts drawn for each one that is polished
DECADES = 3.0  # a parameter without bounds starts within so many powers of ten of 1, of either sign
TOLERANCE = 1e-15  # of least_squares: to the end; its result is judged by objective and gradient


def search(problem: Problem, y: np.ndarray, weights=None, starts: int = 12, points=None, tight=TIGHT) -> Solutions:
    """See `srlaw.laws.problem`. Each fit is polished to the end, whatever `tight` asks for."""
    rows = [_fit(problem, y[r], None if weights is None else weights[r], starts, points) for r in range(len(y))]
    theta, objective, cosine, reached, bound, twin = (np.array(column) for column in zip(*rows, strict=True))
    tried = len(points) if points is not None else starts + len(problem.law.starts)
    limit = np.zeros(len(y), bool)
    return Solutions(theta, np.ones((len(y), 1)), objective, cosine, reached, limit, bound, twin, tried)


def _fit(problem: Problem, y, weights, starts, points):
    """θ, objective, gradient test, searches that reached it, whether a bound is active, and a twin of θ or NaN."""
    begin = (
        beginnings(problem, y[None], None if weights is None else weights[None], starts) if points is None else points
    )
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    found = [polish(problem, theta, y, root) for theta in begin]
    found = [one for one in found if one is not None]
    if not found:
        raise InputError(f"{problem.law.name} gives no finite numbers for these arguments; check its bounds")
    theta, objective, cosine, bound = (np.array(column) for column in zip(*found, strict=True))
    best = objective.argmin()
    same = objective <= objective[best] * (1 + SAME) + 1e-14 * ((root * y) ** 2).sum()
    twin = twins(theta[None], (same & (cosine <= problem.law.loose))[None], theta[best][None])[0]
    ends = _at_ends(problem, theta[best], y, root)
    if ends is not None and ends[1] <= objective[best] * (1 + 1e-9):
        return *ends[:3], same.sum(), True, twin
    return theta[best], objective[best], cosine[best], same.sum(), bound[best], twin


def _at_ends(problem: Problem, theta: np.ndarray, y: np.ndarray, root: np.ndarray):
    """The search repeated with the parameters that stopped close to a bound held there, where interior steps creep."""
    low, high = problem.low, problem.high
    near = [np.isfinite(end) & (np.abs(theta - end) <= 1e-3 * (1 + np.abs(end))) & (low < high) for end in (low, high)]
    if not (near[0] | near[1]).any():
        return None
    theta = np.where(near[0], low, np.where(near[1], high, theta))
    held = replace(problem, low=np.where(near[1], high, low), high=np.where(near[0], low, high))
    return polish(held, theta, y, root)


def polish(problem: Problem, theta: np.ndarray, y: np.ndarray, root: np.ndarray):
    """Least squares from one θ: (θ, objective, gradient test, whether a bound is active), or None if not finite."""
    free = problem.low < problem.high
    low, high = problem.low[free], problem.high[free]

    def whole(z):
        out = theta.copy()
        out[free] = z
        return out

    def residual(z):
        with np.errstate(all="ignore"):
            value = root * (predict(problem, whole(z)) - y)
        return np.where(np.isfinite(value), value, 1e150)  # a step into the void is refused, not followed

    def slope(z):
        params = dict(zip(problem.law.parameters, whole(z), strict=True))
        with np.errstate(all="ignore"):
            return np.nan_to_num(root[:, None] * problem.law.jacobian(params, problem.u)[:, free])

    margin = [1e-7 * (1 + np.where(np.isfinite(end), np.abs(end), 0.0)) for end in (low, high)]
    begin = np.clip(theta[free], low + margin[0] / 100, high - margin[1] / 100)  # least_squares starts inside
    if not free.any():
        return theta, float((residual(begin) ** 2).sum()), 0.0, False
    with np.errstate(all="ignore"):
        if not np.isfinite(predict(problem, whole(begin))).all():
            return None
        options: dict[str, Any] = {"jac": slope, "xtol": TOLERANCE, "ftol": TOLERANCE, "gtol": TOLERANCE}
        found = least_squares(residual, begin, bounds=(low, high), max_nfev=200, x_scale="jac", **options)
    active = (found.x <= low + margin[0]) | (found.x >= high - margin[1])
    snapped = np.where(active, np.where(found.x - low < high - found.x, low, high), found.x)
    z = snapped if (residual(snapped) ** 2).sum() <= 2 * found.cost else found.x
    active &= z == snapped
    rest, jacobian = residual(z), slope(z)
    gradient = jacobian.T @ rest
    held = active & np.where(z <= low, gradient > 0, gradient < 0)
    size = np.linalg.norm(jacobian, axis=0) * np.linalg.norm(rest)
    cosine = np.where(held | (size == 0), 0.0, np.abs(gradient) / np.where(size > 0, size, 1.0)).max()
    return whole(z), float((rest**2).sum()), float(cosine), bool(active.any())


def predict(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """The law at one θ ``(q,)``: ``(n,)``."""
    params = dict(zip(problem.law.parameters, map(float, theta), strict=True))
    return np.broadcast_to(problem.law.predict(params, problem.u), (len(next(iter(problem.u.values()))),))


def linear_parameters(law: Law, x: dict, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Which parameters the law is jointly linear in (with a constant), found by trying: ``(q,)`` of bool."""
    rng = np.random.default_rng(0)
    problem = Problem(law, x, {}, 0.0, low, high, np.empty((0, len(low))))
    base = _spread(rng.random((3, len(low))), low, high)
    linear = np.zeros(len(low), bool)
    for j in np.flatnonzero(low < high):
        linear[j] = True
        for theta in base:
            step = np.where(linear, rng.normal(size=len(low)) * (0.1 + np.abs(theta)), 0.0)
            with np.errstate(all="ignore"):
                at = [predict(problem, theta + k * step) for k in (0.0, 1.0, 2.5)]
                gap = np.abs((at[2] - at[0]) - 2.5 * (at[1] - at[0])).max()
                linear[j] &= bool(gap <= 1e-10 * np.abs(at).max()) and np.isfinite(at).all()
    return linear


def _spread(unit: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The unit cube ``(m, q)`` spread over the bounds: by ratios where a range has no end or spans decades."""
    out = np.empty_like(unit)
    for j, (a, b) in enumerate(zip(low, high, strict=True)):
        size = 10 ** (DECADES * (2 * unit[:, j] - 1))
        if np.isfinite([a, b]).all():
            out[:, j] = a * (b / a) ** unit[:, j] if a > 0 and b > 100 * a else a + (b - a) * unit[:, j]
        elif np.isfinite(a) or np.isfinite(b):
            out[:, j] = a + size if np.isfinite(a) else b - size
        else:
            out[:, j] = np.sign(unit[:, j] - 0.5) * 10 ** (DECADES * (2 * np.abs(2 * unit[:, j] - 1) - 1))
    return np.clip(out, low, high)


def beginnings(problem: Problem, y: np.ndarray, weights: np.ndarray | None, count: int) -> np.ndarray:
    """The law's own starts and the `count` best of those drawn, for one response ``(1, n)``: ``(count + own, q)``."""
    law, low, high = problem.law, problem.low, problem.high
    linear = linear_parameters(law, problem.u, low, high)
    from scipy.stats import qmc  # slow to import

    unit = qmc.Halton(len(low), rng=np.random.default_rng(0)).random(DRAWS * count)
    drawn = _spread(unit, low, high)
    drawn[:, linear] = np.clip(0.0, low[linear], high[linear])
    root = np.ones(y.shape[1]) if weights is None else np.sqrt(weights[0])
    cost = np.full(len(drawn), np.inf)
    with np.errstate(all="ignore"):
        for i, theta in enumerate(drawn):
            zero = predict(problem, theta)
            columns = np.stack([predict(problem, theta + unit) - zero for unit in np.eye(len(low))[linear]], -1) if (
                linear.any()) else np.empty((y.shape[1], 0))  # fmt: skip
            a, b = root[:, None] * columns, root * (y[0] - zero)
            if not (np.isfinite(a).all() and np.isfinite(b).all()):
                continue
            norms = np.linalg.norm(a, axis=0)
            norms = np.where(norms > 0, norms, 1.0)
            step = np.linalg.lstsq(a / norms, b, rcond=1e-12)[0] / norms
            theta[linear] = np.clip(theta[linear] + step, low[linear], high[linear])
            rest = root * (y[0] - predict(problem, theta))
            cost[i] = rest @ rest if np.isfinite(rest).all() else np.inf
    order = np.argsort(cost, kind="stable")[:count]
    own = [[float(start[name]) for name in law.parameters] for start in law.starts]
    return np.concatenate([np.array(own).reshape(-1, len(low)), drawn[order]])
