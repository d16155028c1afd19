"""Chapter 4 in words: which model learned most, beside predictors that only count, and who has how many weights."""

from __future__ import annotations

import polars as pl

from srlaw import charts


def findings(found: pl.DataFrame) -> str:
    """What `learning.results` say in words, one Markdown list entry a source.

    Where the law of a source is known, by the share of the way to the optimum; else by the test loss alone.
    """
    lines = []
    for (source,), rows in found.group_by("source", maintain_order=True):
        law = rows["learned"].is_not_null().all()
        order = ""
        for row in rows.iter_rows(named=True):
            value = f"{row['learned']:.0%}" if law else f"{row['loss']:.3f}"
            order += (" ≈ " if row["tied"] else ", " if order else "") + f"{row['model']} {value}"
        if not law:
            lines.append(f"- **{charts.literal(source)}**: by test loss, in nats per event, {order}.")
            continue
        beyond = rows.filter("beyond_last_item")["model"].to_list()
        lines.append(
            f"- **{charts.literal(source)}**: of the way from the loss of popularity to the least possible loss the "
            f"models went {order}. {_who(beyond, len(rows), 'clearly better than the last item alone allows')}"
        )
    return "\n".join(lines)


def beside_untrained(found: pl.DataFrame, base: pl.DataFrame) -> str:
    """Which models reach more NDCG@10 than the best of `untrained`, one Markdown list entry a source.

    Args:
        found: as `learning.results`. base: as `learning.untrained`.
    """
    lines = []
    for (source,), rows in found.group_by("source", maintain_order=True):
        best = base.filter(pl.col("source") == source).sort("ndcg10", descending=True).row(0, named=True)
        above = rows.filter(pl.col("ndcg10") > best["ndcg10"])["model"].to_list()
        lines.append(
            f"- **{charts.literal(source)}**: the best of these is {best['predictor']}, with NDCG@10 "
            f"{best['ndcg10']:.3f} (± {best['ndcg10_se']:.3f}). {_who(above, len(rows), 'above it')}"
        )
    return "\n".join(lines)


def _who(models: list[str], of: int, what: str) -> str:
    """A sentence on which of some models are something."""
    if len(models) in (0, of):
        return f"{'All models are' if models else 'No model is'} {what}."
    *others, last = models
    who = f"{', '.join(others)} and {last}" if others else last
    return f"{who} {'are' if others else 'is'} {what}."


def weights(found: pl.DataFrame) -> str:
    """Who has the most weights at equal depth and width, in sentences; empty if all have as many.

    Args:
        found: as `learning.results`.
    """
    columns = ["model", "params_non_embedding"]
    rows = found.select(columns).unique().sort("params_non_embedding", "model").rows()
    (least, fewest), (most, greatest) = rows[0], rows[-1]
    if fewest == greatest:
        return ""
    said = (
        f"At equal depth and width {most} has the most weights, {greatest:,} without the embeddings, and {least} has "
        f"the fewest, {fewest:,}."
    )
    if most == "llama":
        said += " The feed-forward of LLaMA, a SwiGLU, has a third layer and is wider."
    return said + " Where a model leads here, it leads at equal depth and width, not at equal numbers of weights."
