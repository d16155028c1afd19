"""Forecasts of every cell from the runs that are known, and what each is worth: all laws, a process, a carried shape.

Each says how good every cell is, from k known cells: ``predict(cells, y) -> (R, m)``, y ``(R, k)``.
Groups (models, s_max) share one shape, each at its own level. What a forecast is worth is told by hold-out: fitted to
the cheaper of the known cells, how far it is from the dearest ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from srlaw.laws import PANEL_LAWS, Law, determined, fit_many, get
from srlaw.laws.carried import pooled, shape
from srlaw.laws.process import gaussian_process
from srlaw.planner.cells import Cells

PROCESS, CARRIED, PLACED = "Gaussian process", "carried shape", "carried shape by place"
LINEAR = ("log-linear", "log-quadratic", "log-quadratic-interaction")  # laws that fit in a millisecond
NEGLIGIBLE = 0.01  # of all weight: less is none
STARTS = 2  # of the search for a law, besides its charts
HELD = (0.25, 0.5)  # shares of the known cells, the dearest, that are held out
Curves = dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class Forecast:
    """One way to forecast: `needs` is the number of parameters, the level of one group among them."""

    name: str
    needs: int
    predict: Callable[[Cells, np.ndarray], np.ndarray]
    law: Law | None = None
    sample: Callable[[Cells, int, np.random.Generator], np.ndarray] | None = None

    def feasible(self, cells: Cells) -> bool:
        """Whether the known cells determine it with one to spare."""
        k = len(cells.seen)
        if k <= self.needs + len(np.unique(cells.group[cells.seen])) - 1:
            return False
        if self.law is None:
            return True
        n, d = np.unique(cells.sizes[cells.seen], axis=0).T
        return len(n) >= self.needs and determined(self.law, {"n_layers": n, "d_emb": d}, len(n))


def carried_curves(priors: Sequence[pl.DataFrame]) -> Curves:
    """The shape of other data sets' tables (``n_layers, d_emb, y``), as functions of sizes and places ``(m, 2)``.

    By size it is Eq. (7), by place in the design (from its middle, in standard deviations) a quadratic surface.
    """
    if not priors:
        return {}
    by_size = shape(priors, get("performance"))
    places = []
    for table in priors:
        sizes = table.select("n_layers", "d_emb").to_numpy().astype(float)
        none = np.empty(0, int)
        cells = Cells(sizes, np.zeros(len(sizes), int), sizes[:, 0], none, np.empty(0), none)
        places.append(cells.places)
    coefficients = np.linalg.lstsq(_quadratic(np.concatenate(places)), pooled(priors)[1])[0]
    return {
        CARRIED: lambda sizes, places: by_size({"n_layers": sizes[:, 0], "d_emb": sizes[:, 1]}),
        PLACED: lambda sizes, places: _quadratic(places) @ coefficients,
    }


def _quadratic(places: np.ndarray) -> np.ndarray:
    n, d = places.T
    return np.column_stack([np.ones_like(n), n, d, n**2, d**2, n * d])


def forecasters(curves: Curves, laws: Sequence[str] = PANEL_LAWS) -> list[Forecast]:
    """Every way to forecast: the laws by name, a Gaussian process, the curves carried over."""
    found = [Forecast(name, len(get(name).parameters), _law(get(name)), get(name)) for name in laws]
    found.append(Forecast(PROCESS, 3, _process, sample=_process_draws))
    return found + [Forecast(name, 2, _carried(curve)) for name, curve in curves.items()]


def _levelled(shaped: Callable[[Cells, np.ndarray], np.ndarray]) -> Callable[[Cells, np.ndarray], np.ndarray]:
    """A forecast with a level for each group, the one that a quadratic surface leaves to it."""

    def predict(cells: Cells, y: np.ndarray) -> np.ndarray:
        if cells.groups == 1:
            return shaped(cells, y)
        levels = _levels(cells, y)
        return shaped(cells, y - levels[:, cells.group[cells.seen]]) + levels[:, cells.group]

    return predict


def _levels(cells: Cells, y: np.ndarray) -> np.ndarray:
    """The level of each group beside one quadratic surface for all, by least squares: ``(R, groups)``.

    Of the surfaces and levels that fit equally the smallest is taken; a group without a known cell has the mean level.
    """
    group = cells.group[cells.seen]
    there, column = np.unique(group, return_inverse=True)
    marks = np.eye(len(there))[column]
    design = np.column_stack([marks, _quadratic(cells.places)[cells.seen, 1:]])
    found = y @ np.linalg.pinv(design, rcond=1e-9).T
    levels = np.tile(found[:, : len(there)].mean(1, keepdims=True), cells.groups)
    levels[:, there] = found[:, : len(there)]
    return levels


def _law(law: Law) -> Callable[[Cells, np.ndarray], np.ndarray]:
    def shaped(cells: Cells, y: np.ndarray) -> np.ndarray:
        x = {"n_layers": cells.sizes[:, 0], "d_emb": cells.sizes[:, 1]}
        weights, responses = np.zeros((len(y), len(cells.sizes))), np.zeros((len(y), len(cells.sizes)))
        weights[:, cells.seen], responses[:, cells.seen] = 1.0, y
        found = fit_many(law, x, responses, weights, starts=STARTS)
        winner = np.argmin([solutions.objective for _, solutions in found], axis=0)
        each = [problem.response(solutions.theta, solutions.coef) for problem, solutions in found]
        return np.stack(each)[winner, np.arange(len(winner))]

    return _levelled(shaped)


def _carried(curve: Callable) -> Callable[[Cells, np.ndarray], np.ndarray]:
    def shaped(cells: Cells, y: np.ndarray) -> np.ndarray:
        values = curve(cells.sizes, cells.places)
        seen = values[cells.seen]
        slope = (y - y.mean(1, keepdims=True)) @ (seen - seen.mean()) / max(((seen - seen.mean()) ** 2).sum(), 1e-300)
        return y.mean(1)[:, None] + slope[:, None] * (values - seen.mean())

    return _levelled(shaped)


def _process(cells: Cells, y: np.ndarray) -> np.ndarray:
    return np.stack([_process_posterior(cells, row)[0] for row in y])


def _process_draws(cells: Cells, times: int, rng: np.random.Generator) -> np.ndarray:
    """Draws from what the process says and does not know: ``(times, m)``."""
    mean, covariance = _process_posterior(cells, cells.y)
    values, vectors = np.linalg.eigh(covariance)
    return mean + rng.normal(size=(times, len(mean))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T


def _process_posterior(cells: Cells, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expectation and covariance of every cell; the levels of groups are those of a quadratic surface."""
    levels = np.zeros((1, cells.groups)) if cells.groups == 1 else _levels(cells, y[None])
    rest = y - levels[0, cells.group[cells.seen]]
    if np.ptp(rest) == 0:
        return np.full(len(cells.sizes), rest[0]) + levels[0, cells.group], np.zeros((len(cells.sizes),) * 2)
    mean, covariance = gaussian_process(cells.places[cells.seen], rest, 2).posterior(cells.places)
    return mean + levels[0, cells.group], covariance


@dataclass(frozen=True, eq=False)
class Weighed:
    """Forecasts with their weights: `surfaces` (name → ``(m,)``), `weights` (sum 1), `errors` on the cells held out,
    `residual` standard deviations with their degrees of freedom."""

    surfaces: dict[str, np.ndarray]
    weights: dict[str, float]
    errors: dict[str, float | None]
    residual: dict[str, float]
    freedom: dict[str, int]

    @property
    def surface(self) -> np.ndarray:
        """The mean of the forecasts, by weight: ``(m,)``."""
        return sum((self.weights[name] * self.surfaces[name] for name in self.weights), np.zeros(1))


def weigh(cells: Cells, ways: Sequence[Forecast]) -> Weighed:
    """Every feasible forecast from all known cells, weighed by how well it foretold the dearest of them.

    The process, whose flexibility is not counted in parameters, tells no residual.
    A forecast with squared error e² over h cells held out has the weight e^−h: the likelihood of these cells, had its
    errors been Gaussian with the spread that they show. Where a forecast is not determined by the cheaper cells alone
    it has no weight, unless none is.
    """
    order, n = cells.by_cost, len(cells.seen)
    usable = [way for way in ways if way.feasible(cells)]
    surfaces = {way.name: way.predict(cells, cells.y[None])[0] for way in usable}
    freedom = {way.name: n - _free(way, cells) for way in usable}
    squared = {name: float(((cells.y - surface[cells.seen]) ** 2).sum()) for name, surface in surfaces.items()}
    residual = {way.name: math.sqrt(squared[way.name] / freedom[way.name]) for way in usable if way.name != PROCESS}
    floor = 0.25 * min(residual.values(), default=0.0) ** 2 + 1e-300
    logs, errors = {}, {}
    for way in usable:
        squares = []
        for share in HELD:
            held = max(1, math.ceil(share * n))
            part = cells.only(order[: n - held])
            if len(part.seen) and way.feasible(part):
                miss = way.predict(part, part.y[None])[0][cells.seen[order[n - held :]]] - cells.y[order[n - held :]]
                squares.append((held, float(np.mean(miss**2)) + floor))
        errors[way.name] = math.sqrt(squares[0][1]) if squares else None
        if squares:
            logs[way.name] = -np.mean([held / 2 * math.log(square) for held, square in squares])
    if not logs:
        logs = {way.name: 0.0 for way in usable}
    top = max(logs.values(), default=0.0)
    raw = {name: math.exp(value - top) for name, value in logs.items()}
    kept = {name: value for name, value in raw.items() if value >= NEGLIGIBLE * sum(raw.values())}
    weights = {name: value / sum(kept.values()) for name, value in kept.items()}
    return Weighed(surfaces, weights, errors, residual, freedom)


def _free(way: Forecast, cells: Cells) -> int:
    return way.needs + len(np.unique(cells.group[cells.seen])) - 1


def draws(cells: Cells, ways: Sequence[Forecast], found: Weighed, count: int, seed: int) -> np.ndarray:
    """Surfaces as they might have come out, over forecasts and points: ``(count, m)``.

    Each draw takes a forecast by its weight, redraws the measurements around it with its own residuals (scaled by
    √(n/(n − parameters))), and fits it anew; of the process it draws one of the curves that it holds possible.
    """
    rng = np.random.default_rng(seed)
    names, n = list(found.weights), len(cells.seen)
    shares = rng.multinomial(count, [found.weights[name] for name in names])
    by_name, parts = {way.name: way for way in ways}, []
    for name, times in zip(names, shares, strict=True):
        if not times:
            continue
        if sample := by_name[name].sample:
            parts.append(sample(cells, int(times), rng))
            continue
        fitted = found.surfaces[name][cells.seen]
        rest = cells.y - fitted
        scaled = (rest - rest.mean()) * math.sqrt(n / (n - _free(by_name[name], cells)))
        drawn = fitted + scaled[rng.integers(0, n, (int(times), n))]
        parts.append(by_name[name].predict(cells, drawn))
    return np.concatenate(parts)
