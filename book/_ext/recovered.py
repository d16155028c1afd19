"""The page on how the measurements were recovered: its chart and its numbers, from what `srlaw.recover` stored.

The role {recovered} fills a text with `numbers`; the directive {recovery-chart} draws how far each panel's markers are
from the lines that they belong to.
"""

from functools import cache

import altair as alt
import numpy as np
import polars as pl
from cards import Stored
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from srlaw import charts, paper, recover

MILLIONTHS = 1e6  # of a point, in which distances are told
DISTANCES = {"rms": "camera", "miss": "own line", "next": "next line"}


@cache
def numbers() -> dict[str, float]:
    """What the page says: counts, distances in millionths of a point, differences from the grid in billionths."""
    found, grid = paper.recovery(), paper.grid()
    off = [found.filter(figure=name)["z"] - grid[metric] for name, metric in recover.FIGURES.items()]
    rms, miss, nearest, error = found.select("rms", "miss", "next", "error").to_numpy().T
    return {
        "figures": len(off),
        "panels": found.select("figure", "dataset", "s_max").n_unique(),
        "markers": len(found),
        "measurements": len(grid) * len(paper.FIGURE_METRICS),
        "rounding": 12**-0.5,  # of the sixth decimal: the deviation of what is uniform over one millionth
        "rms": float(rms.max()) * MILLIONTHS,
        "miss": float(miss.max()) * MILLIONTHS,
        "next": float(nearest.min()) * MILLIONTHS,
        "error": float(error.max()) * 1e9,
        "off": float(np.abs(off).max()) * 1e9,
    }


class Recovered(Stored):
    """{recovered}`text with {names}` of `numbers`."""

    def numbers(self) -> dict:
        return numbers()


def chart() -> alt.Chart:
    """A tick a panel and distance, in millionths of a point, on a logarithmic axis."""
    panels = paper.recovery().group_by("figure", "dataset", "s_max", maintain_order=True)
    each = panels.agg(pl.col("rms", "miss").max(), pl.col("next").min())
    long = each.unpivot(list(DISTANCES), index=["figure", "dataset", "s_max"], variable_name="kind").with_columns(
        pl.col("kind").replace(DISTANCES), pl.col("value") * MILLIONTHS
    )
    title = "millionths of a point (1/72 inch)"
    axis = alt.Axis(values=[0.1, 1, 10, 100, 1000], format=",~g", grid=True)
    return (
        alt.Chart(charts.rounded(long, 2))
        .mark_tick(thickness=2, size=26, color=charts.PALETTE[0])
        .encode(
            x=alt.X("value:Q", title=title, scale=alt.Scale(type="log", domain=[0.1, 3000]), axis=axis),
            y=alt.Y("kind:N", title="distance from", sort=list(DISTANCES.values())),
            tooltip=[
                alt.Tooltip("figure:N"),
                alt.Tooltip("dataset:N", title="data set"),
                alt.Tooltip("s_max:Q", title="S_max"),
                alt.Tooltip("kind:N", title="distance from"),
                alt.Tooltip("value:Q", title=title, format=",~g"),
            ],
        )
        .properties(
            height=150,
            description="Three rows of ticks, one a panel, on a logarithmic axis. Grid lines lie within a millionth of "
            "a point of where the camera shows them, and markers within a millionth of their own lines; the next lines "
            "are hundreds of times farther away.",
        )
    )


class RecoveryChart(SphinxDirective):
    """`chart`, in the page."""

    def run(self):
        return [nodes.raw("", charts.page(chart()), format="html")]


def setup(app):
    app.add_role("recovered", Recovered())
    app.add_directive("recovery-chart", RecoveryChart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
