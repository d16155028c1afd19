"""The sentences of chapter 10. Those about the paper are said of this project's own runs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from srlaw.chapters.ablations import slopes
from srlaw.chapters.frameworks import (
    EXPONENTS,
    SIZE,
    Group,
    groups,
    name_of,
    printed,
)
from srlaw.chapters.orders import missing
from srlaw.charts import PALETTE, Table, literal, rounded, table
from srlaw.metrics import SAMPLED_NEGATIVES

MORE = 4
"""Depths, and widths, that Eq. (7) with its one p takes."""
ELSEWHERE = "This part is about runs of this project's own, and is left out for a table of yours."
UNTRAINED = "The runs of this part are not trained yet, so there is nothing to show and nothing is judged by them."
QUOTE = """> **Section 5.4.2 and Table 4.** "In the expressions $w_1 \\frac{1}{N^{w_3}}$ and $w_2 \\frac{1}{d^{w_4}}$,
> when the coefficient terms $w_1$ and $w_2$ are negative, smaller values of $w_3$ and $w_4$ indicate poorer scaling-up
> potential of the model, and vice versa. […] In all the fittings conducted here, both $w_1$ and $w_2$ are positive
> values. As observed from the table, the model's performance closely aligns with the magnitude trend of $w_3$ and
> $w_4$, which further underscores the accuracy of our fitting in predicting the model's performance."

So smaller $w_3$ and $w_4$ should go with better models. The successor of the paper prints $w_1$ and $w_2$ of such fits
and says that larger ones do. Neither publishes the runs, says which sizes they had, or repeats one. Here are runs of
the three models with seeds."""


def protocol(rows: pl.DataFrame) -> str:
    """How this project's own runs were trained and tested."""
    users, s_max, epochs = (rows[name].unique().item() for name in ("users", "s_max", "max_epochs"))
    return (
        f"*Protocol.* MovieLens-1M, each user's last event the test and the one before it validation, {users:,} users; "
        f"histories of at most {s_max} events, {epochs} epochs with one learning-rate schedule, the epoch chosen by "
        "validation NDCG@10. Each model has its own learning rate, dropout and weight decay, chosen by validation at "
        "one middle size. *All items* ranks the test event among the whole catalogue, *without the history* among the "
        f"items that the user has not had, and *as the authors' code* among {SAMPLED_NEGATIVES:,} random items "
        "outside the training history, in expectation. Table 4 does not say which it used."
    )


def opening(rows: pl.DataFrame, own: bool, dataset: str | None) -> str:
    """What the page is about."""
    if own:
        return f"{QUOTE}\n\n{protocol(rows)}"
    where = f" on {literal(dataset)}" if dataset else ""
    models = ", ".join(literal(name_of(m)) for m in dict.fromkeys(m for _, m in groups(rows)))
    return f"*Your runs*: {len(rows)} finished runs{where}, of {models}. {repeated(rows)}"


def repeated(rows: pl.DataFrame) -> str:
    """How many cells were run more than once."""
    counts = rows.group_by(["model", "precision", *SIZE]).len()
    several = counts.filter(pl.col("len") > 1)
    if not len(several):
        return "No configuration was run twice, so the noise of a run is not known, and no difference can be judged."
    return (
        f"{len(several)} of {len(counts)} configurations were run more than once, with other seeds; the noise of all "
        "is estimated from these."
    )


def best_table(best: pl.DataFrame, own: bool) -> pl.DataFrame:
    """`frameworks.best` to read, with what Table 4 and the successor's print beside it."""

    def metric(name: str) -> pl.Expr:
        value, error = pl.col(name).round(4), pl.col(f"{name}_se").round(4)
        return pl.coalesce(pl.format("{} ± {}", value, error), value.cast(pl.String))

    shown = best.select(
        "precision",
        pl.col("model").map_elements(name_of, pl.String),
        pl.format("{} × {}", "n_layers", "d_emb").alias("size"),
        pl.col("sizes").alias("sizes tried"),
        "runs",
        "ranking",
        metric("hr10").alias("HR@10"),
        metric("ndcg10").alias("NDCG@10"),
    )
    if not own:
        return shown
    names = pl.col("model").map_elements(name_of, pl.String)
    there = printed().select(
        "precision", names, pl.col("hr10").alias("Table 4"), pl.col("ndcg10").alias("P-Law, NDCG@10")
    )
    return shown.join(there, on=["precision", "model"], how="left", maintain_order="left")


def best_words(best: pl.DataFrame, rows: pl.DataFrame, own: bool) -> str:
    """The order of the models in each precision and ranking, and beside it the paper's."""
    parts = []
    for precision in best["precision"].unique(maintain_order=True):
        part = best.filter(precision=precision)
        for ranking in part["ranking"].unique(maintain_order=True):
            table = part.filter(ranking=ranking).sort("hr10", descending=True)
            said = ", ".join(f"{literal(name_of(r['model']))} {r['hr10']:.3f}" for r in table.to_dicts())
            parts.append(f"{literal(precision)}, {ranking}: {said}")
    text = f"HR@10 of the best size, the models in their order. {'. '.join(parts)}."
    tried = best.unique(["precision", "model"], maintain_order=True)
    if tried["sizes"].n_unique() > 1:
        names = [f"{literal(name_of(r['model']))} in {literal(r['precision'])} {r['sizes']}" for r in tried.to_dicts()]
        text += f" The models did not have the same number of sizes to choose from: {', '.join(names)}."
    return f"{text} {_paper_order(best)}" if own else text


def _paper_order(best: pl.DataFrame) -> str:
    table = printed()
    agree, asked, nearest = 0, 0, []
    for (_, precision), part in best.group_by("ranking", "precision", maintain_order=True):
        there = table.filter(precision=precision).sort("hr10", descending=True)
        here = part.sort("hr10", descending=True)["model"].to_list()
        if set(here) == set(there["model"]):
            asked += 1
            agree += here == there["model"].to_list()
    joined = best.join(table.select("precision", "model", there="hr10"), on=["precision", "model"])
    gaps = joined.group_by("ranking", maintain_order=True).agg(gap=(pl.col("hr10") - pl.col("there")).mean())
    nearest = gaps.sort(pl.col("gap").abs()).row(0, named=True)
    return (
        f"The order of Table 4 is met in {agree} of {asked} pairs of a ranking and a precision. Its level is nearest "
        f"to the ranking “{nearest['ranking']}”, from which it is {abs(nearest['gap']):.3f} away on average; but its "
        "sizes, its s_max and its loss are other ones, so this does not tell how it ranked."
    )


def grid_words(found: Sequence[Group]) -> str:
    """What the sizes of a grid can tell of Eq. (7), and how it comes out."""
    fitted = [g for g in found if g.fitted is not None]
    levels = [len(set(g.fitted.x[name])) for g in fitted if g.fitted for name in SIZE]
    text = "With four depths and four widths or more the one p of Eq. (7) can be fitted too."
    if not levels or min(levels) < MORE:
        here = " (as here)" if levels and max(levels) < MORE else ""
        text = (
            f"On three depths and three widths{here} a sum of a term in depth and a term in width is five numbers: a "
            "level and two steps on each axis. Eq. (7) with its one p has six parameters, so p has to be held, and "
            "every p that reaches the five numbers fits equally well."
        )
    without = missing(found)
    if without:
        text += f" Without a fit so far: {literal(without)}."
    return f"{text} {_readings_words(fitted)}"


def _readings_words(fitted: Sequence[Group]) -> str:
    """By how much the readings differ in R² and in their exponents, model by model."""
    said = []
    for precision, model in dict.fromkeys((g.precision, g.model) for g in fitted):
        own = [g for g in fitted if (g.precision, g.model) == (precision, model)]
        r2 = [g.fitted.r2 for g in own if g.fitted]
        known = [g for g in own if g.known]
        name = f"{literal(name_of(model))} in {literal(precision)}"
        text = f"{name}: R² {min(r2):.3f}" + (
            f" to {max(r2):.3f}" if max(r2) - min(r2) >= 0.0005 else " in each reading"
        )
        if known:
            each = [", ".join(f"{w} {g.fitted.params[w]:.3g}" for w in EXPONENTS) for g in known if g.fitted]
            pairs = zip(known, each, strict=True)
            text += "; " + "; ".join(f"{literal(g.reading.name)} has {values}" for g, values in pairs)
        else:
            text += "; not all exponents are identified in any reading"
        said.append(f"{text}.")
    return " ".join(said)


def orders_words(table: pl.DataFrame) -> str:
    """What the draws say of the order of the exponents."""
    known = table.filter("known")
    if not len(known):
        return (
            "No precision has three models whose exponents are all identified under a reading, so their order cannot "
            "be compared."
        )
    said = [
        f"{literal(r['reading'])}, {literal(r['precision'])}: in {r['smaller_share']:.0%} of the draws the better "
        "models have the smaller w3 and w4 (the larger ones where w1 and w2 are negative), in "
        f"{r['larger_share']:.0%} the larger w1 and w2"
        for r in known.to_dicts()
    ]
    return "; ".join(said) + "."


def precision_words(
    diff: pl.DataFrame, same: tuple[float, float] | None, changed: pl.DataFrame, rows: pl.DataFrame
) -> str:
    """Whether bfloat16 changes the metrics, their noise, or the exponents."""
    if not len(diff):
        there = ", ".join(literal(p) for p in dict.fromkeys(p for p, _ in groups(rows)))
        return f"There are no runs of the same size and seed in both precisions; the runs are: {there}."
    every = diff.filter(model="all")
    parts = [_one_difference(r) for r in every.to_dicts() if r["metric"] in ("HR@10", "NDCG@10", "test loss")]
    clear = diff.drop_nulls("low").filter((pl.col("low") > 0) | (pl.col("high") < 0))
    tests = len(diff.drop_nulls("low"))
    text = (
        f"bfloat16 less float32, over {every['pairs'][0]} pairs of one size and seed: {'; '.join(parts)}. Of {tests} "
        f"intervals of a model or of all together, {len(clear)} exclude 0, where chance alone would make "
        f"{tests / 20:.1f} do so."
    )
    if same is not None:
        text += (
            f" Repeats scatter {same[0]:.2f} times as much in bfloat16 as in float32 (p = {same[1]:.2f} that they "
            "scatter alike)."
        )
    if not len(changed):
        return (
            f"{text} No model has its exponents identified in both precisions, so whether they change cannot be said."
        )
    moved = changed.filter((pl.col("low") > 0) | (pl.col("high") < 0))
    return (
        f"{text} Of {len(changed)} exponents that are identified in both precisions, {len(moved)} differ between "
        "them by more than the noise (95% of the draws)."
    )


def _one_difference(row: dict[str, Any]) -> str:
    text = f"{row['metric']} {row['mean']:+.4f}"
    if row["low"] is not None:
        text += f" [{row['low']:+.4f}, {row['high']:+.4f}]"
    return text + (f", where repeats alone would give ±{row['expected']:.4f}" if row["expected"] else "")


def exponent_lines(table: pl.DataFrame) -> pl.DataFrame:
    """A table to read from `frameworks.exponent_table`: a line a model, precision and reading."""
    interval = pl.format("{} [{}, {}]", *(pl.col(c).round_sig_figs(3) for c in ("value", "low", "high")))
    fitted = pl.col("cells").is_not_null()
    reading = pl.when(fitted).then("reading").otherwise(pl.format("none: {}", "why"))
    text = pl.when("identified").then(interval).when(fitted).then(pl.lit("not identified"))
    shown = table.with_columns(reading=reading, text=text)
    shown = shown.unique(["model", "precision", "reading", "name"], maintain_order=True)
    wide = shown.pivot(
        "name", index=["model", "precision", "reading", "cells", "dof", "r2", "sigma", "repeats"], values="text"
    )
    names = {"cells": "sizes", "dof": "residual d.f.", "r2": "R²", "sigma": "σ", "repeats": "d.f. of σ"}
    return wide.rename(names)


def panel_words(table: pl.DataFrame, agreement: pl.DataFrame, sigma: float | None) -> str:
    """Where ours and the paper's panel peak and how far they agree. sigma: of one run, validation NDCG@10."""

    def top(column: str) -> str:
        row = table.sort(column, descending=True).row(0, named=True)
        return f"{row['n_layers']} × {row['d_emb']}"

    best = table.sort("valid", descending=True).row(0, named=True)
    near = 0
    if sigma is not None:
        error = sigma * (1 / pl.col("runs") + 1 / best["runs"]).sqrt()
        near = len(table.filter(pl.col("valid") > best["valid"] - 2 * error)) - 1
    rho = {(r["metric"], r["ranking"]): r["spearman"] for r in agreement.to_dicts()}
    widest = table.filter(pl.col("d_emb") == table["d_emb"].max()).sort("n_layers")
    ours, theirs = (widest[name][-1] - widest[name][0] for name in ("valid", "paper_ndcg10"))
    first, last = widest["n_layers"][0], widest["n_layers"][-1]
    return (
        f"Over the {len(table)} sizes (depth × width) that both have, the paper's HR@10 is greatest at "
        f"{top('paper_hr10')} and its NDCG@10 at {top('paper_ndcg10')}. Ours are greatest at {top('hr10')} and "
        f"{top('ndcg10')} on the test events, all items ranked. By validation NDCG@10, by which a size should be "
        f"chosen, the best is {top('valid')}, and {near} others are within two standard errors of it. Spearman's "
        f"correlation of the two panels is {rho['NDCG@10', 'all items']:+.2f} for NDCG@10 and "
        f"{rho['HR@10', 'all items']:+.2f} for HR@10 with all items ranked, "
        f"{rho['NDCG@10', 'without the history']:+.2f} and {rho['HR@10', 'without the history']:+.2f} without the "
        f"history. At the greatest width, going from {first} to {last} blocks changes the paper's NDCG@10 by "
        f"{theirs:+.4f} and our validation NDCG@10 by {ours:+.4f}."
    )


def literature_words(table: pl.DataFrame, targets: str) -> str:
    """Our targets, what an error is worth, and why sources differ."""
    single = (table.filter(source="this book")["runs"] == 1).all()
    error = (
        "A standard error is that of one run over its users, and other seeds would add to it."
        if single
        else "A standard error is that of the mean over seeds, or of one run over its users."
    )
    return (
        f"{targets} These targets were set before the settings were tuned. {error} *Caveat.* Ratings of MovieLens "
        "often bear the same second as others of the same user. Which of them counts as the last, and is tested, "
        "depends on how a program breaks the ties, and the sources do not say how they do it. The copy that was used "
        "here has an order of its own for them, so a difference of a few thousandths between sources may be one of "
        "the tested events."
    )


def effect_chart(effects: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """What each variant of HSTU changes, with intervals, a panel a metric."""
    shown = effects.drop_nulls("low")
    base = alt.Chart(rounded(shown.with_columns(zero=0.0), 4)).encode(
        y=alt.Y("variant:N", title=None, sort=None, axis=alt.Axis(labelLimit=190))
    )
    layers = alt.layer(
        base.mark_rule(strokeWidth=2, color=PALETTE[0]).encode(
            x=alt.X("low:Q", title="less the whole model"), x2="high:Q"
        ),
        base.mark_point(size=70).encode(x="mean:Q"),
        base.mark_rule(strokeDash=[4, 3]).encode(x="mean(zero):Q"),
    )
    return (
        layers.properties(width=170, height=230)
        .facet(facet=alt.Facet("metric:N", title=None, sort=None), columns=2)
        .resolve_scale(x="independent")
        .properties(description="Change of each metric by each part of HSTU that is left out, with intervals.")
    )


def effect_table(effects: pl.DataFrame) -> Table:
    names = {"low": "95% low", "high": "95% high", "n_layers": "blocks", "d_emb": "width"}
    caption = "HSTU with a part changed less the whole model, of one seed; 95% t interval over seeds; all items ranked"
    return table(effects.rename(names), digits=2, caption=caption)


def depth_chart(curves: pl.DataFrame) -> alt.FacetChart:
    """NDCG@10 and loss of each model against depth."""
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
    base = alt.Chart(rounded(long, 4)).encode(
        x=alt.X("n_layers:Q", title="blocks", scale=alt.Scale(type="log", base=2)),
        color=alt.Color("model:N", title=None),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False))
    return (
        alt.layer(base.mark_line(point=True).encode(y=y), base.mark_rule().encode(y="low:Q", y2="high:Q"))
        .properties(width=210, height=200)
        .facet(facet=alt.Facet("metric:N", title=None, sort=None), columns=2)
        .resolve_scale(y="independent")
        .properties(
            description="NDCG@10 and test loss of each model against its number of blocks, ± 2 standard errors."
        )
    )


def depth_table(rows: pl.DataFrame) -> Table:
    parts = [
        slopes(rows, metric).insert_column(1, pl.lit(label).alias("metric"))
        for metric, label in (("ndcg10", "NDCG@10"), ("loss", "test loss"))
    ]
    names = {"mean": "slope", "low": "95% low", "high": "95% high"}
    return table(pl.concat(parts).rename(names), digits=2, caption="Change by a doubling of depth, fitted seed by seed")
