"""The data term of Eq. (7) in the recovered panels: what one panel cannot tell of it, and what all of them tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import minimize_scalar

from srlaw import paper
from srlaw.laws import fit, fit_tables, get
from srlaw.laws.forms import decay as decaying
from srlaw.paper import Panel

W5 = 30.0  # exponents of D′ are searched between ± this


def data_terms(panel: Panel) -> pl.DataFrame:
    """Values of D′, w5 and p2 that give one panel the very same curve.

    D′ enters Eq. (7) only through ln D′ + p2 D′^−w5, a constant of the panel. For each D′ and w5 that the paper
    names (and T/ApEn), the p2 is returned that makes this constant zero, so b keeps its fitted value.

    Returns:
        ``source, d_prime, w5, p2``.
    """
    table = paper.of_panel(paper.table(2, corrected=True), panel)
    figure = paper.of_panel(paper.figure_fits("performance_law"), panel)
    printed = table[f"{panel.metric}_d_prime"]
    rows = [("Table 2", printed, table[f"{panel.metric}_w5"]), ("Table 2", printed, 1.0)]
    rows += [("figure", figure["d_prime"], 1.0), ("tokens/ApEn", table["tokens_over_apen"], 1.0)]
    rows = [(*row, paper.cancelling_p2(*row[1:])) for row in rows]
    return pl.DataFrame(rows, schema=["source", "d_prime", "w5", "p2"], orient="row")


def joint_fits(metric: str, d_primes: Sequence[str] = ("tokens_over_apen", "tokens")) -> pl.DataFrame:
    """Panels fitted together, so that D′ varies: per data set, and all data sets at once.

    Returns:
        one row a group: ``panels``, ``separate`` (R² with a law of its own for each panel), ``intercepts`` (one shape,
        a free constant a panel), and one column a candidate for D′ with the R² of Eq. (7) with its data term.
    """
    data = paper.table(2, corrected=True).select("dataset", "s_max", "tokens_over_apen", "tokens")
    grid = paper.grid().join(data, on=["dataset", "s_max"], maintain_order="left")
    groups = [(name, grid.filter(pl.col("dataset") == name)) for name in grid["dataset"].unique(maintain_order=True)]
    return pl.DataFrame([_joint(name, part, metric, d_primes) for name, part in [*groups, ("all", grid)]])


def _joint(name: str, part: pl.DataFrame, metric: str, d_primes: Sequence[str]) -> dict:
    panels = part.partition_by("dataset", "s_max", maintain_order=True)
    y = part[metric].to_numpy()
    spread = ((y - y.mean()) ** 2).sum()
    separate = sum(found.objective for found in fit_tables(get("performance"), panels, metric))
    # A data set's panels have one design: removing panel means from the response equals fitting constants.
    level = pl.col(metric).mean().over("dataset", "s_max")
    one_design = len({tuple(panel["d_emb"]) + tuple(panel["n_layers"]) for panel in panels}) == 1
    flat = fit(get("performance"), part.with_columns(flat=pl.col(metric) - level), "flat") if one_design else None
    row = {
        "group": name,
        "panels": len(panels),
        "separate": 1 - separate / spread,
        "intercepts": 1 - flat.objective / spread if flat else None,
    }
    for d_prime in d_primes:
        result = fit(get("performance-joint"), part, metric, x={"tokens_over_apen": d_prime})
        row[d_prime] = result.r2
        row[f"{d_prime}_status"] = result.status
    return row


def data_slopes(metric: str) -> pl.DataFrame:
    """How a panel's mean performance moves with ln D′, D′ = tokens/ApEn, within each data set.

    Eq. (7) has ln D′ with coefficient 1: whatever the slope lacks of 1 must be cancelled by p2 D′^−w5.

    Returns:
        ``dataset, s_max, ln_d_prime, mean, slope`` (change of the mean per unit of ln D′ from the row before).
    """
    slope = (pl.col("mean").diff() / pl.col("ln_d_prime").diff()).over("dataset")
    return _means(metric, "tokens_over_apen").sort("dataset", "s_max").with_columns(slope=slope)


def _means(metric: str, d_prime: str, corrected: bool = True) -> pl.DataFrame:
    """Mean of a metric in each panel, and ln D′: ``dataset, s_max, mean, ln_d_prime``."""
    data = paper.table(2, corrected).select("dataset", "s_max", ln_d_prime=pl.col(d_prime).log())
    means = paper.grid().group_by("dataset", "s_max", maintain_order=True).agg(mean=pl.col(metric).mean())
    return means.join(data, on=["dataset", "s_max"], maintain_order="left")


def common_data_term(
    metric: str,
    d_prime: str = "tokens_over_apen",
    free_levels: bool = True,
    free_slope: bool = False,
    corrected: bool = True,
) -> dict[str, Any]:
    """The data term c (ln D′ + p2 D′^−w5) with one p2 and w5 for all data sets, fitted to the panels' mean performance.

    Every panel of a data set has the same depths and widths, so its mean holds all that the term can move. For each w5
    the rest is linear; w5 is searched on a grid and refined. Written apart from `srlaw.laws`, as a check of its fits.

    Args:
        d_prime: a column of Table 2. corrected: with its token columns put right.
        free_levels: a constant a data set (six contrasts between ten panels are left to explain), or one for all.
        free_slope: c fitted, as for a law of a multiple of the metric; otherwise c = 1, as Eq. (7) prints it.

    Returns:
        ``r2`` of the panel means around these constants, ``slope`` (c), ``w5``, and ``bound``: whether w5 stands at an
        end of ±30, about what Table 2 prints, so that r2 is the least that it can be. R² 0 is what no data term at
        all would give; as w5 vanishes with p2 growing, the term can vanish too, so r2 is not below 0.
    """
    rows = _means(metric, d_prime, corrected)
    group = rows["dataset"].to_numpy() if free_levels else np.zeros(len(rows))
    level = (group[:, None] == np.unique(group)).astype(float)
    centred = np.eye(len(rows)) - level @ np.linalg.pinv(level)
    log_d = rows["ln_d_prime"].to_numpy()
    u = log_d - log_d.mean()
    y, offset = centred @ rows["mean"].to_numpy(), centred @ log_d
    target = y if free_slope else y - offset

    def solve(w5: float) -> tuple[float, np.ndarray]:
        power = centred @ decaying(np.array(w5), u)[0]  # (e^−w5 u − 1)/w5, accurate near 0
        design = np.stack([power, offset] if free_slope else [power], 1)
        found = np.linalg.lstsq(design / np.linalg.norm(design, axis=0), target, rcond=None)[0]
        found /= np.linalg.norm(design, axis=0)
        return float(((target - design @ found) ** 2).sum()), found

    grid = np.geomspace(1e-7, W5, 500)
    grid = np.concatenate([-grid[::-1], grid])
    columns, rest = decaying(grid[:, None], u)[0] @ centred, target  # (1000, panels); `centred` is symmetric
    if free_slope:  # what the slope explains is taken out of both
        unit = offset / np.linalg.norm(offset)
        columns, rest = columns - np.outer(columns @ unit, unit), target - unit * (unit @ target)
    best = int(np.argmax((columns @ rest) ** 2 / (columns**2).sum(1)))
    near = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found: Any = minimize_scalar(lambda w5: solve(w5)[0], bounds=near, method="bounded", options={"xatol": 1e-12})
    w5 = min((float(found.x), float(grid[best])), key=lambda w5: solve(w5)[0])
    squares, coefficients = solve(w5)
    slope = float(coefficients[1]) if free_slope else 1.0
    return {"r2": 1 - squares / float(y @ y), "slope": slope, "w5": w5, "bound": abs(w5) > 0.999 * W5}
