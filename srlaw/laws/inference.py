"""What a fit is worth: bootstrap, leave-one-out, extrapolation from small to large, profiles. For any law.

Every refit of a resample is again a search over several starts, run for all resamples at once
(`srlaw.laws.project`): weights of 0, 1, 2, … make the pairs bootstrap, leave-one-out and hold-out the same job.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import least_squares
from scipy.special import fdtri

from srlaw.errors import InputError
from srlaw.laws.fitting import (
    Fit,
    arguments,
    beginnings,
    fit_arrays,
    fit_many,
    merge,
    search,
)
from srlaw.laws.problem import SAME, Solutions
from srlaw.laws.project import solve

TIGHT = 1e-4  # gradient test for resamples: the objective is then within 1e-8 of its minimum
WARM = 48  # grid points of lowest objective, besides the solution itself, from which a resample's search starts
SEVERAL = 3  # starts of a resample besides the solution itself, where each is polished: Huber, laws of `predict` alone
MOST = 2_000_000  # resamples times points of one bootstrap: half a gigabyte


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Refits of resamples: parameters by name, each ``(resamples,)``, and the objective of each."""

    fit: Fit
    kind: str
    seed: int
    params: dict[str, np.ndarray]
    objective: np.ndarray

    def interval(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Percentile interval of every parameter."""
        return {name: percentiles(values, level) for name, values in self.params.items()}

    def predict(self, x) -> np.ndarray:
        """Predictions of every resample's law at `x`: ``(resamples, n)``; NaN where its parameters overflow."""
        points = arguments(self.fit.law, x)
        with np.errstate(all="ignore"):
            return self.fit.law.predict({name: values[:, None] for name, values in self.params.items()}, points)


def percentiles(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Central interval of draws; infinite draws count, undefined ones (NaN) are left out."""
    values = values[~np.isnan(values)]
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], method="nearest")
    return float(low), float(high)


def bootstrap(result: Fit, n: int = 1000, kind: str = "residual", seed: int = 0) -> Bootstrap:
    """Refit `n` resamples.

    Args:
        kind: ``"residual"`` keeps the design and redraws centred residuals, scaled by √(n/(n − parameters))
            (with Huber, log residuals); ``"pairs"`` redraws whole points.

    Raises:
        InputError: unknown kind, residual resampling of a weighted or saturated fit, a negative seed, or a number of
            resamples below 1 or so large that they do not fit in memory.
    """
    if seed < 0:
        raise InputError(f"the seed of a bootstrap is {seed}; it must be 0 or more")
    if not 1 <= n * result.n <= MOST:
        raise InputError(f"{n} resamples of {result.n} points: between 1 and {MOST // result.n} are possible")
    rng = np.random.default_rng(seed)
    size = result.n
    if kind == "pairs":
        weights = rng.multinomial(size, np.full(size, 1 / size), size=n).astype(float)
        y = np.broadcast_to(result.y, weights.shape)
        if result.weights is not None:
            weights = weights * result.weights
    elif kind == "residual":
        if result.weights is not None or size <= result.free:
            raise InputError("a residual bootstrap needs an unweighted fit with more points than parameters")
        fitted = result.y - result.residuals
        logs = result.huber is not None
        residuals = np.log(result.y / fitted) if logs else result.residuals
        centred = (residuals - residuals.mean()) * np.sqrt(size / (size - result.free))
        drawn = centred[rng.integers(0, size, (n, size))]
        y, weights = (fitted * np.exp(drawn) if logs else fitted + drawn), None
    else:
        raise InputError(f"there is no bootstrap of kind {kind!r}; use 'residual' or 'pairs'")
    params, objective = refit(result, y, weights)
    return Bootstrap(result, kind, seed, params, objective)


def refit(result: Fit, y: np.ndarray, weights: np.ndarray | None, starts: int = 2):
    """The fit repeated on other responses and weights ``(R, n)``, from its own neighbourhood and other good starts.

    Where other parameters fit the data as well (status "exchangeable"), each resample is fitted from both: the better
    one is taken, and of two that are equal by turns one and the other.

    Returns:
        parameters by name ``(R,)`` and objectives ``(R,)``.
    """
    problem = result.problem
    y = y - problem.offset
    solutions = _several(result, y, weights, starts)
    if result.twin is not None:
        sides = [search(problem, y, weights, 1, theta[None], TIGHT) for theta in (result.theta, result.twin)]
        turn = np.arange(len(y)) % 2
        for side, own in enumerate(sides):
            level = own.objective <= solutions.objective * (1 + SAME)
            solutions = own.where(level & (turn == side), solutions)
    return solutions.params(problem), solutions.objective


def _several(result: Fit, y: np.ndarray, weights: np.ndarray | None, starts: int) -> Solutions:
    problem, law = result.problem, result.problem.law
    original, own = (result.y - problem.offset)[None], None if result.weights is None else result.weights[None]
    if not len(problem.low):
        return search(problem, y, weights)
    if law.engine or not law.separable:
        points = np.concatenate([result.theta[None], beginnings(problem, original, own, SEVERAL)])
        return search(problem, y, weights, len(points), points, TIGHT)
    if weights is None:
        solutions = search(problem, y, None, starts, problem.points, TIGHT)
        return solutions.better(search(problem, y, None, 1, result.theta[None], TIGHT))
    points = np.concatenate([result.theta[None], beginnings(problem, original, own, WARM)])
    return search(problem, y, weights, starts, points, TIGHT)


def leave_one_out(result: Fit, thorough: bool = False) -> np.ndarray:
    """Prediction of each point by the law refitted without it: ``(n,)``; NaN where that law's parameters overflow.

    `thorough` searches each refit anew, in all of the law's charts and to the end, and evaluates it in the coordinates
    of the search: some ten times slower, and the same to five digits on any processor.
    """
    weights = 1 - np.eye(result.n)
    if result.weights is not None:
        weights = weights * result.weights
    y = np.broadcast_to(result.y, weights.shape)
    if thorough:
        law = result.law if result.huber is None else result.law.robust(result.huber)
        found = fit_many(law, result.x, y, weights, result.fixed)
        _, winner = merge(found)
        rows = np.arange(result.n)
        return np.stack([np.diagonal(p.response(s.theta, s.coef)) for p, s in found])[winner, rows]
    params, _ = refit(result, y, weights, starts=6)
    each = {name: values[:, None] for name, values in params.items()}
    with np.errstate(all="ignore"):
        return np.diagonal(result.law.predict(each, result.x)).copy()


def agreed(values: Sequence[float], most: int = 4) -> tuple[float, int]:
    """A number computed several times, as from `jittered` points, with the significant digits in which all agree.

    Returns:
        the mean rounded to these digits, at most `most`, and how many they are; NaN and 0 where not even the first
        digit or the sign is determined. A page prints no more.
    """
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        return math.nan, 0
    for digits in range(most, 0, -1):
        rounded = {float(f"{number:.{digits - 1}e}") for number in numbers}
        if len(rounded) == 1:
            return rounded.pop(), digits
    return math.nan, 0


def jittered(points: pl.DataFrame, columns: Sequence[str], times: int = 4, seed: int = 0) -> list[pl.DataFrame]:
    """The points as they are, and again with `columns` moved by parts in 10¹⁴: what rounding on another processor does.

    The order of the rows stays, so a bootstrap with the same seed draws the same resamples.
    """
    rng = np.random.default_rng(seed)
    moved = [{c: points[c] * (1 + 1e-14 * rng.normal(size=points.height)) for c in columns} for _ in range(times - 1)]
    return [points, *(points.with_columns(**each) for each in moved)]


def profile(result: Fit, name: str, values=None, level: float = 0.95) -> pl.DataFrame:
    """The best objective with one parameter held at each of `values` (default: 41 within its bounds or ± 4 stderr).

    Returns:
        ``value, objective, r2, inside`` (within the F threshold of a `level` likelihood region), and the other
        parameters at the constrained best.

    Raises:
        InputError: unknown parameter, or no stderr and no `values` to span.
    """
    if name not in result.params:
        raise InputError(f"{result.law.name} has no parameter {name!r}; it has {', '.join(result.law.parameters)}")
    values = _span(result, name) if values is None else np.asarray(values, float)
    if name in result.law.search and result.huber is None:
        held = [
            fit_arrays(result.law, result.x, result.y, result.weights, fixed={**result.fixed, name: v}) for v in values
        ]
        rows = [(refitted.objective, refitted.params) for refitted in held]
    else:
        rows = _walk(result, name, values)
    objective = np.array([row[0] for row in rows])
    dof = max(result.n - result.free, 1)
    limit = result.objective * (1 + fdtri(1, dof, level) / dof)
    w = np.ones(result.n) if result.weights is None else result.weights
    spread = (w * (result.y - np.average(result.y, weights=w)) ** 2).sum()
    r2 = [None] * len(values) if result.huber is not None else 1 - objective / spread
    others = {p: [row[1][p] for row in rows] for p in result.law.parameters if p != name}
    return pl.DataFrame({"value": values, "objective": objective, "r2": r2, "inside": objective <= limit, **others})


def _span(result: Fit, name: str) -> np.ndarray:
    low, high = result.law.bounds[name]
    error = result.stderr[name]
    if name in result.law.search and np.isfinite([low, high]).all():
        return np.linspace(low, high, 41)
    if not error:
        raise InputError(f"{name} has no standard error, so give the values of the profile")
    return result.params[name] + error * np.linspace(-4, 4, 41)


def _walk(result: Fit, name: str, values: np.ndarray) -> list[tuple[float, dict]]:
    """Constrained least squares in the law's own parameters at each value, from the best of many starts.

    The starts are the optimum and, of the points of the search grid, those whose own value of the parameter is
    nearest: a parameter may reach a value on branches of the law that are not connected (w1 → ±∞ as w3 → ∓0).
    """
    if result.huber is not None:
        raise InputError("a profile of a Huber fit is not available; use its bootstrap")
    law, problem = result.law, result.problem
    rest = [p for p in law.parameters if p != name and p not in result.fixed]
    keep = [law.parameters.index(p) for p in rest]
    root = np.ones(result.n) if result.weights is None else np.sqrt(result.weights)
    theta = problem.points.reshape(-1, problem.points.shape[-1]) if len(problem.low) else np.empty((1, 0))
    phi, _ = problem.law.basis(theta, problem.u, problem.centre)
    rows = np.broadcast_to(result.y - problem.offset, (len(theta), result.n))
    coef, _, residuals, _ = solve(phi, rows, None if result.weights is None else np.broadcast_to(root, rows.shape))
    branches = problem.law.named(theta, coef, problem.centre)
    usable = np.isfinite(np.stack(list(branches.values()))).all(0)
    cost = (residuals**2).sum(1)

    def descend(state: dict, value: float) -> tuple[float, dict]:
        def own(free):
            return {**state, **dict(zip(rest, map(float, free), strict=True)), name: float(value)}

        def residual(free):
            return root * (law.predict(own(free), result.x) - result.y)

        def slope(free):
            return root[:, None] * law.jacobian(own(free), result.x)[:, keep]

        begin = [state[p] for p in rest]
        options: dict[str, Any] = {"jac": slope, "xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
        found = least_squares(residual, begin, x_scale="jac", **options)
        return 2 * float(found.cost), own(found.x)

    out = []
    for value in values:
        distance = np.where(usable, np.abs(branches[name] - value), np.inf)
        near = np.argsort(distance)[: max(12, len(theta) // 30)]
        picked = near[cost[near].argsort()[:4]]
        states = [result.params, *[{key: float(column[i]) for key, column in branches.items()} for i in picked]]
        with np.errstate(all="ignore"):
            good = [s for s in states if np.isfinite(law.predict({**s, name: value}, result.x)).all()]
            out.append(min((descend(state, value) for state in good), key=lambda pair: pair[0]))
    return out
