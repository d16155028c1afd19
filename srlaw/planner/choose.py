"""Which configuration to run next with what is left to spend, and which to name when nothing is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from srlaw.planner.cells import Cells
from srlaw.planner.forecast import PLACED, Curves, Forecast, weigh

FIRST = 3  # cells before any forecast is determined
PART = 2  # each of them costs at most this part of the budget
THRIFT = 1.0  # power of the cost in what an improvement is worth
TRUST = 0.8  # weight of a cell's own measurement beside the forecast of it
CAUTION = 0.5  # of the spread of the forecasts, taken off a cell that was not run when one is named


def next_cell(cells: Cells, ways: Sequence[Forecast], curves: Curves, left: float, budget: float) -> int | None:
    """The cell to run next, or None when no other is affordable.

    First the cheapest cell, then those where the shape of other data sets is highest (without one, those nearest to
    the middle), at a new depth and width, each for half the budget at most. From then on, the cell whose
    expected improvement over the best so far, over its cost, is greatest. The constants of this module are those that
    did best in the replay of `benchmarks/planning.py` among seven settings.
    """
    open_ = np.setdiff1d(np.flatnonzero(cells.cost <= left), cells.seen)
    if not len(open_):
        return None
    if len(cells.seen) < FIRST:
        return _begin(cells, open_, curves, budget)
    mean, spread = estimate(cells, ways)
    gap = mean[open_] - mean[cells.seen].max()
    z = gap / np.maximum(spread[open_], 1e-300)
    improvement = gap * ndtr(z) + spread[open_] * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    worth = np.log(np.maximum(improvement, 1e-300)) - THRIFT * np.log(cells.cost[open_])
    return int(open_[worth.argmax()])


def _begin(cells: Cells, open_: np.ndarray, curves: Curves, budget: float) -> int:
    cheap = open_[cells.cost[open_] <= budget / PART]
    if not len(cells.seen) or not len(cheap):
        return int(open_[cells.cost[open_].argmin()])
    new = [not (cells.sizes[cell] == cells.sizes[cells.seen]).any() for cell in cheap]
    cheap = cheap[new] if any(new) else cheap
    places = cells.places
    height = curves[PLACED](cells.sizes, places) if PLACED in curves else -np.linalg.norm(places, axis=1)
    return int(cheap[height[cheap].argmax()])


def estimate(cells: Cells, ways: Sequence[Forecast]) -> tuple[np.ndarray, np.ndarray]:
    """What every cell is worth and how far the forecasts are apart on it: ``(m,), (m,)``.

    The mean of the forecasts by weight; for a cell that was run, most of the way to its own measurement.
    """
    found = weigh(cells, ways)
    if not found.weights:
        mean = np.full(len(cells.sizes), cells.y.mean())
        spread = np.full(len(mean), max(float(np.ptp(cells.y)), 1e-12))
    else:
        mean = found.surface
        apart = [weight * (found.surfaces[name] - mean) ** 2 for name, weight in found.weights.items()]
        errors = [weight * (found.errors[name] or 0.0) ** 2 for name, weight in found.weights.items()]
        spread = np.sqrt(np.sum(apart, axis=0) + sum(errors))
    mean = mean.copy()
    mean[cells.seen] += TRUST * (cells.y - mean[cells.seen])
    return mean, spread


def named(cells: Cells, ways: Sequence[Forecast]) -> int:
    """The cell that is worth most, run or not; one that was not must be ahead by a part of its uncertainty."""
    mean, spread = estimate(cells, ways)
    unseen = np.ones(len(mean), bool)
    unseen[cells.seen] = False
    return int((mean - CAUTION * spread * unseen).argmax())
