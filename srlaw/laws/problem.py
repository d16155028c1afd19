"""A law on given arguments, and what a search for its parameters found: shared by every engine that fits laws.

An engine is a function ``search(problem, y, weights, starts, points, tight) -> Solutions``: the best parameters for
each row of `y` ``(R, n)`` and of `weights` ``(R, n)`` (or None), from `starts` of the law's own starting points or
from `points` ``(S, q)``, until the gradient test is below `tight`. There are three: `srlaw.laws.project` for laws that
are linear but for a few exponents, `srlaw.laws.general` for any law, `srlaw.laws.huber` for a law's Huber fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from srlaw.laws.forms import Law

TIGHT = 1e-7  # gradient test: cosine between the residual and each column of the Jacobian
SAME = 1e-6  # objectives within this relative distance are the same minimum
APART = 1e-2  # coordinates further apart than this, beside their size, are not the same parameters


@dataclass(frozen=True)
class Problem:
    """A law on given arguments: its coordinates (centred for a separable law), the box of θ and the grid of starts."""

    law: Law
    u: dict[str, np.ndarray]
    centre: dict[str, float]
    offset: np.ndarray | float
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray

    def response(self, theta: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """The law in the coordinates of the search, where it stays defined at its limits: ``(R, n)``."""
        phi, _ = self.law.basis(theta, self.u, self.centre)
        return self.offset + np.einsum("rnk,rk->rn", phi, coef)


def pose(law: Law, x: dict, fixed: dict[str, float] | None = None) -> Problem:
    """Centre the coordinates of `x` and hold `fixed` parameters."""
    raw = law.coordinates(x)
    centre = {name: float(np.mean(values)) if law.separable else 0.0 for name, values in raw.items()}
    u = {name: values - centre[name] for name, values in raw.items()}
    held = {name: law.to_theta(name, value) for name, value in (fixed or {}).items()}
    axes = tuple(
        np.array([held[name]], float) if name in held else values
        for name, values in zip(law.search, law.grid, strict=True)
    )
    low, high = (np.array([axis[end] for axis in axes], float) for end in (0, -1))
    return Problem(law, u, centre, law.offset(x), low, high, law.points(axes, centre))


@dataclass(frozen=True)
class Solutions:
    """Best solution of each fit: θ ``(R, q)``, coefficients ``(R, k)``, and how the search went, ``(R,)``.

    `tried` local searches each; `reached` of them came to the best objective; `limit`: an exponent vanished;
    `bound`: one stopped at a bound; `twin`: another θ that one of them came to with the same objective, NaN if none.
    """

    theta: np.ndarray
    coef: np.ndarray
    objective: np.ndarray
    cosine: np.ndarray
    reached: np.ndarray
    limit: np.ndarray
    bound: np.ndarray
    twin: np.ndarray
    tried: int

    def better(self, other: Solutions) -> Solutions:
        """Row by row the solution of lower objective."""
        return self.where(self.objective <= other.objective, other)

    def where(self, mine: np.ndarray, other: Solutions) -> Solutions:
        """These solutions in the rows `mine` ``(R,)``, those of `other` elsewhere."""

        def pick(a, b):
            return np.where(mine.reshape(-1, *[1] * (a.ndim - 1)), a, b)

        theirs = other._arrays()
        rows = {name: pick(values, theirs[name]) for name, values in self._arrays().items()}
        return Solutions(**rows, tried=self.tried + other.tried)

    def row(self, i: int) -> Solutions:
        """That of one fit alone."""
        return replace(self, **{name: values[i : i + 1] for name, values in self._arrays().items()})

    def _arrays(self) -> dict[str, np.ndarray]:
        """What has a row a fit, by name."""
        return {name: value for name, value in vars(self).items() if name != "tried"}

    def params(self, problem: Problem) -> dict[str, np.ndarray]:
        return problem.law.named(self.theta, self.coef, problem.centre)


def twins(theta: np.ndarray, same: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Of the searches ``(R, S, q)``, those that are `same` ``(R, S)``, one far from the best ``(R, q)``, or NaN."""
    distance = (np.abs(theta - best[:, None]) / (1 + np.abs(best[:, None]))).max(2, initial=0.0)
    distance = np.where(same, distance, 0.0)
    far = distance.argmax(1)
    rows = np.arange(len(theta))
    return np.where((distance[rows, far] > APART)[:, None], theta[rows, far], np.nan)
