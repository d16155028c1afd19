"""The forecasts that practice would use in place of Eq. (7): means, neighbours, a Gaussian process, a carried shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from srlaw.chapters.evolution import evolved
from srlaw.chapters.extrapolation import NAIVE, at_share, nearest, ordered, places, scores
from srlaw.laws import carried, get
from srlaw.laws.process import gaussian_process
from srlaw.paper import PANEL, Panel

PLAIN = (NAIVE["mean"], NAIVE["near"], "nearest so far")
"""Forecasts that need nothing but the points seen, and no curve."""
PROCESS, CARRIED, SURFACE = "Gaussian process", "carried shape", "carried surface"
POOLS = {CARRIED: "performance", SURFACE: "log-quadratic-interaction"}
"""Carried over from other data sets, the new panel fixing only level and scale: the law of the curve."""
SHARES, QUARTER = {"half": 0.5, "three quarters": 0.75}, "quarter"


def others(panel: Panel, panels: Sequence[Panel]) -> list[Panel]:
    """The panels of the same metric on other data sets whose sizes span those of this one: nothing is extrapolated."""
    alike = (other for other in panels if other.dataset != panel.dataset and other.metric == panel.metric)
    return [other for other in alike if spans(other, panel)]


def spans(wide: Panel, narrow: Panel) -> bool:
    """Whether every depth and width of one panel lies between the least and the greatest of the other."""
    sizes = (panel.points.select("n_layers", "d_emb").to_numpy() for panel in (wide, narrow))
    (low, high), (least, greatest) = ((x.min(axis=0), x.max(axis=0)) for x in sizes)
    return bool((low <= least).all() and (greatest <= high).all())


def shape(panels: Sequence[Panel], law: str = "performance", starts: int = 12):
    """A law fitted to the panels at once, each in units of its own spread: a curve, as a function of points.

    Of panels of one design and of a law that is linear in its parameters this is the mean of their own surfaces.
    """
    return carried.shape([panel.points for panel in panels], get(law), starts)


def shape_by_evolution(panels: Sequence[Panel], seed: int = 0):
    """`shape` of Eq. (7) by differential evolution over its exponents, without `srlaw.laws`: a second route."""
    x, y = carried.pooled([panel.points for panel in panels])
    centre = [np.log(x[c]).mean() for c in ("n_layers", "d_emb")]

    def logs(points) -> list[np.ndarray]:
        return [np.log(np.asarray(points[c], float)) - m for c, m in zip(("n_layers", "d_emb"), centre, strict=True)]

    _, curve = evolved(logs(x), y, seed)
    return lambda points: curve(logs(points))


def mean_surface(panels: Sequence[Panel]):
    """The mean of the panels' own log-quadratic surfaces with interaction, each in units of its own spread, by numpy:
    a second route to `shape` of that law, for panels of one design."""

    def columns(points) -> np.ndarray:
        ln, ld = (np.log(np.asarray(points[c], float)) for c in ("n_layers", "d_emb"))
        return np.column_stack([ln**0, ln, ln**2, ld, ld**2, ln * ld])

    def standard(y: np.ndarray) -> np.ndarray:
        return (y - y.mean()) / y.std()

    def own(panel: Panel) -> np.ndarray:
        return np.linalg.lstsq(columns(panel.points), standard(panel.points["y"].to_numpy()), rcond=None)[0]

    mean = np.mean([own(panel) for panel in panels], axis=0)
    return lambda points: columns(points) @ mean


def race(panels: Sequence[Panel], sizes: Sequence[Sequence[int]], order: str = "size") -> pl.DataFrame:
    """Every rival given the first k points of every panel, k of the panel's `sizes`.

    What `POOLS` carries is left out where no panel of the metric on another data set has sizes that span the panel's.

    Returns:
        as `srlaw.chapters.extrapolation.extrapolate`, with the rival's name as ``law``.
    """
    shapes, frames = {}, []
    for panel, ks in zip(panels, sizes, strict=True):
        points, group = ordered(panel.points, order), others(panel, panels)
        key = (panel.dataset, panel.metric)
        if group and key not in shapes:
            shapes[key] = {name: shape(group, law) for name, law in POOLS.items()}
        x, y, n = places(points), points["y"].to_numpy(), len(points)
        curves = {name: curve(points) for name, curve in shapes[key].items()} if group else {}
        for k in ks:
            for name, prediction in _forecasts(x, y, int(k), curves).items():
                label = {**panel.label, "law": name, "k": int(k), "n": n}
                part = points.select(
                    "n_layers", "d_emb", "y", seen=pl.int_range(n) < int(k), prediction=pl.Series(prediction)
                )
                frames.append(part.select(*[pl.lit(value).alias(c) for c, value in label.items()], pl.all()))
    return pl.concat(frames)


def _forecasts(x: np.ndarray, y: np.ndarray, k: int, curves: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    seen, values = x[:k], y[:k]
    out = {
        NAIVE["mean"]: np.full(len(y), values.mean()),
        NAIVE["near"]: nearest(seen, values, x, 3),
        "nearest so far": nearest(seen, values, x),
        PROCESS: gaussian_process(seen, values).predict(x),
    }
    return {**out, **{name: carried.level_and_scale(curve, y, k) for name, curve in curves.items()}}


def standing(
    panels: Sequence[Panel], results: pl.DataFrame, fits: pl.DataFrame, level: pl.DataFrame, law: str
) -> pl.DataFrame:
    """Every forecast beside one law, each given the same points.

    The k are those at which `at_share` takes the law for half and for three quarters of the points; a quarter, too few
    for Eq. (7), is shown for the others.

    Args:
        results: from `scores`. fits, level: as there. law: the one to compare with.

    Returns:
        one row a share, forecast and panel: ``share, forecast, dataset, s_max, metric, k, sigma, rmse, rmse_law``
        (null where k is too small for the law), ``smooth, around`` (null for forecasts that choose nothing).
    """
    own = results.filter(pl.col("law") == law)
    taken = {share: at_share(own, value).select(*PANEL, "k") for share, value in SHARES.items()}
    sizes = []
    for panel in panels:
        here = [pl.col(name) == value for name, value in panel.label.items()]
        rows = (frame.filter(*here) for frame in taken.values())
        sizes.append(sorted({-(-len(panel.points) // 4), *(k for frame in rows for k in frame["k"])}))
    run = scores(race(panels, sizes), fits, level)
    laws = [run, results.select(run.columns)]
    parts = []
    for share in (QUARTER, *SHARES):
        first = run.group_by(PANEL, maintain_order=True).agg(pl.col("k").min())
        where = first if share == QUARTER else taken[share]
        rows = pl.concat([frame.join(where, on=[*PANEL, "k"]) for frame in laws], how="vertical_relaxed")
        rows = rows.select("law", *PANEL, "k", "sigma", "rmse", "smooth", "around").rename({"law": "forecast"})
        flat = run.join(where, on=[*PANEL, "k"]).filter(pl.col("law") == PLAIN[0])
        for name in ("best", "largest"):
            part = flat.select(*PANEL, "k", "sigma", rmse=f"rmse_{name}", forecast=pl.lit(NAIVE[name]))
            rows = pl.concat([rows, part], how="diagonal_relaxed")
        reference = rows.filter(pl.col("forecast") == law).select(*PANEL, rmse_law="rmse")
        joined = rows.join(reference, on=PANEL, how="left", maintain_order="left")
        parts.append(joined.select(pl.lit(share).alias("share"), pl.all()))
    return pl.concat(parts)


def table(rows: pl.DataFrame) -> pl.DataFrame:
    """`standing` by share and forecast: ``share, forecast, panels, error`` (median, over σ), ``law`` (the law's on the
    same panels), ``ahead`` (panels in which the forecast is below it), ``smooth, around`` (median regret over σ of its
    choice)."""
    named = rows.group_by("share", "forecast", maintain_order=True)
    chooses = pl.col("forecast") != NAIVE["mean"]
    lost = {c: pl.when(chooses).then(pl.col(c) / pl.col("sigma")).median() for c in ("smooth", "around")}
    ahead = (pl.col("rmse") < pl.col("rmse_law")).sum()
    known = pl.when(pl.col("rmse_law").is_not_null().any()).then(ahead)
    error, law = ((pl.col(name) / pl.col("sigma")).median() for name in ("rmse", "rmse_law"))
    return named.agg(panels=pl.len(), error=error, law=law, ahead=known, **lost)
