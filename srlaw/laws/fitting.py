"""`fit`: one law, one table, one result. Written once for all laws.

Status of a fit, the first that applies:

    not-converged     the gradient test failed at the best point; in a valley towards a limit of the law
    degenerate-limit  an exponent went to 0: its term has become logarithmic (or quadratic in the logarithm)
    flat              the data do not identify some parameters (rank-deficient Jacobian): their stderr is None
    at-bound          an exponent stopped at a bound of the search
    saturated         as many parameters as points: no residual degrees of freedom, no stderr
    ok
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from srlaw.errors import InputError
from srlaw.laws import huber as log_huber
from srlaw.laws.forms import Chinchilla, Law
from srlaw.laws.project import LOOSE, Problem, Solutions, pose, search

STATUSES = ("not-converged", "degenerate-limit", "flat", "at-bound", "saturated", "ok")
STARTS = 12
EXACT = 1e-8  # a fit that leaves less than this of the variance is exact: its residual is rounding


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law.

    Attributes:
        params, stderr: by parameter name; a stderr that cannot be had is None.
        r2, adjusted_r2: of the response itself; aicc: Gaussian, None with Huber or too few points.
        objective: Σ weights · residual², or the summed Huber loss of log residuals.
        residuals: response − prediction, ``(n,)``.
        starts, reached: local searches run, and those that came to the best objective (relative 1e-6).
        gradient: the gradient test at the best point, 0 at an exact stationary point.
        status: one of `STATUSES`.
    """

    law: Law
    params: dict[str, float]
    stderr: dict[str, float | None]
    r2: float
    adjusted_r2: float | None
    aicc: float | None
    objective: float
    residuals: np.ndarray = field(repr=False)
    n: int
    starts: int
    reached: int
    gradient: float
    status: str
    x: dict[str, np.ndarray] = field(repr=False)
    y: np.ndarray = field(repr=False)
    weights: np.ndarray | None = field(repr=False)
    huber: float | None = field(repr=False)
    fixed: dict[str, float] = field(repr=False)
    problem: Problem = field(repr=False)
    theta: np.ndarray = field(repr=False)

    def predict(self, x) -> np.ndarray:
        """Prediction at new arguments: a table or dict with the law's own argument names."""
        return self.law.predict(self.params, arguments(self.law, x))

    @property
    def free(self) -> int:
        """Number of fitted parameters."""
        return len(self.law.parameters) - len(self.fixed)


def column(data, name: str, role: str) -> np.ndarray:
    """One column of a table or dict as finite floats, or an `InputError` that names it."""
    names = list(data.columns) if isinstance(data, pl.DataFrame) else list(data)
    if name not in names:
        raise InputError(f"there is no column {name!r} for {role}; the columns are {', '.join(names)}")
    try:
        values = np.asarray(data[name], dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"column {name!r} ({role}) must hold numbers") from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise InputError(f"column {name!r} ({role}), row {bad[0] + 1}: {values[bad[0]]} is not a finite number")
    return values


def arguments(law: Law, data, x: dict[str, str] | None = None) -> dict[str, np.ndarray]:
    """The law's arguments as float arrays, checked; `x` maps an argument to another column's name."""
    unknown = set(x or {}) - set(law.arguments)
    if unknown:
        raise InputError(f"{law.name} has no argument {min(unknown)!r}; it takes {', '.join(law.arguments)}")
    values = {name: column(data, (x or {}).get(name, name), f"argument {name}") for name in law.arguments}
    for name, array in values.items():
        if name != "loss" and array.min(initial=1) <= 0:
            row = int(np.flatnonzero(array <= 0)[0])
            raise InputError(f"argument {name}, row {row + 1}: {array[row]:g} must be above 0, the law takes its log")
    return values


def _check(law: Law, x: dict, y: np.ndarray, free: int, huber: float | None) -> None:
    if len(y) < free:
        raise InputError(f"{law.name} has {free} parameters to fit, and there are only {len(y)} points")
    for name, values in x.items():
        if values.min() == values.max():
            raise InputError(f"every point has {name} = {values[0]:g}: {law.name} cannot be fitted to a single value")
    if y.min() == y.max():
        raise InputError(f"every response is {y[0]:g}: there is nothing to explain")
    if huber is not None:
        if not isinstance(law, Chinchilla):
            raise InputError(f"huber is for the law chinchilla (log residuals of positive terms), not for {law.name}")
        if not (math.isfinite(huber) and huber > 0):
            raise InputError(f"huber is {huber}; it must be above 0")
        if y.min() <= 0:
            raise InputError(f"huber takes logs of the responses, and one is {y.min():g}")


def fit_many(law, x, y, weights=None, fixed=None, starts: int = STARTS) -> list[tuple[Problem, Solutions]]:
    """Least-squares fits of one law on the same arguments to each row of `y` ``(R, n)``; nothing is checked.

    Returns:
        one (problem, solutions) for each of the law's charts; `merge` takes the better chart row by row.
    """
    law, fixed = law.hold(fixed or {})
    problems = [pose(chart, x, fixed) for chart in law.charts()]
    return [(problem, search(problem, y - problem.offset, weights, starts)) for problem in problems]


def merge(found) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameters by name ``(R,)`` from the better chart of each row, and which chart that is ``(R,)``."""
    winner = np.argmin([solutions.objective for _, solutions in found], axis=0)
    each = [solutions.params(problem) for problem, solutions in found]
    rows = np.arange(len(winner))
    return {name: np.stack([params[name] for params in each])[winner, rows] for name in each[0]}, winner


def covariance(law: Law, params: dict, x: dict, scale: float, weights, fixed=()) -> tuple[list[float | None], bool]:
    """Standard errors in parameter order from the Jacobian; None where the data do not identify one.

    Columns are scaled to unit length; directions with a singular value below 1e-9 of the largest are absent,
    and every parameter that takes part in one is unidentified. Returns the errors and whether all have one.
    """
    with np.errstate(all="ignore"):
        jacobian = law.jacobian(params, x)
    if weights is not None:
        jacobian = jacobian * np.sqrt(weights)[:, None]
    keep = [j for j, name in enumerate(law.parameters) if name not in fixed]
    part = jacobian[:, keep]
    norms = np.linalg.norm(part, axis=0)
    if not np.isfinite(norms).all():
        return [None] * len(law.parameters), False
    norms = np.where(norms > 0, norms, 1.0)
    _, s, vt = np.linalg.svd(part / norms, full_matrices=False)
    absent = s <= 1e-9 * s[0]
    known = (np.abs(vt[absent]) < 1e-4).all(0) & (np.linalg.norm(part, axis=0) > 0)
    if len(part) < len(keep):
        known[:] = False
    errors = np.sqrt(scale * ((vt[~absent] / s[~absent, None]) ** 2).sum(0)) / norms
    out: list[float | None] = [None] * len(law.parameters)
    for position, j in enumerate(keep):
        if known[position] and math.isfinite(errors[position]):
            out[j] = float(errors[position])
    return out, bool(known.all())


def fit(law: Law, data, y: str, x=None, weights=None, huber=None, fixed=None, starts: int = STARTS) -> Fit:
    """Fit a law to a table, globally: every local minimum of a grid is polished and the best one taken.

    Args:
        law: from `srlaw.laws.LAWS` or by name through `srlaw.laws.get`.
        data: polars frame or dict of columns. y: the response's column. x: argument → column, where they differ.
        weights: non-negative weights of the squared residuals (or Huber losses), ``(n,)``.
        huber: δ of a Huber loss of log residuals; `chinchilla` only.
        fixed: parameters held at a value: exponents, and the shared p of Eq. (7).
        starts: local searches.

    Raises:
        InputError: missing or non-numeric columns, values that are not finite or not positive, fewer points
            than parameters, a response or an argument with a single value.
    """
    arrays, response = arguments(law, data, x), column(data, y, "response")
    fixed = {name: float(value) for name, value in (fixed or {}).items()}
    for name in fixed:
        if name not in law.search or name not in law.parameters:
            raise InputError(f"{law.name} cannot hold {name!r}; it can hold {', '.join(law.search) or 'nothing'}")
    free = len(law.parameters) - len(fixed)
    _check(law, arrays, response, free, huber)
    if weights is not None:
        weights = np.asarray(weights, float)
        if weights.shape != response.shape or not np.isfinite(weights).all() or weights.min() < 0:
            raise InputError(f"weights must be {len(response)} finite numbers, none below 0")
    if huber is not None:
        return _fit_huber(law, arrays, response, weights, huber, starts)
    found = fit_many(law, arrays, response[None], None if weights is None else weights[None], fixed, starts)
    params, (winner,) = merge(found)
    problem, solution = found[winner]
    reached = sum(int(s.reached[0]) for _, s in found if s.objective[0] <= solution.objective[0] * (1 + 1e-6))
    exact = solution.objective[0] <= EXACT * ((response - response.mean()) ** 2).sum()
    phi, _ = problem.law.basis(solution.theta, problem.u, problem.centre)
    residuals = response - problem.offset - phi[0] @ solution.coef[0]
    flags = {
        "not-converged": solution.cosine[0] > LOOSE and not exact,
        "degenerate-limit": solution.limit[0],
        "at-bound": solution.bound[0],
    }
    return _result(
        law, {k: float(v[0]) for k, v in params.items()}, arrays, response, weights, None, fixed, flags,
        objective=float(solution.objective[0]), starts=sum(s.tried for _, s in found), reached=reached,
        gradient=float(solution.cosine[0]), problem=problem, theta=solution.theta[0], residuals=residuals,
    )  # fmt: skip


def _fit_huber(law, x, y, weights, delta, starts) -> Fit:
    problem = pose(law, x)
    u, v = (problem.u[name] for name in law.arguments)
    row = np.ones((1, len(y))) if weights is None else weights[None]
    phi, value, test, reached = log_huber.fit_log_huber(y[None], u, v, row, delta, count=starts)
    params = log_huber.named(phi, *[problem.centre[name] for name in law.arguments])
    params = {k: v[0] for k, v in params.items()}
    return _result(
        law, {k: float(v) for k, v in params.items()}, x, y, weights, delta, {}, {"not-converged": test[0] > 1e-2},
        objective=float(value[0]), starts=starts, reached=int(reached[0]), gradient=float(test[0]),
        problem=problem, theta=phi[0], residuals=y - law.predict(params, x),
    )  # fmt: skip


def _result(law, params, x, y, weights, huber, fixed, flags, residuals, **search_record) -> Fit:
    """Statistics and status of a solution; parameters too large to evaluate the law with are a limit of it."""
    n, free = len(y), len(law.parameters) - len(fixed)
    with np.errstate(all="ignore"):
        named = y - law.predict(params, x)
    if not np.abs(named - residuals).max() <= 1e-6 * y.std():
        flags = {**flags, "degenerate-limit": True}
    w = np.ones(n) if weights is None else weights
    rss = float((w * residuals**2).sum())
    spread = float((w * (y - np.average(y, weights=w)) ** 2).sum())
    r2 = 1 - rss / spread
    dof = n - free
    scale = rss / dof if dof > 0 and huber is None else math.nan
    errors, identified = covariance(law, params, x, scale, weights, fixed)
    errors = [0.0 if name in fixed else error for name, error in zip(law.parameters, errors, strict=True)]
    flags = {**flags, "flat": not identified, "saturated": dof == 0}
    gaussian = huber is None and n - free - 2 > 0 and rss > 0
    k = free + 1  # the variance of the noise is a parameter too
    return Fit(
        law=law,
        params=params,
        stderr=dict(zip(law.parameters, errors, strict=True)),
        r2=r2,
        adjusted_r2=1 - (1 - r2) * (n - 1) / dof if dof > 0 else None,
        aicc=n * math.log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1) if gaussian else None,
        residuals=residuals,
        n=n,
        status=next((status for status in STATUSES if flags.get(status)), "ok"),
        x=x,
        y=y,
        weights=weights,
        huber=huber,
        fixed=fixed,
        **search_record,
    )
