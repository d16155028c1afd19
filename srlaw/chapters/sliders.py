"""Charts whose sliders compute in the page: what a budget buys, both sides of Theorem 3.3; and their common parts.

See `srlaw.chapters.explore` for those of Eq. (7).
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import polars as pl

from srlaw import charts
from srlaw.chapters import theorems

SIDE = 260  # pixels of one plot: two stand beside each other on a laptop, one on a phone


def slider(name: str, words: str, value: float, low: float, high: float, step: float) -> alt.Parameter:
    return alt.param(name, value=value, bind=alt.binding_range(min=low, max=high, step=step, name=words))


def radio(name: str, words: str, value: str, options: list[str]) -> alt.Parameter:
    return alt.param(name, value=value, bind=alt.binding_radio(options=options, name=words))


def lines(chart: Any, lines: list[tuple[str, int]], height: int) -> alt.LayerChart | alt.FacetChart:
    """Text below one another: (Vega expression, size in points) each, of the one row that `chart` has."""
    layers, y = [], 4
    for i, (expression, size) in enumerate(lines):
        y += round(size * (1.2 if i == 0 else 1.6))
        text = chart.transform_calculate(**{f"line{i}": expression})
        mark = text.mark_text(align="left", fontSize=size, fontWeight=600 if size > 14 else 400, tooltip=None)
        layers.append(mark.encode(x=alt.value(0), y=alt.value(y), text=f"line{i}:N"))
    return alt.layer(*layers).properties(width=SIDE, height=height)


def budget(bought: pl.DataFrame, yardstick: float, words: str = "NDCG@10", first: float = 5.3) -> Any:
    """The size that a plan names for at most so many parameters, and what a new run of it is to reach.

    Args:
        bought: rows of `srlaw.planner.budgets.budgets`. yardstick: what a predictor without training reaches.
        words: the metric's name. first: power of ten of the budget at first.
    """
    data = bought.with_columns(size=pl.format("{} × {}", "n_layers", "d_emb"))
    low, high = (math.log10(float(data["max_params"][i])) for i in (0, -1))
    floor, ceiling = math.floor(10 * low + 1) / 10, math.ceil(10 * high) / 10
    log, scale = alt.Scale(type="log", nice=False), alt.Scale(zero=False)
    x = alt.X("max_params:Q", title="parameters at most", scale=log, axis=alt.Axis(format="~s"))
    told = [
        alt.Tooltip("size:N", title="layers × width"),
        alt.Tooltip("params:Q", title="its parameters", format=","),
        *(alt.Tooltip(f"{name}:Q", title=title, format=".4f") for name, title in
          (("expected", f"{words} to expect"), ("low", "95% of new runs, from"), ("high", "to"))),
    ]  # fmt: skip
    base = alt.Chart(charts.rounded(data, 6)).encode(x=x, tooltip=told)
    within = base.transform_filter("datum.max_params <= pow(10, budget)")
    chosen = within.transform_window(
        rank="rank()", sort=[alt.SortField("max_params", "descending")], frame=[None, None]
    ).transform_filter("datum.rank == 1")
    y = alt.Y("expected:Q", scale=scale, title=words)
    limit = alt.Chart(alt.InlineData([{"known": yardstick}])).mark_rule(strokeDash=[2, 3])
    here = alt.Chart(alt.sequence(0, 1, 1, as_="z")).transform_calculate(at="pow(10, budget)")
    layers = [
        base.mark_area(opacity=0.18, interpolate="step-after", tooltip=None).encode(
            y=alt.Y("low:Q", scale=scale, title=words), y2="high:Q"
        ),
        base.mark_line(interpolate="step-after", tooltip=None).encode(y=y),
        base.mark_point(size=40).encode(y=y),
        limit.encode(y="known:Q", tooltip=[alt.Tooltip("known:Q", title="the best yardstick", format=".4f")]),
        here.mark_rule(strokeDash=[4, 3]).encode(x="at:Q"),
        chosen.mark_point(size=160, color=charts.PALETTE[1]).encode(y=y),
    ]
    plot = alt.layer(*layers).properties(width=2 * SIDE, height=240)
    written = [
        ("datum.size + ' (layers × width)'", 17),
        ("'for at most ' + format(pow(10, budget), ',.3~r') + ' parameters'", 14),
        (f"'{words} to expect ' + format(datum.expected, '.4f')", 14),
        ("'95% of new runs: ' + format(datum.low, '.4f') + ' to ' + format(datum.high, '.4f')", 14),
        (f"'the best yardstick without training: {yardstick:.4f}'", 14),
    ]
    moved = slider("budget", "Parameters at most, as a power of ten", first, floor, ceiling, 0.05)
    text = f"Budget of parameters, the size that the planner names for it, and the {words} to expect with its interval."
    return alt.vconcat(plot, lines(chosen, written, 130), spacing=6).add_params(moved).properties(description=text)


def theorem(h: float = 0.6, size: float = 2.0, items: float = 8.0, units: str = theorems.AS_PRINTED) -> Any:
    """Both sides of Theorem 3.3, bits per event, by the entropy rate, for users of n events and a uniform start.

    Left, `theorems.code_bits` over n; right, c/(h ln 2) with the c of `theorems.UNITS`.

    Args:
        h: nats per event at first. size: n is 10^size, rounded. items: there are 2^items, and H(π) is its logarithm.
    """
    factor = " : ".join(f"units == '{name}' ? {c!r}" for name, c in theorems.UNITS.items()) + " : 1"
    start, n = "items * LN2", "round(pow(10, size))"
    sides = {
        "left": f"({start} + ({n} - 1) * datum.h) / ({n} * LN2)",
        "right": f"({factor}) / (datum.h * LN2)",
    }
    sequence = alt.Chart(alt.sequence(0.02, 9.75, 0.02, as_="h")).transform_filter(f"datum.h <= {start} + 0.02")
    sequence = sequence.transform_calculate(**sides).transform_filter("datum.h <= 4")
    one = alt.Chart(alt.sequence(0, 1, 1, as_="z")).transform_calculate(h="h").transform_calculate(**sides)
    one = one.transform_calculate(
        # 2nc/(H + √(H² + 4n(n − 1)c)), as `theorems.boundary`
        edge=f"2 * {n} * ({factor}) / ({start} + sqrt(pow({start}, 2) + 4 * {n} * ({n} - 1) * ({factor})))"
    )
    x = alt.X("h:Q", title="entropy rate h, nats per event", scale=alt.Scale(domain=[0, 4], clamp=True))
    names = {"left": "the code, left side", "right": "#Tokens / ApEn, right side"}
    folded = sequence.transform_fold(["left", "right"]).transform_calculate(side=f"{names!r}[datum.key]")
    y = alt.Y("value:Q", title="bits per event", scale=alt.Scale(domain=[0, 8]))
    drawn = folded.mark_line(clip=True, tooltip=None).encode(
        x=x, y=y, color=alt.Color("side:N", title=None, scale=alt.Scale(domain=list(names.values())))
    )
    told = [alt.Tooltip("h:Q", format=".2f"), alt.Tooltip("left:Q", format=".3f"), alt.Tooltip("right:Q", format=".3f")]
    rule = one.mark_rule(strokeDash=[4, 3]).encode(x=alt.X("h:Q"), tooltip=told)
    edge = one.mark_rule(strokeWidth=3, opacity=0.4).encode(
        x=alt.X("edge:Q"), tooltip=[alt.Tooltip("edge:Q", title="holds from h =", format=".4f")]
    )
    plot = alt.layer(drawn, edge, rule).properties(width=2 * SIDE, height=260)
    holds = "datum.left >= datum.right ? 'The inequality holds.' : 'The inequality does not hold.'"
    impossible = f"datum.h > {start} + 1e-9 ? 'No chain of so few items is so random.' : ({holds})"
    items_text = "format(pow(2, items), ',.0f')"
    written = [
        (impossible, 17),
        ("'left ' + format(datum.left, '.4f') + ' bits per event, right ' + format(datum.right, '.4f')", 14),
        (f"'holds from h = ' + format(datum.edge, '.4f') + ' (' + {n} + ' events, ' + {items_text} + ' items)'", 14),
    ]
    parameters = [
        slider("h", "Entropy rate h, nats per event", h, 0.02, 4, 0.02),
        slider("size", "Events a user, as a power of ten", size, 0, 4, 0.05),
        slider("items", "Items, as a power of two", items, 1, 14, 1),
        radio("units", "Units", units, list(theorems.UNITS)),
    ]
    text = (
        "The two sides of Theorem 3.3 in bits per event against the entropy rate, for a length and a number of items. "
    )
    text += "The code's side rises, #Tokens over ApEn falls, and the theorem fails left of where they cross."
    return alt.vconcat(plot, lines(one, written, 85), spacing=6).add_params(*parameters).properties(description=text)
