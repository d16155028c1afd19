"""The tables of chapter 10 to read, and the charts of its sweep of parts and depths."""

from __future__ import annotations

import altair as alt
import polars as pl

from srlaw.chapters.ablations import YARDSTICKS, slopes
from srlaw.chapters.frameworks import name_of, printed
from srlaw.charts import PALETTE, Table, rounded, table


def best_table(best: pl.DataFrame, own: bool, metric: str) -> pl.DataFrame:
    """One metric of `frameworks.best` to read, a column a ranking, with what Table 4 or the successor's prints."""
    value, error = pl.col(metric).round(3), pl.col(f"{metric}_se").round(3)
    size = pl.format("{} × {} of {}", "n_layers", "d_emb", "sizes")
    text = pl.coalesce(pl.format("{} ± {}", value, error), value.cast(pl.String))
    index = ["precision", "model", "size"]
    shown = best.with_columns(size=size, value=text).pivot("ranking", index=index, values="value")
    if own:
        there = printed().select("precision", "model", pl.col(metric).round(3).alias("printed"))
        shown = shown.join(there, on=["precision", "model"], how="left", maintain_order="left")
    model = pl.format("{}, {}", pl.col("model").map_elements(name_of, pl.String), "precision")
    return shown.with_columns(model=model).drop("precision")


def _named(table: pl.DataFrame) -> pl.DataFrame:
    """`frameworks.exponent_table` with the model and its precision in one column."""
    return table.with_columns(model=pl.format("{}, {}", "model", "precision"))


def fit_lines(table: pl.DataFrame) -> pl.DataFrame:
    """How each model was fitted, over all readings, and with which σ."""
    fit = pl.when(pl.col("cells").is_not_null().any()).then(pl.lit("yes")).otherwise("none: " + pl.col("why").first())
    freedom = pl.col("dof").drop_nulls().unique().sort(descending=True).cast(pl.String).str.join(" or ")
    lines = _named(table).group_by("model", maintain_order=True)
    first = [pl.col(c).first().alias(n) for c, n in {"cells": "sizes", "sigma": "σ", "repeats": "d.f. of σ"}.items()]
    return lines.agg(fit.alias("fit"), freedom.alias("residual d.f."), pl.col("r2").min().alias("least R²"), *first)


def exponent_lines(table: pl.DataFrame) -> pl.DataFrame:
    """The exponents of each model that has a fit, with intervals."""
    interval = pl.format("{} [{}, {}]", *(pl.col(c).round_sig_figs(3) for c in ("value", "low", "high")))
    text = pl.when("identified").then(interval).otherwise(pl.lit("not identified"))
    lines = _named(table).drop_nulls("cells").with_columns(text=text)
    return lines.pivot("name", index=["model", "reading"], values="text")


def effect_chart(effects: pl.DataFrame) -> alt.FacetChart:
    """What each variant of HSTU changes, with intervals, a panel a metric."""
    shown = effects.drop_nulls("low")
    base = alt.Chart(rounded(shown.with_columns(zero=0.0), 4))
    y = alt.Y("variant:N", title=None, sort=None, axis=alt.Axis(labelLimit=190))
    x = alt.X("low:Q", title="less the whole model", axis=alt.Axis(tickCount=4))
    layers = alt.layer(
        base.mark_rule(strokeWidth=2, color=PALETTE[0]).encode(y=y, x=x, x2="high:Q"),
        base.mark_point(size=70).encode(y=y, x="mean:Q"),
        base.mark_rule(strokeDash=[4, 3]).encode(x="mean(zero):Q"),
    )
    return (
        layers.properties(width=170, height=230)
        .facet(facet=alt.Facet("metric:N", title=None, sort=None), columns=2)
        .resolve_scale(x="independent")
        .properties(description="Change of each metric by each part of HSTU that is left out, with intervals.")
    )


def effect_table(effects: pl.DataFrame) -> Table:
    """The changes of NDCG@10 and the loss with their intervals."""
    interval = pl.format("{} [{}, {}]", *(pl.col(c).round(4) for c in ("mean", "low", "high")))
    shown = effects.drop_nulls("low").filter(pl.col("metric").is_in(["NDCG@10", "test loss"]))
    shown = shown.with_columns(size=pl.format("{} × {}", "n_layers", "d_emb"), text=interval)
    caption = (
        "HSTU with a part changed less the whole model; 95% intervals that hold together (Dunnett); all items ranked"
    )
    return table(shown.pivot("metric", index=["variant", "size", "seeds"], values="text"), caption=caption)


def depth_chart(curves: pl.DataFrame, simple: dict[str, float]) -> alt.FacetChart:
    """NDCG@10 and loss of each model against depth, and the NDCG@10 of `ablations.yardsticks` as dashed lines."""
    names = {"ndcg10": "NDCG@10", "loss": "test loss"}
    long = pl.concat(
        [
            curves.select(
                "model", "n_layers", metric=pl.lit(label), value=name, low=pl.col(name) - 2 * pl.col(f"{name}_se"),
                high=pl.col(name) + 2 * pl.col(f"{name}_se"),
            )
            for name, label in names.items()
        ]
    )  # fmt: skip
    depths = curves["n_layers"].unique().sort().to_list()
    flat = pl.DataFrame({"metric": "NDCG@10", "ruler": list(simple.values()), "name": [YARDSTICKS[n] for n in simple]})
    every = alt.Chart(rounded(pl.concat([long, flat], how="diagonal"), 4))
    base = every.transform_filter("datum.ruler == null").encode(
        x=alt.X("n_layers:Q", title="blocks", scale=alt.Scale(type="log", base=2), axis=alt.Axis(values=depths)),
        color=alt.Color("model:N", title=None),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False))
    return (
        alt.layer(
            base.mark_line(point=True).encode(y=y),
            base.mark_rule().encode(y="low:Q", y2="high:Q"),
            every.transform_filter("datum.ruler != null")
            .mark_rule(strokeDash=[4, 3])
            .encode(
                y=alt.Y("ruler:Q", scale=alt.Scale(zero=False)),
                tooltip=[alt.Tooltip("name:N", title="simple ranking"), alt.Tooltip("ruler:Q", title="NDCG@10")],
            ),
        )
        .properties(width=210, height=200)
        .facet(facet=alt.Facet("metric:N", title=None, sort=None), columns=2)
        .resolve_scale(y="independent")
        .properties(
            description="NDCG@10 and test loss of each model against its number of blocks, ± 2 standard errors; "
            "dashed: NDCG@10 of the most popular items and of counts of the next item."
        )
    )


def depth_table(rows: pl.DataFrame) -> Table:
    parts = [
        slopes(rows, metric).insert_column(1, pl.lit(label).alias("metric"))
        for metric, label in (("ndcg10", "NDCG@10"), ("loss", "test loss"))
    ]
    names = {"mean": "slope", "low": "95% low", "high": "95% high"}
    return table(
        pl.concat(parts).rename(names),
        digits=2,
        caption="Change by a doubling of depth, least squares over all runs with one error; 95% t interval",
    )
