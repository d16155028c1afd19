"""The sentences of chapter 10. Those about the paper are said of this project's own runs alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from srlaw.chapters import recipes
from srlaw.chapters.frameworks import (
    LEVELS,
    PRECISIONS,
    SIZE,
    TERMS,
    Group,
    groups,
    name_of,
    printed,
)
from srlaw.chapters.orders import DIFFERENCES, farthest, missing, other_machines
from srlaw.charts import literal
from srlaw.metrics import SAMPLED_NEGATIVES

MORE = 4
"""Depths, and widths, that Eq. (7) with its one p takes."""
ELSEWHERE = "This part is about runs of this project's own, and is left out for a table of yours."
UNTRAINED = "The runs of this part are not trained yet, so there is nothing to show and nothing is judged by them."
QUOTE = """> **Section 5.4.2 and Table 4.** "In the expressions w₁ · 1/N^w₃ and w₂ · 1/d^w₄, when the coefficient terms
> w₁ and w₂ are negative, smaller values of w₃ and w₄ indicate poorer scaling-up potential of the model, and vice versa.
> […] In all the fittings conducted here, both w₁ and w₂ are positive values. As observed from the table, the model's
> performance closely aligns with the magnitude trend of w₃ and w₄, which further underscores the accuracy of our
> fitting in predicting the model's performance."

So smaller w₃ and w₄ should go with better models. The successor of the paper prints w₁ and w₂ of such fits and says
that larger ones do. Neither publishes the runs, says which sizes they had, or repeats one. Here are runs of the three
models with seeds."""


def protocol(rows: pl.DataFrame) -> str:
    """How this project's own runs were trained and tested."""
    users, s_max, epochs = (rows[name].unique().item() for name in ("users", "s_max", "max_epochs"))
    longer = ", ".join(f"{gain:+.3f} for {model}" for model, gain in recipes.longer(epochs).items())
    return (
        f"*Protocol.* MovieLens-1M, each user's last event the test and the one before it validation, {users:,} users; "
        f"histories of at most {s_max} events, {epochs} epochs with one learning-rate schedule, the epoch chosen by "
        "validation NDCG@10. Each model has its own learning rate, dropout and weight decay, chosen by validation at "
        f"one middle size. There, with one setting, twice the epochs change the validation NDCG@10 by {longer}, so "
        f"{epochs} epochs do not train every model to its end. HSTU has a bias by position and none by "
        "time, since the time stamps of this "
        "copy are mere ranks; Section 4 of the paper has both. *All items* ranks "
        "the test event among the whole catalogue, *without the history* among the "
        f"items that the user has not had, and *as the authors' code* among {SAMPLED_NEGATIVES:,} random items "
        "outside the training history, in expectation. Table 4 does not say which it used."
    )


def opening(rows: pl.DataFrame, own: bool, dataset: str | None) -> str:
    """What the page is about."""
    if own:
        return f"{QUOTE}\n\n{protocol(rows)}"
    told = dataset or (rows["dataset"][0] if "dataset" in rows.columns else None)
    where = f" on {literal(told)}" if told else ""
    models = ", ".join(literal(name_of(m)) for m in dict.fromkeys(m for _, m in groups(rows)))
    return (
        f"*Your runs*: {len(rows)} finished {'run' if len(rows) == 1 else 'runs'}{where}, of {models}. {repeated(rows)}"
    )


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


def best_words(best: pl.DataFrame, own: bool) -> str:
    """The order of the models in each precision and ranking, and beside it the paper's."""
    parts = []
    for (precision,), part in best.group_by("precision", maintain_order=True):
        orders: dict[tuple[str, ...], list[str]] = {}
        for (ranking,), rows in part.group_by("ranking", maintain_order=True):
            order = tuple(literal(name_of(m)) for m in rows.sort("hr10", descending=True)["model"])
            orders.setdefault(order, []).append(str(ranking))
        said = [f"{', '.join(order)} ({'; '.join(names)})" for order, names in orders.items()]
        parts.append(f"In {literal(precision)} the order by HR@10 is {', and '.join(said)}. {_lead(part)}")
    text = " ".join(parts)
    text += _sizes_to_choose(best)
    return f"{text} {_paper_order(best)}" if own else text


def _sizes_to_choose(best: pl.DataFrame) -> str:
    """Where models or precisions had different numbers of sizes to choose from; empty if all had as many."""
    if best["sizes"].n_unique() == 1:
        return ""
    if any(part["sizes"].n_unique() > 1 for _, part in best.group_by("precision")):
        least, most = best["sizes"].min(), best["sizes"].max()
        return f" The models had different numbers of sizes to choose from, {least} to {most}."
    each = best.select("precision", "sizes").unique(maintain_order=True).iter_rows()
    numbers = " and ".join(f"{sizes} in {literal(precision)}" for precision, sizes in each)
    return f" Sizes to choose from, the same for all models: {numbers}."


def _lead(part: pl.DataFrame) -> str:
    """By how much the best model leads the next in one precision, by the first ranking."""
    table = part.filter(ranking=part["ranking"][0]).sort("hr10", descending=True)
    if len(table) < 2:
        return ""
    first, second = table.head(2).to_dicts()
    lead = f"The first leads the second by {first['hr10'] - second['hr10']:.3f}, {first['ranking']} ranked"
    if not first["hr10_se"] or not second["hr10_se"]:
        return f"{lead}; without repeats of both nothing says whether that is more than noise."
    error = (first["hr10_se"] ** 2 + second["hr10_se"] ** 2) ** 0.5
    return f"{lead}, which is {(first['hr10'] - second['hr10']) / error:.1f} standard errors of the difference."


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
        f"The order of Table 4 is met in {agree} of {asked} pairs of a ranking and a precision; the rankings are of "
        f"the same runs. Its level is nearest to the ranking “{nearest['ranking']}”, from which it is "
        f"{abs(nearest['gap']):.3f} away on average. But its sizes, its s_max and its loss are other ones, so this "
        "does not tell how it ranked. The panel below has the paper's own sizes and s_max."
    )


def grid_words(found: Sequence[Group]) -> str:
    """What the sizes of a grid can tell of Eq. (7), and how it comes out."""
    fitted = [g for g in found if g.fitted is not None]
    grids = sorted({tuple(len(set(g.fitted.x[name])) for name in SIZE) for g in fitted if g.fitted})
    text = "On four depths and four widths or more the one p of Eq. (7) can be fitted too, if the runs tell it."
    if not grids or min(map(min, grids)) < MORE:
        numbers = ", ".join(f"{n + d - 1} on {n} depths and {d} widths" for n, d in grids or [(LEVELS, LEVELS)])
        text = (
            "A sum of a term in depth and a term in width is a level and the steps on each axis, so it is as many "
            f"numbers: {numbers}. Eq. (7) with its one p has six parameters, so p has to be held, and every p that "
            "reaches these numbers fits equally well."
        )
    without = missing(found)
    if without:
        text += f" Without a fit so far: {literal(without)}."
    return f"{text} {_readings_words(fitted)}".rstrip()


def _readings_words(fitted: Sequence[Group]) -> str:
    """The R² of each model by reading, and in which readings all its exponents are identified."""
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
            text += f", all exponents identified by {' and '.join(literal(g.reading.name) for g in known)}"
        said.append(text)
    none = " Not all exponents of a model are identified in any reading." if not any(g.known for g in fitted) else ""
    return f"{'; '.join(said)}.{none}" if said else ""


def sizes_words(found: Sequence[Group]) -> str:
    """What more depths and widths of one model tell of its exponents, p fitted and held."""
    fits = [g.fitted for g in found if g.fitted is not None]
    depths, widths = (len(set(fits[0].x[name])) for name in SIZE)
    text = f"At {fits[0].n} sizes of {name_of(found[0].model)}, {depths} depths and {widths} widths, "
    free, held = [g for g in found if not g.reading.fixed], [g for g in found if g.reading.fixed]
    text += (
        "the exponents are identified with p fitted too."
        if all(g.known for g in free)
        else "Eq. (7) with its p fitted is still not identified: many values of p fit alike."
    )
    known = [g for g in held if g.known and g.fitted]
    if len(known) > 1:
        r2 = [g.fitted.r2 for g in known if g.fitted]
        apart = [w for _, w in TERMS if _apart([g.interval(w) for g in known])]
        text += (
            f" With p held all four parameters are, with an R² of {min(r2):.3f} or more; the intervals of "
            f"{' and '.join(apart) or 'no exponent'} do not overlap between the readings. The scales are not compared, "
            "since w1 of Eq. (7) is −w1 · w3 of the script. An exponent means something only beside the p and the form "
            "that it was fitted with, and Table 4 states neither."
        )
    return text


def _apart(intervals: Sequence[tuple[float, float] | None]) -> bool:
    """Whether all intervals are there and no two of them overlap."""
    ends = sorted(pair for pair in intervals if pair is not None)
    return len(ends) == len(intervals) and all(a[1] < b[0] for a, b in pairwise(ends))


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
        f"intervals of a model or of all together, {len(clear)} exclude 0; if they were independent, chance alone "
        f"would make {tests / 20:.1f} do so."
    )
    text += f" {_scatter_words(every, rows)}".rstrip()
    if moved := other_machines(rows):
        text += (
            f" In {moved} of the pairs the two runs were trained on different machines, which may add to their "
            "difference."
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


def _scatter_words(every: pl.DataFrame, rows: pl.DataFrame) -> str:
    """Where pairs scatter more than repeats do, and how much of it in the test loss one pair makes."""
    wide = every.filter(pl.col("p") * len(every) < 0.05)
    if not len(wide):
        return ""
    each = [f"{r['scatter']:.1f} times in {r['metric']} (p = {r['p']:.1g})" for r in wide.to_dicts()]
    text = f"The pairs of sizes that were run once scatter more than repeats do, {' and '.join(each)}."
    worst = farthest(rows)
    if worst is None or DIFFERENCES["loss"] not in wide["metric"].to_list() or worst.get("low") is None:
        return text
    sides = [
        f"{worst[p]:.3f} in {p}" + (f" (epoch {worst[f'best_epoch_{p}']})" if f"best_epoch_{p}" in worst else "")
        for p in PRECISIONS
    ]
    size = f"{literal(name_of(worst['model']))} of {worst['n_layers']} × {worst['d_emb']}"
    return (
        f"{text} The pair that differs most is {size}, whose test loss is {' and '.join(sides)}. Without it the mean "
        f"difference of the test loss is {worst['mean']:+.4f} [{worst['low']:+.4f}, {worst['high']:+.4f}]."
    )


def repeats_words(rows: pl.DataFrame) -> str:
    """Which widths were run more than once, and which runs were trained on a processor."""
    counts = rows.group_by("precision", "model", *SIZE).len().filter(pl.col("len") > 1)
    widths = {
        f"{literal(name_of(model))} in {literal(precision)}": counts.filter(precision=precision, model=model)["d_emb"]
        .unique()
        .sort()
        for precision, model in groups(rows)
    }
    told: dict[str, list[str]] = {}
    for name, found in widths.items():
        told.setdefault(" and ".join(map(str, found)), []).append(name)
    if not counts.height:
        return "No size was run more than once."
    each = [f"{width or 'none'} ({', '.join(names)})" for width, names in told.items()]
    text = f"Widths with sizes that were run more than once: {'; '.join(each) if len(told) > 1 else next(iter(told))}."
    if counts.height < rows.select("precision", "model", *SIZE).n_unique():
        text += " The other sizes are single runs, so σ is lent to them by the repeated ones."
    return f"{text}{_machines_words(rows)}"


def _machines_words(rows: pl.DataFrame) -> str:
    """Which runs of `srlaw sweep` were trained on a processor, and whether the others were on a GPU."""
    if "device" not in rows.columns or rows["device"].null_count():
        return ""
    own = rows.with_columns(processor=pl.col("device").cast(pl.String).str.starts_with("cpu"))
    counted = own.group_by("precision", "model", maintain_order=True).agg(pl.col("processor").sum(), pl.len())
    some = [
        f"{r['processor']} of the {r['len']} runs of {literal(name_of(r['model']))} in {literal(r['precision'])}"
        for r in counted.filter(pl.col("processor") > 0).to_dicts()
    ]
    if not some:
        return ""
    others = own.filter(~pl.col("processor"))["device"].cast(pl.String)
    where = "on a GPU" if others.str.contains("NVIDIA").all() else "elsewhere"
    rest = f", and all others {where}" if len(others) else ""
    return f" On a processor were trained {' and '.join(some)}{rest}."


def closing(rows: pl.DataFrame, own: bool) -> str:
    """What more runs would tell."""
    more = (
        "More depths and widths of each model identify its exponents once $p$ is held, and more repeats narrow every "
        f"interval. {repeats_words(rows)}"
    )
    if not own:
        return f"**What more runs would tell.** {more}"
    return (
        f"**What would change it.** {more} Four runs of HSTU that were trained on both machines differ as two seeds "
        "do, so this is part of the noise. Settings chosen for one middle size favour sizes near it."
    )


def _one_difference(row: dict[str, Any]) -> str:
    text = f"{row['metric']} {row['mean']:+.4f}"
    if row["low"] is not None:
        text += f" [{row['low']:+.4f}, {row['high']:+.4f}]"
    return text + (f", where repeats alone would give ±{row['expected']:.4f}" if row["expected"] else "")


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
    near_level = agreement.filter(metric="HR@10").sort(pl.col("gap").abs()).row(0, named=True)
    orders = agreement.filter(ranking=near_level["ranking"]).to_dicts()
    told = " and ".join(f"{r['spearman']:+.2f} for {r['metric']} (p = {r['p']:.2g})" for r in orders)
    widest = table.filter(pl.col("d_emb") == table["d_emb"].max()).sort("n_layers")
    ours, theirs = (widest[name][-1] - widest[name][0] for name in ("valid", "paper_ndcg10"))
    first, last = widest["n_layers"][0], widest["n_layers"][-1]
    return (
        f"Over the {len(table)} sizes (depth × width) that both have, the paper's HR@10 is greatest at "
        f"{top('paper_hr10')} and its NDCG@10 at {top('paper_ndcg10')}. Ours are greatest at {top('hr10')} and "
        f"{top('ndcg10')} on the test events, all items ranked. By validation NDCG@10, by which a size should be "
        f"chosen, the best is {top('valid')}, and {near} others are within two standard errors of it. By its level of "
        f"HR@10 the paper's panel is nearest to ours under the ranking “{near_level['ranking']}”: ours is "
        f"{near_level['gap']:+.3f} away on average. There Spearman's correlation of the two panels is {told}; the "
        f"table has the other rankings. At the greatest width, going from {first} to {last} blocks changes the paper's "
        f"NDCG@10 by {theirs:+.4f} and our validation NDCG@10 by {ours:+.4f}."
    )


def literature_words(table: pl.DataFrame, targets: str, user_error: float, edges: str) -> str:
    """Our targets, what an error is worth, how the settings were chosen, and why sources differ."""
    ours = table.filter(source="this book").iter_rows(named=True)
    spans = ", ".join(f"{row['tried_low']:.3f} to {row['tried_high']:.3f} for {row['model']}" for row in ours)
    return (
        f"{targets} These targets were set before the settings were tuned. The error is that of the mean over seeds. "
        f"Over the tested users one figure has an error of {user_error:.3f}, which sources that test the same events "
        "share in part.\n\n**The choice.** The settings have the best validation NDCG@10 with all items ranked, one "
        "seed each. This is not the ranking of the table. With the history left out, HR@10 on the test events is "
        f"{spans} over the settings that were tried. To take the best of these would be a choice by the test. {edges}"
        "\n\n**Caveat.** Ratings of MovieLens often bear the same second as others of the same user. Which of them "
        "counts as the last, and is tested, depends on how a program breaks the ties, and the sources do not say how "
        "they do it. The copy that was used "
        "here has an order of its own for them, so a difference of a few thousandths between sources may be one of "
        "the tested events. The figures of Klenitskiy and Vasilev and of eSASRec were not read in the papers again."
    )
