"""The arithmetic of the R² printed in Figures 3 and 5: which fits of which curve give these very numbers.

A panel has every depth with every width, once. A law b + w1 f(N) + w2 g(d) then has an R² that is a sum, of what f
explains of the means over widths and of what g explains of the means over depths, and each exponent can be searched
by itself, in one dimension and to its end. This is written apart from `srlaw.laws`, as a check of its fits.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from srlaw import paper
from srlaw.errors import InputError
from srlaw.paper import PANEL, Panel

MET = 1e-6  # a printed R² has six decimals, so a number that gives it lies within half a unit of the last, or one
HAND_SET = range(1, 101)  # values of p that a person would type
FORMS = {"code": "the authors' code", "equation": "Eq. (7)"}
_GRID = np.geomspace(1e-3, 10, 250)
EXPONENTS = np.concatenate([-_GRID[::-1], _GRID])
TURNING = np.geomspace(0.98, 1.6, 120)  # of 1/p: exponents at which a term of Eq. (7) turns within the sizes
FLAT = 1e-7  # slope of the share by the exponent below which the share no longer depends on it


def planes() -> pl.DataFrame:
    """The plane b + c1 ln N + c2 ln d fitted to every panel, beside the scaling law's printed R².

    Returns:
        ``dataset, s_max, metric, plane, printed, offset``; ``offset`` is printed less plane.
    """
    rows = []
    for panel in paper.panels():
        plane = sum(_line(*axis) for axis in _axes(panel))
        printed = paper.of_panel(paper.figure_fits("scaling_law"), panel)["r2"]
        rows.append((*panel.key, plane, printed, printed - plane))
    return pl.DataFrame(rows, [*PANEL, "plane", "printed", "offset"], orient="row")


def held_fits(panel: Panel, form: str, values: Iterable[float] = HAND_SET) -> pl.DataFrame:
    """Least-squares fits of one form with p held, for each p in `values`.

    Each exponent stands at a local maximum of the R², or is infinite: then the term is a straight line in its
    logarithm, which the code's form approaches as its exponent grows, and Eq. (7)'s as it grows or vanishes.

    Args:
        panel: with every depth and width once. form: a key of `FORMS`.

    Returns:
        ``form, p, w3, w4, r2``, one row a pair of exponents.

    Raises:
        InputError: a panel with sizes missing or repeated.
    """
    p = np.array(list(values), float)
    depth, width = (_maxima(form, p, *axis) for axis in _axes(panel))
    both = depth.rename({"w": "w3"}).join(width.rename({"w": "w4"}), on="p", suffix="_d", maintain_order="left")
    return both.select(pl.lit(form).alias("form"), "p", "w3", "w4", r2=pl.col("share") + pl.col("share_d"))


def nearest(values: Iterable[float] = HAND_SET) -> pl.DataFrame:
    """For each panel, of all `held_fits` of both forms the one nearest to the Performance Law's printed R².

    Returns:
        ``dataset, s_max, metric, printed, form, p, w3, w4, r2, off`` (r2 less printed), ``met`` (within `MET`),
        ``highest``: the R² of the best fit with the same form and p, of which this may be a lower maximum, and
        ``chance``: the share of other numbers with three decimals moved, up to ±0.05, that some fit meets too.
    """
    rows, values = [], list(values)
    decoys = np.delete(np.arange(-50, 51), 50) * 1e-3
    for panel in paper.panels():
        printed = paper.of_panel(paper.figure_fits("performance_law"), panel)["r2"]
        fits = pl.concat([held_fits(panel, form, values) for form in FORMS])
        found = fits.with_columns(off=pl.col("r2") - printed)
        best = found.row(int(np.abs(found["off"].to_numpy()).argmin()), named=True)
        apart = np.abs(found["off"].to_numpy()[:, None] - decoys).min(0)
        highest = found.filter(form=best["form"], p=best["p"])["r2"].max()
        met = {"met": abs(best["off"]) <= MET, "highest": highest, "chance": float((apart <= MET).mean())}
        rows.append({**panel.label, "printed": printed, **best, **met})
    return pl.DataFrame(rows)


def _axes(panel: Panel) -> list[tuple[np.ndarray, np.ndarray]]:
    """ln of each depth and each width, and the mean response there, in units whose squares sum to shares of the R²."""
    y = panel.points["y"].to_numpy()
    y = (y - y.mean()) / np.sqrt(((y - y.mean()) ** 2).sum())
    sizes = panel.points.select("n_layers", "d_emb")
    levels = [sizes[name].unique().sort().to_numpy() for name in sizes.columns]
    if sizes.is_duplicated().any() or len(sizes) != len(levels[0]) * len(levels[1]):
        raise InputError("held_fits needs each depth with each width once; give it a complete panel")
    out = []
    for name, level in zip(sizes.columns, levels, strict=True):
        at = sizes[name].to_numpy()
        means = np.array([y[at == value].mean() for value in level])
        out.append((np.log(level), means * np.sqrt(len(y) / len(level))))
    return out


def _line(ln: np.ndarray, means: np.ndarray) -> float:
    centred = ln - ln.mean()
    return float((centred @ means) ** 2 / (centred @ centred))


def _share(form: str, p: np.ndarray, w: np.ndarray, ln: np.ndarray, means: np.ndarray):
    """Share of the R² of one term, and its derivative by the exponent w; p and w of one shape."""
    p, w = p[..., None], w[..., None]
    power = np.exp(-w * ln)
    if form == "code":
        term, slope = -power / p - w * ln, ln * (power / p - 1)
    else:
        term, slope = ln + p * power, -p * ln * power
    term, slope = (values - values.mean(-1, keepdims=True) for values in (term, slope))
    hit, size, by_hit, by_size = term @ means, (term**2).sum(-1), slope @ means, 2 * (term * slope).sum(-1)
    return hit**2 / size, (2 * hit * by_hit * size - hit**2 * by_size) / size**2


def _maxima(form: str, p: np.ndarray, ln: np.ndarray, means: np.ndarray) -> pl.DataFrame:
    """``p, w, share`` at each local maximum by w, found by bisection of the slope, and on the straight line."""
    grid = np.broadcast_to(EXPONENTS, (len(p), len(EXPONENTS)))
    if form == "equation":  # a maximum among them is narrower than the steps of the grid
        grid = np.sort(np.concatenate([grid, TURNING / p[:, None]], axis=1), axis=1)
    _, slope = _share(form, np.broadcast_to(p[:, None], grid.shape), grid, ln, means)
    turns = (slope[:, :-1] > FLAT) & (slope[:, 1:] < -FLAT)
    turns &= grid[:, :-1] * grid[:, 1:] > 0  # between the smallest exponents of either sign the term is a line
    row, column = np.nonzero(turns)
    low, high = grid[row, column], grid[row, column + 1]
    for _ in range(50):
        middle = (low + high) / 2
        rising = _share(form, p[row], middle, ln, means)[1] > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    share, _ = _share(form, p[row], low, ln, means)
    inner = pl.DataFrame({"p": p[row], "w": low, "share": share})
    line = pl.DataFrame({"p": p, "w": np.full(len(p), np.inf), "share": np.full(len(p), _line(ln, means))})
    return pl.concat([inner, line])
