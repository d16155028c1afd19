"""The chart of the front page: one panel, measured, described by two laws and forecast from its smaller half."""

from __future__ import annotations

import numpy as np
import polars as pl

from srlaw import paper
from srlaw.chapters.extrapolation import ordered
from srlaw.laws import fit, get

EXAMPLE = ("ml-1m", 200, "hr10")  # a panel of the data set that the forecasts from half of the sizes mislead on
CURVES = {
    "Eq. (7), fitted to all sizes": ("performance-shared", 1.0),
    "quadratic in logarithms, fitted to all": ("log-quadratic", 1.0),
    "Eq. (7), fitted to the smaller half": ("performance-shared", 0.5),
}
"""Name in the legend → law, and the share of the sizes, smallest first, that it is fitted to."""


def example(points: int = 25) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Measurements and curves of `EXAMPLE` at its greatest width.

    Args:
        points: how many places a curve is drawn at.

    Returns:
        The measurements, ``n_layers, y, seen`` (whether the smaller half holds that size); the curves, ``n_layers, y,
        curve``, each from the depths of the panel on; and the width.
    """
    panel = ordered(paper.panel(*EXAMPLE).points)
    width = int(panel["d_emb"].to_numpy().max())
    half = len(panel) // 2
    measured = panel.with_row_index("place").filter(pl.col("d_emb") == width).sort("n_layers")
    measured = measured.select(pl.col("n_layers").cast(pl.Float64), "y", seen=pl.col("place") < half)
    seen = measured["n_layers"].to_numpy()
    depths = np.geomspace(seen.min(), seen.max(), points)
    at = {"n_layers": depths, "d_emb": np.full(points, float(width))}
    lines = []
    for name, (law, share) in CURVES.items():
        found = fit(get(law), panel.head(round(share * len(panel))), y="y")
        lines.append(pl.DataFrame({"n_layers": depths, "y": found.predict(at), "curve": name}))
    return measured, pl.concat(lines), width
