"""Numbers of the opening cards that are in no verdict, from the stored results that the chapters show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import polars as pl

from srlaw import paper, stored
from srlaw.chapters import frameworks, orders, ranking
from srlaw.errors import InputError
from srlaw.planner.extras import split_rows


def models() -> dict[str, Any]:
    """Chapter 4: the largest share of the way from popularity to the optimum that a model learns, by source.

    Returns:
        ``first, second, types`` (a chain of the first order, of the second, four types of users), ``count`` (the
        models), and on MovieLens-1M, HR@10: ``counts`` (item → next counts, all items ranked), ``popularity``.
    """
    results = stored.learning()["results"]
    learned = {
        source: max(row["learned"] for row in results if row["source"] == source) for source in _SOURCES.values()
    }
    yard = stored.yardsticks("ml-1m")
    return {
        **{name: learned[source] for name, source in _SOURCES.items()},
        "count": len({row["model"] for row in results}),
        "counts": yard["baseline_next_hr10"],
        "popularity": yard["baseline_popularity_hr10"],
    }


def methods() -> dict[str, Any]:
    """Appendix 1: what simulated panels say of the statistics of this book.

    Returns:
        ``points, points_few`` (of a panel, 24 and 16), ``chosen, chosen_few`` (share of such panels in which AICc
        chooses Eq. (7) where it is true), ``low, high`` (σ as estimated over σ, 95% of the panels of 24 points),
        ``held_least, held_most`` (shares of the bootstrap's 95% intervals that hold the truth), ``wald_least`` (of
        Wald's).
    """
    few, many = sorted(stored.simulated("aicc")["n"].unique())
    aicc = stored.simulated("aicc").filter(truth="performance", law="performance")
    sigma = stored.simulated("sigma").filter(law="the least of them", n=many)
    held = stored.simulated("intervals")
    bootstrap, wald = (held.filter(interval=name)["holds"] for name in ("bootstrap", "Wald"))
    return {
        "points": many, "points_few": few,
        "chosen": aicc.filter(n=many)["share"].item(), "chosen_few": aicc.filter(n=few)["share"].item(),
        "low": sigma["low"].item(), "high": sigma["high"].item(),
        "held_least": bootstrap.min(), "held_most": bootstrap.max(), "wald_least": wald.min(),
    }  # fmt: skip


def explore() -> dict[str, Any]:
    """Appendix 2: the curve of Eq. (7) against a plane and a quadratic in logarithms, on points left out.

    Returns:
        ``panels``, and on how many of them ``curve`` has a smaller error than the plane, and ``quadratic`` one no
        larger than the curve.
    """
    left_out = stored.panel_fits().pivot("law", index=paper.PANEL, values="loo")
    return {
        "panels": len(left_out),
        "curve": int((left_out["performance"] < left_out["log-linear"]).sum()),
        "quadratic": int((left_out["log-quadratic"] <= left_out["performance"]).sum()),
    }


def your_data() -> dict[str, Any]:
    """Chapter 11: the stored runs of a plan, NDCG@10 on validation.

    Returns:
        ``runs, sizes``; ``counts`` (item → next counts), ``gain`` (how far the best size's mean is ahead of them).
    """
    rows = stored.plan_runs()
    judged = split_rows(rows).sizes
    means = judged.group_by("n_layers", "d_emb").agg(pl.col("ndcg10").mean())
    counts, best = (float(column.to_numpy().max()) for column in (judged["baseline_next_ndcg10"], means["ndcg10"]))
    return {"runs": len(rows), "sizes": len(means), "counts": counts, "gain": best - counts}


def precisions() -> dict[str, Any]:
    """Chapter 10: bfloat16 less float32 in HR@10, over pairs of one model, size and seed.

    Returns:
        ``pairs``; ``change, low, high``, the mean with its 95% interval.
    """
    row = orders.differences(frameworks.own_rows()).row(
        by_predicate=pl.col("model").eq("all") & pl.col("metric").eq("HR@10"), named=True
    )
    return {"pairs": row["pairs"], "change": row["mean"], "low": row["low"], "high": row["high"]}


@cache
def widths() -> dict[str, Any]:
    """Chapter 14: what a doubling of the width changes in the AUC of the models beside HSTU: ``llama, sasrec``."""
    found = ranking.task()
    slopes = {name: ranking.slope(found, label, "auc") for name, label in (("llama", "LLaMA"), ("sasrec", "SASRec"))}
    return {name: slope["value"] for name, slope in slopes.items() if slope is not None}


_SOURCES = {"first": "first order", "second": "second order", "types": "four user types"}
NUMBERS: dict[str, Callable[[], dict[str, Any]]] = {
    "04-models": models,
    "10-frameworks": precisions,
    "11-your-data": your_data,
    "14-new-frontiers": widths,
    "A1-methods": methods,
    "A2-explore": explore,
}
"""Chapter → its numbers by short names."""


def known(chapter: str) -> bool:
    return chapter in NUMBERS


def numbers(chapter: str) -> dict[str, Any]:
    """The numbers of a chapter.

    Raises:
        InputError: if the chapter has none here.
    """
    if chapter not in NUMBERS:
        raise InputError(f"srlaw.chapters.openings has no numbers of {chapter}; it has those of {', '.join(NUMBERS)}")
    return NUMBERS[chapter]()
