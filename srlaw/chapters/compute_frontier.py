"""The frontier of the 119 published runs: the best NDCG@5 at each amount of compute, and curves through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import polars as pl
from scipy.optimize import curve_fit, least_squares

from srlaw.chapters.compute import METRIC, evaluations

SIGMOID = {"height": 0.396, "rate": 0.18, "middle": 24.44, "floor": -0.247}
"""The frontier of Zivic et al. (2024): NDCG@5 = height/(1 + exp(−rate (ln C − middle))) + floor, C in FLOPs."""


def frontier(points: pl.DataFrame) -> pl.DataFrame:
    """The evaluations that are better than all others with as much compute or less, in the order of compute."""
    ordered = points.sort("flops", METRIC, descending=[False, True])
    best = ordered[METRIC].cum_max()
    return ordered.filter(best > best.shift(1, fill_value=-1.0))


def envelope(points: pl.DataFrame) -> pl.DataFrame:
    """The published notebook's "optimal performance": the greatest of all runs' curves, interpolated.

    Returns:
        ``flops`` of every evaluation and the greatest metric there, over runs that had begun and not ended.
    """
    at = points["flops"].unique().sort().to_numpy()
    best = np.full(len(at), -np.inf)
    for _, curve in points.sort("flops").group_by("run", maintain_order=True):
        x, y = curve["flops"].to_numpy(), curve[METRIC].to_numpy()
        inside = (at >= x[0]) & (at <= x[-1])
        best[inside] = np.maximum(best[inside], np.interp(at[inside], x, y))
    return pl.DataFrame({"flops": at, METRIC: best})


def sigmoid(ln_c, height, rate, middle, floor):
    """The published form, of ln C."""
    return height / (1 + np.exp(-rate * (ln_c - middle))) + floor


def fit_sigmoid(ln_c: np.ndarray, y: np.ndarray, top: float | None = None) -> dict[str, float]:
    """Least squares from the published parameters: these, ``top`` (height + floor, the limit) and ``r2``.

    Args:
        top: the limit, if it is held.
    """
    start = list(SIGMOID.values())
    if top is None:
        found, _ = curve_fit(sigmoid, ln_c, y, p0=start, maxfev=100_000)
    else:

        def gap(q):
            return sigmoid(ln_c, np.exp(q[0]), np.exp(q[1]), q[2], top - np.exp(q[0])) - y

        height, rate, middle = least_squares(
            gap, [np.log(start[0]), np.log(start[1]), start[2]], x_scale=[0.1, 0.1, 1.0], max_nfev=20_000, xtol=1e-12
        ).x
        found = [np.exp(height), np.exp(rate), middle, top - np.exp(height)]
    params = dict(zip(SIGMOID, map(float, found), strict=True))
    return params | {"top": params["height"] + params["floor"], "r2": r2(y, sigmoid(ln_c, **params))}


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 − Σ residual² / Σ (y − ȳ)²."""
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def frontier_fits() -> pl.DataFrame:
    """The published sigmoid and free fits of it, on the measured frontier, on the notebook's and without the last part.

    Returns:
        ``points`` (which), ``curve, n`` and the parameters, ``top, r2``; for the quadratic in ln C and the straight
        line only r2.
    """
    points = evaluations()
    measured, drawn = frontier(points), envelope(points)
    running = drawn.with_columns(pl.col(METRIC).cum_max())
    rows = []
    for name, part in (("measured", measured), ("interpolated", drawn), ("interpolated, rising", running)):
        x, y = _xy(part)
        published = SIGMOID | {"top": SIGMOID["height"] + SIGMOID["floor"], "r2": r2(y, sigmoid(x, **SIGMOID))}
        rows.append({"points": name, "curve": "published", "n": len(y)} | published)
        rows.append({"points": name, "curve": "sigmoid, refitted", "n": len(y)} | fit_sigmoid(x, y))
        for degree, curve in ((2, "quadratic in ln C"), (1, "line in ln C")):
            line = np.polynomial.Polynomial.fit(x, y, degree)
            rows.append({"points": name, "curve": curve, "n": len(y), "r2": r2(y, line(x))})
    return pl.DataFrame(rows, infer_schema_length=None)


def _xy(part: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return np.log(part["flops"].to_numpy()), part[METRIC].to_numpy()


def limits(tops: Sequence[float]) -> pl.DataFrame:
    """How well the sigmoid fits the measured frontier with its limit held: ``top, r2``."""
    x, y = _xy(frontier(evaluations()))
    return pl.DataFrame([{"top": top, "r2": fit_sigmoid(x, y, top)["r2"]} for top in tops])


def over_data_sets(statistic: Callable[[pl.DataFrame], dict[str, float]]) -> pl.DataFrame:
    """A statistic of the evaluations over every way to draw as many data sets as there are, with replacement.

    Drawing a data set twice adds nothing to a frontier, so a draw is the set of those in it; the 5⁵ draws of five
    make 31 such sets, each counted as often as it is drawn. Sets of one data set are left out.

    Returns:
        ``name, value, low, high`` (95%), and ``without_low, without_high``: the range with one data set left out.
    """
    points = evaluations()
    names = points["dataset"].unique().sort().to_list()
    counts = Counter(frozenset(draw) for draw in product(names, repeat=len(names)))
    drawn = {chosen: n for chosen, n in counts.items() if len(chosen) > 1}
    values = {chosen: statistic(points.filter(pl.col("dataset").is_in(list(chosen)))) for chosen in drawn}
    rows = []
    for name, value in values[frozenset(names)].items():
        all_draws = np.repeat([values[chosen][name] for chosen in drawn], list(drawn.values()))
        low, high = np.quantile(all_draws, [0.025, 0.975])
        left = [values[frozenset(names) - {out}][name] for out in names]
        rows.append((name, value, float(low), float(high), min(left), max(left)))
    return pl.DataFrame(rows, ["name", "value", "low", "high", "without_low", "without_high"], orient="row")


def top_of(points: pl.DataFrame) -> dict[str, float]:
    """``top``, the limit of the sigmoid fitted to the measured frontier of some evaluations."""
    return {"top": fit_sigmoid(*_xy(frontier(points)))["top"]}


def forecasts(share: float = 0.1) -> pl.DataFrame:
    """Curves fitted to the measured frontier up to `share` of the greatest compute, tested on the rest.

    Returns:
        ``curve, fitted, tested`` (points) and ``rmse`` on the tested, units of NDCG@5; "best so far" predicts the last
        fitted point for ever.
    """
    x, y = _xy(frontier(evaluations()))
    early = x <= x.max() + np.log(share)
    (ex, ey), (lx, ly) = (x[early], y[early]), (x[~early], y[~early])
    quadratic, line = (np.polynomial.Polynomial.fit(ex, ey, degree) for degree in (2, 1))
    found = fit_sigmoid(ex, ey)
    predicted = {
        "sigmoid": sigmoid(lx, **{name: found[name] for name in SIGMOID}),
        "quadratic in ln C": quadratic(lx),
        "line in ln C": line(lx),
        "best so far": np.full(len(lx), ey.max()),
    }
    rows = [(name, len(ex), len(lx), float(np.sqrt(((ly - p) ** 2).mean()))) for name, p in predicted.items()]
    return pl.DataFrame(rows, ["curve", "fitted", "tested", "rmse"], orient="row")
