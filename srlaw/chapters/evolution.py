"""Eq. (7) by differential evolution over its exponents, without `srlaw.laws`: the second route of the checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import differential_evolution


def evolved(
    logs: Sequence[np.ndarray], y: np.ndarray, seed: int = 0, popsize: int = 20, maxiter: int = 150
) -> tuple[float, Callable[[Sequence[np.ndarray]], np.ndarray]]:
    """ln N and ln d with a term u, e^−wu each, and of a third argument e^−wu alone; linear but for the exponents w.

    Args:
        logs: centred logarithms of two or three arguments, ``(n,)`` each. y: responses, ``(n,)``.
        seed, popsize, maxiter: of scipy's differential evolution; exponents lie between ±10.

    Returns:
        the least sum of squares found, and the curve, a function of logarithms centred alike.
    """

    def columns(w: np.ndarray, logs: Sequence[np.ndarray]) -> np.ndarray:
        n, d, *rest = logs
        out = [np.ones_like(n), n, np.exp(-w[0] * n), d, np.exp(-w[1] * d)]
        return np.column_stack([*out, *(np.exp(-w[2] * u) for u in rest)])

    def solved(w: np.ndarray) -> np.ndarray:
        a = columns(w, logs)
        size = np.linalg.norm(a, axis=0)
        return np.linalg.lstsq(a / size, y, rcond=1e-13)[0] / size

    def squares(w: np.ndarray) -> float:
        return float(((columns(w, logs) @ solved(w) - y) ** 2).sum())

    box = [(-10, 10)] * len(logs)
    found = differential_evolution(squares, box, rng=seed, popsize=popsize, tol=1e-10, maxiter=maxiter)
    return float(found.fun), lambda new: columns(found.x, new) @ solved(found.x)
