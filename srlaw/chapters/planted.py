"""Is a plan right where the truth is known? What chapter 6 makes of the stored runs of `benchmarks/planted.py`."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from srlaw import charts

NAMED = 7 / 10  # share of the planted logs for which a size is to be named
HELD = 8 / 10  # share of the intervals that are to hold the mean of the fresh runs
NARROW = 0.5  # the median width of the intervals, of the range of the sizes that were tried
NEAR = 2.0  # standard errors of the difference, within which the named size is to be of the best
WITHOUT_ORDER = {"shuffled": "the same histories in random order", "noise": "any item at any place"}


def evidence(logs: pl.DataFrame, sizes: pl.DataFrame) -> dict[str, Any]:
    """What the planted logs say of the target.

    Args:
        logs: from `srlaw.stored.planted`. sizes: from `srlaw.stored.planted_sizes`.

    Returns:
        ``logs, named``: planted logs, and those for which a size was named; ``held``, of these those whose interval
        holds the mean of the fresh runs; ``width``, the median of width over range; ``refused``: log without order →
        whether no size was named; ``tried``, sizes of the first log that were trained in full; ``best, chosen``: means
        of the best of them and of the named one (None if none was named); ``behind``, their difference in standard
        errors.
    """
    planted = logs.filter(log="planted")
    named = planted.filter(pl.col("expected").is_not_null())
    best, chosen = sizes.sort("mean", descending=True).row(0, named=True), sizes.filter("named")
    own = chosen.row(0, named=True) if len(chosen) else None
    error = own and (own["error"] ** 2 + best["error"] ** 2) ** 0.5
    return {
        "logs": len(planted),
        "named": len(named),
        "held": int(named["holds"].sum() or 0),
        "width": named.select(((pl.col("high") - pl.col("low")) / pl.col("range")).median()).item(),
        "refused": {kind: logs.filter(log=kind)["expected"].null_count() == 1 for kind in WITHOUT_ORDER},
        "tried": len(sizes),
        "best": best["mean"],
        "chosen": own and own["mean"],
        "behind": own and (0.0 if own["mean"] == best["mean"] else (best["mean"] - own["mean"]) / error),
    }


def judge(e: dict[str, Any]) -> tuple[str, list[str]]:
    """``met`` or ``missed``, and a sentence for each part of the target."""
    parts = [
        (
            e["named"] >= NAMED * e["logs"],
            f"A size is named for {e['named']} of {e['logs']} planted logs (the target is {NAMED:.0%}).",
        )
    ]
    if e["named"]:
        parts += [
            (
                e["held"] >= HELD * e["named"],
                f"Of {e['named']} intervals {e['held']} hold the mean of three fresh runs (the target is {HELD:.0%}).",
            ),
            (
                e["width"] <= NARROW,
                f"Half of the intervals are narrower than {e['width']:.0%} of the range of the sizes that were tried "
                f"(the target is {NARROW:.0%}).",
            ),
        ]
    for kind, words in WITHOUT_ORDER.items():
        found = "no size is named, as is right" if e["refused"][kind] else "a size is named, which is wrong"
        parts.append((e["refused"][kind], f"For a log with {words}, {found}."))
    if e["chosen"] is not None:
        where = (
            "it is the best of them"
            if not e["behind"]
            else f"it lies {e['behind']:.1f} standard errors behind the best"
        )
        told = f"Of the {e['tried']} sizes that the first plan tried, all trained anew with three seeds, the named one"
        parts.append((e["behind"] <= NEAR, f"{told} reaches {e['chosen']:.4f}, the best {e['best']:.4f}: {where}."))
    return "met" if all(held for held, _ in parts) else "missed", [sentence for _, sentence in parts]


def chart(logs: pl.DataFrame) -> alt.TopLevelMixin:
    """The interval of every plan that named a size, and what three fresh runs reached on average."""
    held = pl.when("holds").then(pl.lit("yes")).otherwise(pl.lit("no"))
    named = logs.filter(pl.col("expected").is_not_null())
    rows = charts.rounded(named.with_columns(log=_label(), holds=held), 4)
    y = alt.Y("log:N", sort=rows["log"].to_list(), title=None)
    scale = alt.Scale(zero=False)
    base = alt.Chart(rows)
    interval = base.mark_rule(size=3).encode(
        x=alt.X("low:Q", title="NDCG@10 on the test event", scale=scale), x2="high:Q", y=y
    )
    fresh = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("fresh:Q", scale=scale), y=y, color=alt.Color("holds:N", title="interval holds it")
    )
    return alt.layer(interval, fresh).properties(
        width=420,
        height=24 * len(rows) + 20,
        description=f"For {len(rows)} logs the 95% interval of a plan, and the mean of three runs of the named size.",
    )


def shown(logs: pl.DataFrame) -> pl.DataFrame:
    """A row a log: what was named, and what became of it."""
    size = pl.when(pl.col("n_layers").is_null()).then(pl.lit("none")).otherwise(
        pl.format("{} × {}", "n_layers", "d_emb")
    )  # fmt: skip
    return logs.select(
        _label().alias("log"),
        pl.col("minutes").round(1),
        "runs",
        size.alias("layers × width"),
        pl.col("expected").alias("expected NDCG@10"),
        pl.format("{} to {}", pl.col("low").round(4), pl.col("high").round(4)).alias("95% interval"),
        pl.col("fresh").alias("mean of three fresh runs"),
    )


def _label() -> pl.Expr:
    return pl.when(pl.col("log") == "planted").then(pl.format("planted {}", "seed")).otherwise("log")
