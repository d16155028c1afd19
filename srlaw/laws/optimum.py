"""Where a law of n_layers and d_emb is largest: free, or under a constraint; or that it has no maximum.

The search is a grid in (ln N, ln d) that is refined around its best cell, for all parameter draws at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from srlaw.errors import InputError
from srlaw.laws.fitting import Fit
from srlaw.laws.forms import Law
from srlaw.laws.inference import Bootstrap, percentiles

PANEL_ARGUMENTS = ("n_layers", "d_emb")
LIMITS = {"n_layers": (1.0, 1e4), "d_emb": (1.0, 1e6)}
COARSE, CELLS, ROUNDS = 129, 13, 14  # first grid per axis; later grids; refinements (each narrows 4 times)
_PRODUCT = re.compile(r"\s*(?:N|n_layers)\s*\*\s*(?:d|d_emb)\s*(?:(?:\^|\*\*)([^=]+))?=([^=]+)")


@dataclass(frozen=True)
class Optimum:
    """The maximum of a law within limits.

    Attributes:
        n_layers, d_emb: where; None if the law keeps growing in that direction up to its limit.
        value: the law there (at the limit where an argument is None).
        edges: "lower" or "upper" for each argument that ends at a limit, not at a maximum.
        reason: one sentence.
        interval: 95% intervals of n_layers, d_emb and value over bootstrap draws that have a maximum, or None.
        share: fraction of the draws with a maximum, or None.
    """

    n_layers: float | None
    d_emb: float | None
    value: float
    edges: dict[str, str]
    reason: str
    interval: dict[str, tuple[float, float]] | None = None
    share: float | None = None


def optimum(
    law: Law | Fit,
    params: dict | None = None,
    constraint: str | tuple[Callable, float] | None = None,
    limits: dict[str, tuple[float, float]] | None = None,
    draws: Bootstrap | None = None,
    level: float = 0.95,
) -> Optimum:
    """Maximise a law over n_layers and d_emb, treated as real numbers.

    Args:
        law, params: a law and its parameters, or a `Fit` alone.
        constraint: None; ``"N*d=c"`` or ``"N*d^p=c"``, p and c above 0; or ``(parameters, limit)`` with a function
            of arrays (n_layers, d_emb), increasing in n_layers: parameters ≤ limit.
        limits: ranges (low, high) by argument, 0 < low < high; default 1 … 10⁴ layers, width 1 … 10⁶.
        draws: a bootstrap of the same fit, for the interval.

    Raises:
        InputError: a law of other arguments, parameters that it lacks, limits that are no range, or a constraint that
            cannot be read or met.
    """
    if isinstance(law, Fit):
        law, params = law.law, law.params
    if tuple(law.arguments) != PANEL_ARGUMENTS:
        raise InputError(f"{law.name} is no law of n_layers and d_emb alone; there is no optimum to look for")
    if params is None or not set(law.parameters) <= set(params):
        raise InputError(
            f"the optimum of {law.name} depends on its parameters; give {', '.join(law.parameters)}, or a fit"
        )
    limits = _ranges(limits or {})
    space = _space(constraint, limits)
    one = {name: np.array([float(value)]) for name, value in params.items()}
    n, d, value, edges = _maximise(law, one, space, limits)
    named = {name: edge for name, edge in zip(("n_layers", "d_emb"), edges[0], strict=True) if edge}
    interval = share = None
    if draws is not None:
        ns, ds, values, flags = _maximise(law, draws.params, space, limits)
        inner = np.array([not any(flag) for flag in flags])
        share = float(inner.mean())
        if inner.any():
            found = {"n_layers": ns, "d_emb": ds, "value": values}
            interval = {name: percentiles(array[inner], level) for name, array in found.items()}
    return Optimum(
        None if "n_layers" in named else float(n[0]),
        None if "d_emb" in named else float(d[0]),
        float(value[0]),
        named,
        _sentence(named, constraint),
        interval,
        share,
    )


def _sentence(edges: dict[str, str], constraint) -> str:
    where = "" if constraint is None else " under the constraint"
    if not edges:
        return f"the law has a maximum{where}"
    parts = [f"{'up' if edge == 'upper' else 'down'} to the {edge} limit of {name}" for name, edge in edges.items()]
    return f"the law has no maximum{where}: it grows {' and '.join(parts)}"


def _ranges(limits: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The limits of both arguments, checked."""
    for name, ends in limits.items():
        if name not in LIMITS:
            raise InputError(f"there are limits for {name!r}; they are of {' and '.join(LIMITS)}")
        if len(ends) != 2 or not 0 < ends[0] < ends[1] < math.inf:
            raise InputError(f"the limits of {name} are {ends}; give a low and a high end, 0 < low < high")
    return {**LIMITS, **limits}


def _product(text: str) -> tuple[float, float]:
    """p and c of a constraint ``N*d^p=c``."""
    match = _PRODUCT.fullmatch(text)
    try:
        power, total = map(float, match.groups("1")) if match else (0.0, 0.0)
    except ValueError:
        power = total = 0.0
    if not (0 < power < math.inf and 0 < total < math.inf):
        raise InputError(
            f"cannot read the constraint {text!r}; write it like 'N*d=512' or 'N*d^2=32768', both numbers above 0"
        )
    return power, total


def _space(constraint, limits):
    """Coordinates to search: a function from unit coordinates to (ln N, ln d), and their number."""
    (n0, n1), (d0, d1) = (np.log(limits[name]) for name in ("n_layers", "d_emb"))
    if constraint is None:
        return 2, lambda z: (n0 + (n1 - n0) * z[0], d0 + (d1 - d0) * z[1])
    if isinstance(constraint, str):
        power, c = _product(constraint)
        total = math.log(c)
        low, high = max(d0, (total - n1) / power), min(d1, (total - n0) / power)
        if low >= high:
            raise InputError(f"no n_layers and d_emb within their limits meet {constraint!r}")
        return 1, lambda z: (total - power * (low + (high - low) * z[0]), low + (high - low) * z[0])
    count, budget = constraint
    if not np.asarray(count(np.exp(n0), np.exp(d0))) <= budget:
        raise InputError(f"even the smallest configuration has more than {budget:g} parameters")
    top = np.array([_bisect(lambda ld: count(np.exp(n0), np.exp(ld)), d0, d1, budget)])[0]

    def inside(z):
        d = d0 + (top - d0) * z[1]
        depth = _bisect(lambda ln: count(np.exp(ln), np.exp(d)), np.full_like(d, n0), np.full_like(d, n1), budget)
        return n0 + (depth - n0) * z[0], d

    return 2, inside


def _bisect(size: Callable, low, high, budget: float):
    """Largest coordinate between low and high at which an increasing `size` is within the budget."""
    low, high = np.array(low, float), np.array(high, float)
    low = np.where(size(high) <= budget, high, low)
    for _ in range(60):
        middle = (low + high) / 2
        fits = size(middle) <= budget
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


def _maximise(law: Law, params: dict, space, limits):
    """Best point for each parameter draw ``(R,)``: N, d, value and a list of edge flags per draw."""
    size, to_logs = space
    draws = len(next(iter(params.values())))
    column = {name: np.asarray(values)[:, None] for name, values in params.items()}
    low, high = np.zeros((size, draws)), np.ones((size, draws))
    for round_ in range(ROUNDS + 1):
        cells = CELLS if round_ else (COARSE if draws == 1 or size == 1 else 49)
        steps = np.linspace(0, 1, cells)
        mesh = [axis.ravel() for axis in np.meshgrid(*[steps] * size, indexing="ij")]
        z = [low[i][:, None] + (high[i] - low[i])[:, None] * mesh[i] for i in range(size)]
        logs = to_logs(z)
        with np.errstate(all="ignore"):
            value = law.predict(column, {"n_layers": np.exp(logs[0]), "d_emb": np.exp(logs[1])})
        value = np.where(np.isnan(value), -np.inf, value)
        best = value.argmax(1)
        rows = np.arange(draws)
        centre = np.stack([axis[rows, best] for axis in z])
        half = (high - low) / (cells - 1) * 1.5
        low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    ln, ld = (axis[rows, best] for axis in logs)
    top = value[rows, best]
    for i in range(size):  # a law that levels off has its supremum at the limit, not where rounding left the search
        for end in (0.0, 1.0):
            z = centre.copy()
            z[i] = end
            there = to_logs(list(z[:, :, None]))
            with np.errstate(all="ignore"):
                flat = law.predict(column, {"n_layers": np.exp(there[0]), "d_emb": np.exp(there[1])})[:, 0]
            level = flat >= top - 1e-9 * np.abs(top)
            ln, ld = np.where(level, there[0][:, 0], ln), np.where(level, there[1][:, 0], ld)
            centre[i] = np.where(level, end, centre[i])
    edges = [_edges(np.exp(ln[r]), np.exp(ld[r]), limits) for r in rows]
    return np.exp(ln), np.exp(ld), top, edges


def _edges(n: float, d: float, limits: dict) -> list[str]:
    """For each argument, the limit at which the search ended, or an empty string."""
    out = []
    for name, value in (("n_layers", n), ("d_emb", d)):
        low, high = limits[name]
        out.append("lower" if value <= low * (1 + 1e-6) else "upper" if value >= high * (1 - 1e-6) else "")
    return out
