"""`fit`: one law, one table, one result. Written once for all laws; the searching is done by one of three engines.

Status of a fit, the first that applies:

    not-converged     the gradient test failed at the best point; in a valley towards a limit of the law
    degenerate-limit  an exponent went to 0: its term has become logarithmic (or quadratic in the logarithm)
    flat              the data do not identify some parameters (rank-deficient Jacobian): their stderr is None
    exchangeable      other parameters fit as well, as when two terms can change places because the runs keep tokens
                      and parameters in a fixed ratio: the parameters that differ have no stderr
    at-bound          a parameter stopped at a bound of the search
    saturated         as many parameters as points: no residual degrees of freedom, no stderr
    ok
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import polars as pl
from scipy.special import fdtri

from srlaw.errors import InputError, whole
from srlaw.laws import general, project
from srlaw.laws.forms import Law
from srlaw.laws.problem import APART, TIGHT, Problem, Solutions, pose
from srlaw.runs import LARGEST

STATUSES = ("not-converged", "degenerate-limit", "flat", "exchangeable", "at-bound", "saturated", "ok")
STARTS = 12
EXACT = 1e-8  # a fit that leaves less than this of the variance is exact: its residual is rounding
COLLINEAR = 0.99  # correlation of two arguments beyond which the exchange of their terms is tried


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
        problem, theta, coef: the search's own coordinates of the solution; twin: θ of another that fits as well.
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
    coef: np.ndarray = field(repr=False)
    twin: np.ndarray | None = field(repr=False)

    def predict(self, x) -> np.ndarray:
        """Prediction at new arguments: a table or dict with the law's own argument names."""
        return self.law.predict(self.params, arguments(self.law, x))

    @property
    def determined(self) -> dict[str, int]:
        """Significant digits of each parameter that do not depend on rounding, 0 to 15.

        The search stops at a gradient test g, so a parameter is off by up to g · stderr · √(degrees of freedom), or the
        rounding of the residuals where that is more. One without a stderr has no determined digit: at a singular limit
        of a law the rest depends on the processor.
        """
        dof = max(self.n - self.free, 1)
        out = {}
        for name, value in self.params.items():
            error = self.stderr[name]
            slack = np.inf if error is None else max(self.gradient, 1e-15) * error * math.sqrt(dof)
            known = value != 0 and math.isfinite(value) and math.isfinite(slack)
            digits = 15.0 if known and slack == 0 else math.log10(abs(value) / slack) if known else 0.0
            out[name] = int(min(max(digits, 0.0), 15.0))
        return out

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
        if name in law.positive and array.min(initial=1) <= 0:
            row = int(np.flatnonzero(array <= 0)[0])
            raise InputError(f"argument {name}, row {row + 1}: {array[row]:g} must be above 0, the law takes its log")
    return values


def check_shapes(x: dict, y: np.ndarray) -> None:
    """Refuse arguments and a response that are not ``(n,)`` all.

    Raises:
        InputError: if they are not.
    """
    for name, values in x.items():
        if np.ndim(y) != 1 or np.shape(values) != np.shape(y):
            raise InputError(
                f"argument {name} has the shape {np.shape(values)} and the response {np.shape(y)}; both need one "
                "number a point"
            )


def _check(law: Law, x: dict, y: np.ndarray, free: int, huber: float | None) -> None:
    check_shapes(x, y)
    if len(y) < free:
        raise InputError(f"{law.name} has {free} parameters to fit, and there are only {len(y)} points")
    for name, values in {**x, "the response": y}.items():
        size = np.abs(values).max()
        if size > LARGEST or 0 < size < 1 / LARGEST:
            raise InputError(
                f"{name} is of size {size:.3g}; numbers beyond 1e100 or below 1e-100 overflow when squared, "
                "so give it in other units"
            )
    for name, values in x.items():
        if values.min() == values.max():
            raise InputError(f"every point has {name} = {values[0]:g}: {law.name} cannot be fitted to a single value")
    if y.min() == y.max():
        raise InputError(f"every response is {y[0]:g}: there is nothing to explain")
    if huber is not None and y.min() <= 0:
        raise InputError(f"huber takes logs of the responses, and one is {y.min():g}")


def search(problem: Problem, y, weights=None, starts: int = STARTS, points=None, tight: float = TIGHT) -> Solutions:
    """`Solutions` of the problem for each row of `y` ``(R, n)``, offset excluded, by the engine of its law."""
    return _engine(problem.law).search(problem, y, weights, starts, points, tight)


def beginnings(problem: Problem, y, weights, count: int) -> np.ndarray:
    """The `count` most promising starts for one response ``(1, n)``, offset excluded: ``(count, q)``."""
    return _engine(problem.law).beginnings(problem, y, weights, count)


def _engine(law: Law):
    return law.engine or (project if law.separable else general)


def fit_many(law, x, y, weights=None, fixed=None, starts: int = STARTS) -> list[tuple[Problem, Solutions]]:
    """Fits of one law on the same arguments to each row of `y` ``(R, n)``; the data are not checked.

    Returns:
        one (problem, solutions) for each of the law's charts; `merge` takes the better chart row by row.

    Raises:
        InputError: if starts is not a whole number of at least 1.
    """
    if not whole(starts, 1):
        raise InputError(f"starts is {starts}; it must be a whole number of at least 1")
    law, fixed = law.hold(fixed or {})
    problems = [pose(chart, x, fixed) for chart in law.charts()]
    return [(problem, search(problem, y - problem.offset, weights, int(starts))) for problem in problems]


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
        law: from `srlaw.laws.LAWS` or by name through `srlaw.laws.get`, or of your own.
        data: polars frame or dict of columns. y: the response's column. x: argument → column, where they differ.
        weights: non-negative weights of the squared residuals (or Huber losses), ``(n,)``.
        huber: δ of a Huber loss of log residuals; `chinchilla` only.
        fixed: parameters held at a value within their bounds: exponents, and the shared p of Eq. (7); of a law of
            `predict` alone, any; none with huber.
        starts: local searches, at least 1.

    Raises:
        InputError: missing or non-numeric columns, or of unequal length; values that are not finite or not positive or
            too large to be squared, fewer points than parameters, a response or an argument with a single value;
            weights, held parameters or starts that cannot be used.
    """
    return fit_arrays(law, arguments(law, data, x), column(data, y, "response"), weights, huber, fixed, starts)


def fit_tables(law: Law, tables: Sequence[pl.DataFrame], y: str) -> list[Fit]:
    """`fit` of each table; those whose arguments are the same are searched as one batch.

    Raises:
        InputError: as `fit`.
    """
    designs: dict[tuple, list[int]] = {}
    for i, table in enumerate(tables):
        designs.setdefault(tuple(table.select(law.arguments).iter_rows()), []).append(i)
    fits = {}
    for members in designs.values():
        responses = np.stack([column(tables[i], y, "response") for i in members])
        fits |= zip(members, fit_rows(law, arguments(law, tables[members[0]]), responses), strict=True)
    return [fits[i] for i in range(len(tables))]


def fit_arrays(law: Law, x: dict, y: np.ndarray, weights=None, huber=None, fixed=None, starts: int = STARTS) -> Fit:
    """`fit` with the law's arguments ``(n,)`` by name and the response ``(n,)``, already checked one by one."""
    return fit_rows(law, x, np.asarray(y)[None], weights, huber, fixed, starts)[0]


def fit_rows(law: Law, x: dict, y: np.ndarray, weights=None, huber=None, fixed=None, starts: int = STARTS) -> list[Fit]:
    """`fit_arrays` of several responses ``(R, n)`` on the same arguments, searched as one batch."""
    searched = law if huber is None else law.robust(huber)
    fixed = _held(law, searched, fixed or {})
    for response in y:
        _check(law, x, response, len(law.parameters) - len(fixed), huber)
    if weights is not None:
        try:
            weights = np.asarray(weights, float)
        except (TypeError, ValueError):
            weights = np.array(math.nan)
        if weights.shape != y.shape[1:] or not np.isfinite(weights).all() or weights.min() < 0 or not weights.max() > 0:
            raise InputError(f"weights must be {y.shape[1]} finite numbers, none below 0 and not all 0")
    found = fit_many(searched, x, y, None if weights is None else np.tile(weights, (len(y), 1)), fixed, starts)
    fits = []
    for i, response in enumerate(y):
        own = [(problem, solutions.row(i)) for problem, solutions in found]
        fits.append(_fit_of(law, searched, own, x, response, weights, huber, fixed))
    return fits


def _held(law: Law, searched: Law, fixed: dict) -> dict[str, float]:
    """The parameters to hold, as floats: coordinates of the search that go by the law's own names, within bounds."""
    able = () if searched.engine else [name for name in law.search if name in law.parameters]
    out = {}
    for name, value in fixed.items():
        if name not in able:
            how = "" if searched is law else " in a Huber fit"
            raise InputError(f"{law.name} cannot hold {name!r}{how}; it can hold {', '.join(able) or 'nothing'}")
        low, high = law.bounds[name]
        out[name] = float(value) if isinstance(value, Real) else math.nan
        if not (low <= out[name] <= high and abs(out[name]) <= LARGEST):
            box = "" if math.isinf(low) and math.isinf(high) else f" from {low:g} to {high:g}"
            raise InputError(f"{law.name} cannot hold {name} at {value}; give a finite number{box}")
    return out


def _fit_of(law, searched, found, x, y, weights, huber, fixed) -> Fit:
    """The better chart's solution of one response, with its status and statistics."""
    params, (winner,) = merge(found)
    problem, solution = found[winner]
    reached = sum(int(s.reached[0]) for _, s in found if s.objective[0] <= solution.objective[0] * (1 + 1e-6))
    phi, _ = problem.law.basis(solution.theta, problem.u, problem.centre)
    residuals = y - problem.offset - phi[0] @ solution.coef[0]
    exact = huber is None and solution.objective[0] <= EXACT * ((y - y.mean()) ** 2).sum()
    flags = {
        "not-converged": solution.cosine[0] > searched.loose and not exact,
        "degenerate-limit": solution.limit[0],
        "at-bound": solution.bound[0],
    }
    return _result(
        law, {k: float(v[0]) for k, v in params.items()}, x, y, weights, huber, fixed, flags, residuals,
        twin=_twin(problem, solution, y, weights), objective=float(solution.objective[0]),
        starts=sum(s.tried for _, s in found), reached=reached, gradient=float(solution.cosine[0]),
        problem=problem, theta=solution.theta[0], coef=solution.coef[0],
    )  # fmt: skip


def _twin(problem: Problem, solution: Solutions, y: np.ndarray, weights) -> np.ndarray | None:
    """θ of other parameters that fit as well, or None: reached by another start, or by exchanging the terms.

    The exchange is tried where the first two arguments are (nearly) functions of each other. It counts if the
    objective it ends at lies within the 95% likelihood region of the best.
    """
    if len(problem.low) and np.isfinite(solution.twin[0]).all() and not solution.bound[0]:
        return solution.twin[0]
    order = problem.law.exchange
    if order is None or abs(np.corrcoef(list(problem.u.values())[:2])[0, 1]) < COLLINEAR:
        return None
    point = np.clip(solution.theta[:, list(order)], problem.low, problem.high)
    other = search(problem, (y - problem.offset)[None], None if weights is None else weights[None], 1, point)
    dof = max(len(y) - len(problem.law.parameters), 1)
    values = np.log(y) if problem.law.engine else y
    rounding = 1e-16 * ((values - values.mean()) ** 2).sum()  # of an exact fit
    limit = solution.objective[0] * (1 + fdtri(1, dof, 0.95) / dof) + rounding
    far = np.abs(other.theta - solution.theta) / (1 + np.abs(solution.theta))
    return other.theta[0] if other.objective[0] <= limit and far.max() > APART else None


def _unlike(law: Law, params: dict, problem: Problem, twin: np.ndarray, x: dict, y: np.ndarray, weights) -> set[str]:
    """Parameters that differ between a solution and its twin."""
    found = search(problem, (y - problem.offset)[None], None if weights is None else weights[None], 1, twin[None])
    other = found.params(problem)
    return {name for name in law.parameters if abs(other[name][0] - params[name]) > 1e-3 * abs(params[name])}


def _result(law, params, x, y, weights, huber, fixed, flags, residuals, twin, **search_record) -> Fit:
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
    stderr = dict(zip(law.parameters, errors, strict=True))
    if twin is not None:
        unlike = _unlike(law, params, search_record["problem"], twin, x, y, weights)
        stderr = {name: None if name in unlike else error for name, error in stderr.items()}
    flags = {**flags, "flat": not identified, "exchangeable": twin is not None, "saturated": dof == 0}
    gaussian = huber is None and n - free - 2 > 0 and rss > 0
    k = free + 1  # the variance of the noise is a parameter too
    return Fit(
        law=law,
        params=params,
        stderr=stderr,
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
        twin=twin,
        **search_record,
    )
