"""The look of the book: one chart theme, one renderer, one table.

`use()` is the first line of a notebook. Stored outputs must not differ between two runs or two machines, so
the renderer derives the chart's id from its content and rounds every float to six significant digits.
"""

import hashlib
import html
import json
import math
import re
from collections.abc import Iterable
from typing import Any

import altair as alt
import polars as pl
from altair.utils.html import spec_to_html

# Okabe–Ito hues, the light ones darkened: at least 3:1 against the light page and against the dark one.
PALETTE = ["#0072b2", "#d55e00", "#009e73", "#b5609a", "#3a8fd0", "#a87400", "#7a7a7a"]
# From purple to olive like viridis, without its ends, which vanish into a dark or a light page.
ORDINAL = ["#7d4fc0", "#3f74c8", "#21888c", "#3b9650", "#8f9420"]

# The stylesheet of the book replaces these two colours by those of the page, so that text and grid follow
# the light and the dark mode. Use INK for any mark that must be readable in both.
INK = "#24292f"
GRID = "#d8dbdf"

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_COLUMNS = {"expr": "windowSize()[0] < 600 ? 2 : 3"}  # of a legend: a phone has room for two
_COMPOSED = ("hconcat", "vconcat", "concat", "facet", "repeat")


def use() -> None:
    """Make Altair charts follow the book: theme and renderer. Safe to call twice."""
    alt.theme.register("srlaw", enable=True)(theme)
    alt.renderers.register("srlaw", _mimebundle)
    alt.renderers.enable("srlaw")


def theme() -> alt.theme.ThemeConfig:
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 13}
    axis = {
        **text,
        "titleFontWeight": 500,
        "domainColor": INK,
        "tickColor": INK,
        "gridColor": GRID,
        "labelOverlap": True,
        "labelSeparation": 6,  # pixels; else 8, 9 and 10 on a logarithmic axis read 8910
    }
    config: Any = {
        "background": "transparent",
        "font": _FONT,
        "view": {"stroke": None, "continuousWidth": 560, "continuousHeight": 300},
        "axis": axis,
        "axisX": {"grid": False},
        "legend": {**text, "titleFontWeight": 500, "orient": "top", "labelLimit": 160, "columns": _COLUMNS},
        "header": {**text, "titleFontWeight": 500},
        "title": {
            "color": INK,
            "subtitleColor": INK,
            "anchor": "start",
            "fontSize": 14,
            "fontWeight": 600,
        },
        "text": {"color": INK, "fontSize": 12},
        "rule": {"color": INK},
        "line": {"strokeWidth": 2},
        "point": {"filled": True, "size": 45, "opacity": 1},
        "mark": {"color": PALETTE[0]},
        "range": {
            "category": PALETTE,
            "ordinal": {"scheme": ORDINAL},
            "ramp": {"scheme": "viridis"},
            "heatmap": {"scheme": "viridis"},
        },
    }
    return {"config": config}


def _mimebundle(spec: dict, **_) -> dict:
    """Altair renderer: HTML that draws SVG, equal for equal charts; in plain text, the chart's description."""
    spec = _stable(_fluid(spec))
    page = spec_to_html(
        spec,
        mode="vega-lite",
        template="universal",
        vega_version=alt.VEGA_VERSION,
        vegalite_version=alt.VEGALITE_VERSION,
        vegaembed_version=alt.VEGAEMBED_VERSION,
        output_div="chart-" + _digest(spec),
        embed_options={"renderer": "svg", "actions": False},
        json_kwds={"sort_keys": True},
    )
    # Values of the chart stand in a script, which none of them may end.
    written = json.dumps(spec, sort_keys=True)
    page = page.replace(written, re.sub(r"<(?=[a-zA-Z/!])", r"\\u003c", written))
    return {"text/html": page, "text/plain": f"Chart: {spec.get('description', 'no description')}"}


def page(chart: Any) -> str:
    """The HTML of a chart as it stands in the book, for a page that no notebook makes."""
    alt.theme.register("srlaw", enable=False)(theme)
    with alt.theme.enable("srlaw"):
        return _mimebundle(chart.to_dict())["text/html"]


def _fluid(spec: dict) -> dict:
    """A single plot takes the width it is given; composed ones keep theirs and scroll."""
    channels = {c for part in [spec, *spec.get("layer", [])] for c in part.get("encoding", {})}
    if "width" in spec or channels & {"row", "column", "facet"} or any(key in spec for key in _COMPOSED):
        return spec
    return {**spec, "width": "container"}


def _stable(spec: dict, digits: int = 6) -> dict:
    """Round every float, then name the inline data sets after their rounded content."""

    def walk(node: Any) -> Any:
        if isinstance(node, float):
            return float(f"{node:.{digits}g}") if math.isfinite(node) else None
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        return [walk(value) for value in node] if isinstance(node, list) else node

    spec = walk(spec)
    text = json.dumps(spec)
    for name, rows in spec.get("datasets", {}).items():
        text = text.replace(name, "data-" + _digest(rows))
    return json.loads(text)


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def log_axis(levels: Iterable[float], **settings: Any) -> alt.Axis:
    """Ticks of a logarithmic axis of depths or widths: the powers of two among which they lie.

    Vega has ticks at 4, 5, 6, 7, 8, 9, 10, 20, 30, whose labels run into each other. A facet with fewer levels than
    `levels` leaves the other ticks out.

    Args:
        levels: positive numbers, such as the depths of all panels. settings: more of `altair.Axis`.

    Returns:
        The axis; with levels that span less than one power of two, their own values as ticks.
    """
    values = sorted(set(levels))
    first, last = math.ceil(math.log2(values[0]) - 1e-9), math.floor(math.log2(values[-1]) + 1e-9)
    ticks = [2.0**k for k in range(first, last + 1)] if last > first else values
    return alt.Axis(values=ticks, format="~g", **settings)


def literal(text: object) -> str:
    """Markdown that shows a reader's text as it is: none of it is markup, Markdown's or HTML's."""
    return re.sub(r"([\\`*_{}\[\]<>()#!|$&~:@^\"'])", r"\\\1", " ".join(str(text).split()))


def rounded(frame: pl.DataFrame, digits: int = 6) -> pl.DataFrame:
    """The frame with its floats at `digits` significant digits, so that it prints alike on any machine."""
    floats = pl.selectors.float()
    return frame.with_columns(pl.when(floats.is_finite()).then(floats.round_sig_figs(digits)).otherwise(floats))


class Table:
    """What `table` returns: shows itself as HTML in a notebook or a page, as aligned text elsewhere."""

    def __init__(self, head: list[str], columns: list[list[str]], numeric: list[bool], caption: str | None):
        self.head, self.columns, self.numeric, self.caption = head, columns, numeric, caption

    def _repr_html_(self) -> str:
        def row(tag: str, cells) -> str:
            kinds = (' class="num"' if num else "" for num in self.numeric)
            filled = (f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
            return "<tr>" + "".join(filled) + "</tr>"

        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        body = "\n".join(row("td", cells) for cells in zip(*self.columns, strict=True))
        return (
            f'<div class="srlaw-table" tabindex="0"><table>{caption}\n<thead>{row("th", self.head)}</thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>"
        )

    def __repr__(self) -> str:
        padded = []
        for name, cells, num in zip(self.head, self.columns, self.numeric, strict=True):
            width = max(map(len, [name, *cells]))
            padded.append([c.rjust(width) if num else c.ljust(width) for c in [name, *cells]])
        lines = ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
        return "\n".join([self.caption, *lines] if self.caption else lines)


def table(frame: pl.DataFrame, digits: int = 4, caption: str | None = None) -> Table:
    """A table to read: floats at `digits` significant digits, numbers to the right, absent values as –.

    Integers of a column take thousands separators once one of them has five digits.
    """
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    columns = []
    for series in frame.iter_columns():
        group = series.dtype.is_integer() and any(abs(value) >= 10_000 for value in series.drop_nulls())
        columns.append([_cell(value, digits, group) for value in series.to_list()])
    return Table(frame.columns, columns, numeric, caption)


def _cell(value, digits: int, group: bool) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if group else str(value)
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "-∞"}.get(value, "NaN")
    value = float(f"{value:.{digits}g}")
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent > 9:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"
