"""Charts that compute in the page: Eq. (7) on any panel of the paper by its exponents, and beside the plane in logs.

Each is a Vega-Lite specification with parameters that the reader moves; its transforms do the arithmetic, so the page
needs no kernel and no network. The tests draw them at chosen values and compare what they print with the package.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from srlaw import charts, paper, stored
from srlaw.chapters.panels import Key
from srlaw.chapters.sliders import SIDE, lines, radio, slider
from srlaw.laws import fit, get
from srlaw.paper import PANEL

OWN, FITTED = "the sliders", "the best fit"
LEVEL = 0.01  # of R²: what "hardly worse" means in the marked stretches


def label(dataset: str, s_max: int, metric: str) -> str:
    """What the menu calls a panel."""
    return f"{dataset}, S_max {s_max}, {paper.METRICS[metric]}"


def fitted() -> pl.DataFrame:
    """Eq. (7) with its one p fitted to every panel by `srlaw.laws`: ``dataset, s_max, metric, w3, w4, p1, r2, status``.

    Takes half a minute; `srlaw.stored.exponents` has its rows.
    """
    rows = []
    for panel in paper.panels():
        found = fit(get("performance-shared"), panel.points, "y")
        names = {name: found.params[name] for name in ("w3", "w4", "p1")}
        rows.append({**panel.label, **names, "r2": found.r2, "status": found.status})
    return pl.DataFrame(rows)


def points(fits: dict[Key, Any] | None = None) -> pl.DataFrame:
    """The measurements by ``panel`` (`label`): ``n, d, y``, ``level`` (widths from the narrowest, 1, 2, …).

    Args:
        fits: of `srlaw.chapters.panels.fit_panels`, each of which adds a column named for its law.
    """
    frames = []
    for panel in paper.panels():
        table = panel.points.select(panel=pl.lit(label(*panel.key)), n="n_layers", d="d_emb", y="y")
        table = table.with_columns(level=pl.col("d").rank("dense").cast(pl.Int64))
        for (*key, law), found in (fits or {}).items():
            if tuple(key) == panel.key:
                table = table.with_columns(pl.Series(law, found.y - found.residuals))
        frames.append(table)
    return pl.concat(frames, how="diagonal")


def _known() -> pl.DataFrame:
    """By ``panel``: the best fit (``w3, w4, p, best``) and the R² of the plane and of one p for each term."""
    r2 = stored.panel_fits().pivot("law", index=PANEL, values="r2")
    table = stored.exponents().join(r2, on=PANEL, maintain_order="left")
    names = pl.struct(PANEL).map_elements(lambda row: label(*row.values()), pl.String)
    return table.select(names.alias("panel"), "w3", "w4", p="p1", best="r2", plane="log-linear", own="performance")


def _menu(first: str | None) -> alt.Parameter:
    names = [label(*panel.key) for panel in paper.panels()]
    return alt.param("panel", value=first or names[0], bind=alt.binding_select(options=names, name="Panel"))


def equation7(first: str | None = None, use: str = OWN, w3=-1.5, w4=-1.1, size=-2.0, sign="−", digits=4) -> Any:
    """Eq. (7) on one panel as w3, w4 and p move; w1, w2 and the constant are those of least squares at each place.

    A panel has every depth with every width, so ln N + p N^−w3 and ln d + p d^−w4 are uncorrelated and R² is the sum
    of what each explains: r²(f, y) + r²(g, y), exactly, computed in the page from the measurements.

    Args:
        first: `label` of the panel at first. use: `OWN` or `FITTED`. w3, w4: at first. size, sign: p is
            ± 10^size. digits: decimals of the R² that is written.
    """
    known = alt.InlineData(_known().to_dicts())
    names = ["w3", "w4", "p", "best", "plane", "own"]
    base = (
        alt.Chart(points())
        .transform_filter("datum.panel == panel")
        .transform_lookup("panel", alt.LookupData(known, "panel", names))
        .transform_calculate(
            W3=f"use == '{FITTED}' ? datum.w3 : w3",
            W4=f"use == '{FITTED}' ? datum.w4 : w4",
            P=f"use == '{FITTED}' ? datum.p : (sign == '−' ? -1 : 1) * pow(10, size)",
        )
    )
    terms = base.transform_calculate(
        f="log(datum.n) + datum.P * pow(datum.n, -datum.W3)", g="log(datum.d) + datum.P * pow(datum.d, -datum.W4)"
    ).transform_joinaggregate(mf="mean(f)", mg="mean(g)", my="mean(y)")
    centred = terms.transform_calculate(f="datum.f - datum.mf", g="datum.g - datum.mg", z="datum.y - datum.my")
    squares = {"ff": "f * datum.f", "gg": "g * datum.g", "zz": "z * datum.z", "fz": "f * datum.z", "gz": "g * datum.z"}
    products = centred.transform_calculate(**{name: f"datum.{pair}" for name, pair in squares.items()})
    sums = products.transform_joinaggregate(sff="sum(ff)", sgg="sum(gg)", szz="sum(zz)", sfz="sum(fz)", sgz="sum(gz)")
    shares = sums.transform_calculate(
        depth="datum.sfz * datum.sfz / (datum.sff * datum.szz)", width="datum.sgz * datum.sgz / (datum.sgg * datum.szz)"
    )
    curve = shares.transform_calculate(
        fitted="datum.my + datum.sfz / datum.sff * datum.f + datum.sgz / datum.sgg * datum.g"
    )
    drawn = _against(curve, "n", "layers N", "level:O", "width, 1 = narrowest", {"fitted": []})
    same = {name: f"min({name})" for name in ("depth", "width", "W3", "W4", "P", "best", "plane", "own")}
    one = shares.transform_aggregate(**same)  # pyright: ignore[reportArgumentType] (names of columns, no other argument)
    at = "'w3 ' + format(datum.W3, '.3~g') + ',  w4 ' + format(datum.W4, '.3~g') + ',  p ' + format(datum.P, '.3~g')"
    written = [
        (f"'R² ' + format(datum.depth + datum.width, '.{digits}f')", 26),
        (at, 13),
        ("'of which depth ' + format(datum.depth, '.4f') + ', width ' + format(datum.width, '.4f')", 13),
        ("'best with one p: ' + format(datum.best, '.4f')", 13),
        ("'one p for each term: ' + format(datum.own, '.4f')", 13),
        ("'plane in logs, p = 0: ' + format(datum.plane, '.4f')", 13),
    ]
    parts = [drawn, lines(one, written, 220)]
    for axis, exponent, words in (("n", "W3", "depth"), ("d", "W4", "width")):
        parts.append(_profile(base, axis, exponent, words))
    parameters = [
        _menu(first),
        radio("use", "Take w3, w4 and p from", use, [OWN, FITTED]),
        slider("w3", "Exponent w3 of the depth", w3, -3, 3, 0.01),
        slider("w4", "Exponent w4 of the width", w4, -3, 3, 0.01),
        slider("size", "p, its size as a power of ten", size, -6, 3, 0.05),
        radio("sign", "p, its sign", sign, ["+", "−"]),
    ]
    text = "Equation (7) on one panel of Figures 3 and 5, with sliders for its exponents and its p: points and curve "
    text += "against depth, the R², and how the part that each term explains depends on its exponent, with p as it is "
    text += "taken and with p refitted."
    plots = alt.concat(*parts, columns=2).resolve_scale(color="independent")
    return plots.add_params(*parameters).properties(description=text)


def _against(
    chart: Any, x: str, title: str, colour: str, legend: str, curves: dict[str, list[int]]
) -> alt.LayerChart | alt.FacetChart:
    """Measured points and curves (column → dashes) against a size on a logarithmic axis."""
    axis = alt.Axis(values=[4, 8, 16, 32, 64, 128, 256, 512, 1024], format="~g")
    scale, free = alt.Scale(type="log", nice=False), alt.Scale(zero=False)
    base = chart.encode(
        x=alt.X(f"{x}:Q", scale=scale, title=title, axis=axis),
        color=alt.Color(colour, title=legend, scale=alt.Scale(range=charts.PALETTE), legend=alt.Legend(columns=4)),
    )
    told = [alt.Tooltip(f"{name}:Q", title=words) for name, words in (("n", "layers N"), ("d", "width d"))]
    told.append(alt.Tooltip("y:Q", title="measured", format=".4f"))
    told += [alt.Tooltip(f"{name}:Q", title=name, format=".4f") for name in curves]
    layers = [
        base.mark_line(strokeWidth=1.5, strokeDash=dash or [1, 0], tooltip=None).encode(
            y=alt.Y(f"{name}:Q", scale=free, title="HR@10 or NDCG@10")
        )
        for name, dash in curves.items()
    ]
    return alt.layer(*layers, base.mark_point(size=40).encode(y="y:Q", tooltip=told)).properties(width=SIDE, height=220)


def _profile(base: Any, axis: str, exponent: str, words: str) -> alt.LayerChart | alt.FacetChart:
    """What one term explains of the panel, by its exponent from −3 to 3: with the p that is taken, and p refitted.

    Refitted, a term is any combination of ln x and x^−w; its share of the R² is that of two regressors. The stretch in
    which this is within `LEVEL` of its highest is drawn wide.
    """
    kinds = ["with this p", "p refitted"]
    means = base.transform_joinaggregate(my="mean(y)").transform_calculate(zz="pow(datum.y - datum.my, 2)")
    means = means.transform_joinaggregate(szz="sum(zz)").transform_aggregate(
        m="mean(y)", my="min(my)", szz="min(szz)", each="count()", P="min(P)", at=f"min({exponent})", groupby=[axis]
    )
    grid = (
        means.transform_calculate(w="sequence(-2.975, 3, 0.05)")  # never 0, where ln x and x^−w are one
        .transform_flatten(["w"])
        .transform_calculate(u=f"log(datum.{axis})", h=f"pow(datum.{axis}, -datum.w)", z="datum.m - datum.my")
        .transform_joinaggregate(mu="mean(u)", mh="mean(h)", groupby=["w"])
        .transform_calculate(u="datum.u - datum.mu", h="datum.h - datum.mh")
        .transform_calculate(**{a + b: f"datum.{a} * datum.{b}" for a, b in ("uu", "hh", "uh", "uz", "hz")})
        .transform_aggregate(
            **{name: f"sum({name})" for name in ("uu", "hh", "uh", "uz", "hz")},  # pyright: ignore[reportArgumentType]
            **{name: f"min({name})" for name in ("szz", "each", "at", "P")},
            groupby=["w"],
        )
        .transform_calculate(
            part="pow(datum.uz + datum.P * datum.hz, 2) / "
            "(datum.uu + 2 * datum.P * datum.uh + datum.P * datum.P * datum.hh)",
            whole="(datum.uz * datum.uz * datum.hh - 2 * datum.uz * datum.hz * datum.uh"
            " + datum.hz * datum.hz * datum.uu) / (datum.uu * datum.hh - datum.uh * datum.uh)",
        )
        .transform_calculate(
            **{
                kind: f"datum.each * datum.{part} / datum.szz"
                for kind, part in zip(kinds, ("part", "whole"), strict=True)
            }
        )
        .transform_joinaggregate(highest="max(p refitted)")
    )
    name = "w3" if exponent == "W3" else "w4"
    x = alt.X("w:Q", title=name, scale=alt.Scale(domain=[-3, 3]))
    scale = alt.Scale(domain=[0, 1])
    colours = alt.Scale(domain=kinds, range=[charts.PALETTE[0], charts.PALETTE[1]])
    drawn = grid.transform_fold(kinds).mark_line(strokeWidth=1.5, clip=True, tooltip=None)
    drawn = drawn.encode(
        x=x,
        y=alt.Y("value:Q", title=f"R² of the {words}", scale=scale),
        color=alt.Color("key:N", title=None, scale=colours, legend=alt.Legend(columns=2)),
    )
    told = [alt.Tooltip("w:Q", title=name, format=".2f"), *(alt.Tooltip(f"{kind}:Q", format=".4f") for kind in kinds)]
    near = grid.transform_filter(f"datum['p refitted'] >= datum.highest - {LEVEL}")
    wide = near.mark_point(size=60, opacity=0.4, color=charts.PALETTE[1]).encode(
        x=x, y=alt.Y("p refitted:Q", scale=scale), tooltip=told
    )
    here = grid.transform_aggregate(at="min(at)").mark_rule(strokeDash=[4, 3], clip=True).encode(x=alt.X("at:Q"))
    return alt.layer(drawn, wide, here).properties(width=SIDE, height=140)


def plane_and_curve(fits: dict[Key, Any], first: str | None = None) -> Any:
    """The plane in logs and Eq. (7) with one p for each term on one panel, and what each is worth out of sample.

    Args:
        fits: of `srlaw.chapters.panels.fit_panels`, with the laws ``log-linear`` and ``performance``.
    """
    data = charts.rounded(points(fits).rename({"log-linear": "plane", "performance": "curve"}), 5)
    known = stored.panel_fits().filter(pl.col("law").is_in(["log-linear", "performance", "log-quadratic"]))
    known = known.pivot("law", index=PANEL, values=["r2", "loo", "parameters"])
    names = pl.struct(PANEL).map_elements(lambda row: label(*row.values()), pl.String)
    known = known.select(names.alias("panel"), pl.exclude(PANEL))
    shown = alt.Chart(data).transform_filter("datum.panel == panel")
    curves = {"curve": [], "plane": [5, 3]}
    parts = [
        _against(shown, "n", "layers N", "level:O", "width, 1 = narrowest", curves),
        _against(shown, "d", "width d", "n:O", "layers N", curves),
    ]
    one = alt.Chart(alt.InlineData(known.to_dicts())).transform_filter("datum.panel == panel")
    written = [("panel", 16)]
    laws = {"log-linear": "plane, dashed", "performance": "Eq. (7), full", "log-quadratic": "quadratic"}
    for law, words in laws.items():
        value = {name: f"datum['{name}_{law}']" for name in ("r2", "loo", "parameters")}
        told = f"'{words}, ' + {value['parameters']} + ' numbers: R² ' + format({value['r2']}, '.4f')"
        written += [(told, 13), (f"'    error on a point left out ' + format({value['loo']}, '.5f')", 13)]
    text = "A plane in logarithms and Equation (7) fitted to one panel, against depth and against width, with the R² "
    text += "of each and its error on points that were left out of the fit."
    plots = alt.concat(*parts, columns=2).resolve_scale(color="independent")
    return alt.vconcat(plots, lines(one, written, 155), spacing=6).add_params(_menu(first)).properties(description=text)
