"""Does planning pay? What chapter 6 makes of the stored replay of `benchmarks/planning.py`."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from srlaw import charts

PLAN = "plan"
EARLY, LATE = 0.25, 0.5  # shares of a table's FLOPs, of the target
ENOUGH = 0.8  # share of the tables within the noise, of the target
WITHIN = 2.0  # σ
TIE = 1e-3  # σ: smaller differences of medians are rounding
TABLE = ("dataset", "s_max", "metric", "source")
KEYS = ("thrift", "trust", "part", "caution")  # of a setting of the planner


def owner() -> pl.Expr:
    """The data set that a table is of: the published runs are samples of one."""
    return pl.when(pl.col("source") == "published runs").then(pl.lit("published runs")).otherwise("dataset")


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """By share and strategy: tables, share of choices within the noise, median regret; the same by data set.

    Args:
        rows: from `srlaw.stored.planning`. A data set counts with the mean share and the median regret of its tables.
    """
    keys = ["share", "strategy"]
    sets = rows.group_by(*keys, data_set=owner(), maintain_order=True).agg(
        pl.col("within").mean(), pl.col("regret").median()
    )
    by_set = sets.group_by(keys, maintain_order=True).agg(
        data_sets=pl.len(), within_by_set=pl.col("within").mean(), regret_by_set=pl.col("regret").median()
    )
    whole = rows.group_by(keys, maintain_order=True).agg(
        tables=pl.len(), within=pl.col("within").mean(), regret=pl.col("regret").median()
    )
    return whole.join(by_set, on=keys, maintain_order="left").sort("share", maintain_order=True)


def by_setting(table: pl.DataFrame) -> pl.DataFrame:
    """Share of the tables within the noise, and the median regret, of every setting."""
    within = (pl.col("regret") <= WITHIN).mean()
    return table.group_by(KEYS, maintain_order=True).agg(pl.len(), within=within, regret=pl.col("regret").median())


def chosen_by_others(table: pl.DataFrame) -> pl.DataFrame:
    """Every table with the setting that does best on the other data sets; the published runs are one data set."""
    table, parts = table.with_columns(owner=owner()), []
    for (name,), own in table.group_by("owner", maintain_order=True):
        others = by_setting(table.filter(pl.col("owner") != name))
        first = others.sort("within", "regret", descending=[True, False], maintain_order=True).select(KEYS)[:1]
        parts.append(own.join(first, on=KEYS, maintain_order="left"))
    return pl.concat(parts).drop("owner")


def evidence(rows: pl.DataFrame, tried: pl.DataFrame) -> dict[str, Any]:
    """What the replay says of the target.

    Args:
        rows: from `srlaw.stored.planning`. tried: from `srlaw.stored.planning_settings`.

    Returns:
        ``tables, data_sets``; ``within, median`` of the planner at `EARLY` of the FLOPs, ``within_by_set``, and
        ``late``, its median at `LATE`; ``ahead``: (rival, share, its median, the planner's on the same tables) where
        the rival's is lower; ``rival``, of those that are in all tables the one most often within the noise at
        `EARLY`, ``rival_within`` there and ``rival_late`` at `LATE`, beside ``late_within``; ``strict,
        strict_median``: within and median at `EARLY` with the setting for each data set chosen by the others alone;
        ``settings``: how many were tried.
    """
    table = {(row["share"], row["strategy"]): row for row in summary(rows).to_dicts()}
    early, late = (table[share, PLAN] for share in (EARLY, LATE))
    ahead = []
    for share in (EARLY, LATE):
        here = rows.filter(share=share)
        own = here.filter(strategy=PLAN).select(*TABLE, own="regret")
        for (rival,), part in here.filter(pl.col("strategy") != PLAN).group_by("strategy", maintain_order=True):
            both = part.join(own, on=TABLE)
            medians = tuple(float(np.median(both[name].to_numpy())) for name in ("regret", "own"))
            if medians[0] < medians[1] - TIE:
                ahead.append((rival, share, *medians))
    everywhere = [name for (share, name), row in table.items() if share == EARLY and row["tables"] == early["tables"]]
    rival = max((name for name in everywhere if name != PLAN), key=lambda name: table[EARLY, name]["within"])
    strict = chosen_by_others(tried)["regret"].to_numpy()
    return {
        "tables": early["tables"],
        "data_sets": early["data_sets"],
        "within": early["within"],
        "median": early["regret"],
        "within_by_set": early["within_by_set"],
        "late": late["regret"],
        "late_within": late["within"],
        "rival": rival,
        "rival_within": table[EARLY, rival]["within"],
        "rival_late": table[LATE, rival]["within"],
        "ahead": ahead,
        "strict": float((strict <= WITHIN).mean()),
        "strict_median": float(np.median(strict)),
        "settings": len(tried.select(KEYS).unique()),
    }


def judge(e: dict[str, Any]) -> tuple[str, str]:
    """Whether planning pays by the target, in a word and a sentence: ``met``, ``met on its face``, or ``missed``.

    The target is `ENOUGH` of the tables within the noise at `EARLY` of the FLOPs, and no rival with a lower median
    regret at `EARLY` or `LATE`. As the setting was chosen on these tables, the strict reading asks for the same share
    with the setting for each data set chosen by the other data sets alone.
    """
    counts = (
        f"At {EARLY:.0%} of the FLOPs its choice is within the noise of the best in {e['within']:.0%} of {e['tables']} "
        f"tables, and in {e['within_by_set']:.0%} when each of {e['data_sets']} data sets counts once (the target is "
        f"{ENOUGH:.0%}). Its median regret is {e['median']:.2f} σ there and {e['late']:.2f} σ at {LATE:.0%}."
    )
    rivals = " No rival has a lower one."
    if e["ahead"]:
        each = (f"{name} has {low:.2f} σ against {own:.2f} σ at {share:.0%}" for name, share, low, own in e["ahead"])
        rivals = f" Some rivals have a lower one: {', '.join(each)}."
    rivals += (
        f" {e['rival']} is the rival that is most often within the noise, in {e['rival_within']:.0%}. At {LATE:.0%} of "
        f"the FLOPs it is so in {e['rival_late']:.0%}, and the planner in {e['late_within']:.0%}."
    )
    strict = (
        f" The planner's setting is one of {e['settings']} that were tried on these tables. If the other data sets "
        f"alone chose it for each data set, the choice would be within the noise in {e['strict']:.0%}, with a median "
        f"regret of {e['strict_median']:.2f} σ."
    )
    if e["within"] < ENOUGH or e["ahead"]:
        return "missed", f"The target is missed. {counts}{rivals}{strict}"
    if e["strict"] < ENOUGH:
        said = "The target is met if the setting is taken as given, and missed by the strict reading."
        return "met on its face", f"{said} {counts}{rivals}{strict}"
    return "met", f"The target is met, by the strict reading too. {counts}{rivals}{strict}"


def chart(outcome: pl.DataFrame) -> alt.HConcatChart:
    """Share of choices within the noise and median regret of every strategy; `outcome` is a `summary`."""
    rows = charts.rounded(
        outcome.with_columns(flops=pl.format("{}%", (100 * pl.col("share")).round().cast(pl.Int64))), 3
    )
    names, shares = (rows[name].unique(maintain_order=True).to_list() for name in ("strategy", "flops"))
    ordinal = {"scale": alt.Scale(domain=shares), "title": "FLOPs spent"}
    base = alt.Chart(rows).mark_point(size=70).encode(
        color=alt.Color("flops:N", **ordinal), shape=alt.Shape("flops:N", **ordinal)
    )  # fmt: skip
    target = alt.Chart(pl.DataFrame({"enough": [ENOUGH]})).mark_rule(strokeDash=[4, 3]).encode(x="enough:Q")
    within = alt.X(
        "within:Q", title="choices within the noise", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
    )
    regret = alt.X("regret:Q", title="median regret / σ", scale=alt.Scale(type="symlog"))
    left = alt.layer(target, base.encode(x=within, y=alt.Y("strategy:N", sort=names, title=None)))
    right = base.encode(x=regret, y=alt.Y("strategy:N", sort=names, title=None, axis=None))
    size = {"width": 240, "height": 26 * len(names)}
    return alt.hconcat(left.properties(**size), right.properties(**size)).properties(
        description=f"Of {len(names)} ways to choose a size, the share of the tables in which the choice is within the "
        "noise of the best, and the median regret, after three shares of the FLOPs."
    )


def shown(outcome: pl.DataFrame) -> pl.DataFrame:
    """The same as a table to read."""
    return outcome.select(
        pl.format("{}%", (100 * pl.col("share")).round().cast(pl.Int64)).alias("FLOPs spent"),
        "strategy",
        "tables",
        pl.col("within").alias("within the noise"),
        pl.col("regret").alias("median regret / σ"),
        pl.col("data_sets").alias("data sets"),
        pl.col("within_by_set").alias("within, by set"),
        pl.col("regret_by_set").alias("regret, by set"),
    )
