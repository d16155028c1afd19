"""Chapter 6: are a few small models enough to know the large ones?"""

import polars as pl

from srlaw.rules.rule import Evidence, Judgement, rule

# A law helps, or misleads, in a data set if it does so in more than half of its panels: panels of one data set share
# users and items, so they are one piece of evidence, and their majority is its value.
MOST = 0.5


def by_data_set(rows: pl.DataFrame, law: str) -> pl.DataFrame:
    """Where a law helps (`lower` than both naive errors, choice `near` the best) and where it misleads (`worse`).

    Args:
        rows: one row a panel and law, with ``law, dataset, lower, near, worse``.

    Returns:
        One row a data set: ``dataset, helps, misleads``.
    """
    part = rows.filter(pl.col("law") == law).group_by("dataset", maintain_order=True)
    helps = (pl.col("lower").mean() > MOST) & (pl.col("near").mean() > MOST)
    return part.agg(helps=helps, misleads=pl.col("worse").mean() > MOST)


def helps_everywhere(rows: pl.DataFrame, readings: list[str]) -> bool:
    """Does some reading of the law help in every data set?"""
    tried = [by_data_set(rows, law) for law in readings]
    return any(len(sets) > 0 and bool(sets["helps"].all()) for sets in tried)


def misleads_somewhere(rows: pl.DataFrame, readings: list[str]) -> bool:
    """Does every reading of the law mislead in some data set?"""
    return bool(readings) and all(by_data_set(rows, law)["misleads"].any() for law in readings)


def ahead_everywhere(paired: pl.DataFrame, readings: list[str]) -> bool:
    """Is some reading ahead of both naive forecasts in as many `data_sets` as there are, `of`?"""
    ahead = paired.filter(pl.col("law").is_in(readings)).group_by("law")
    return bool(ahead.agg(ok=(pl.col("data_sets") == pl.col("of")).all())["ok"].any())


def gather(
    at: dict[str, pl.DataFrame],
    by_depth: pl.DataFrame,
    paired: pl.DataFrame,
    least: pl.Series,
    readings: list[str],
    law: str,
) -> dict:
    """The evidence of the rule below.

    Args:
        at: judged rows by share of the points fitted, smallest models first: ``least feasible, half, three quarters``.
        by_depth: the same for half of the points, shallowest models first.
        paired: law against naive forecasts given three quarters, one row a law and forecast.
        least: least numbers of points from which the law can be fitted.
        readings: the laws that are readings of Eq. (7).
        law: the one whose counts the card shows.
    """
    half, late = (at[name].filter(pl.col("law") == law) for name in ("half", "three quarters"))
    sets = by_data_set(half, law)
    median = {c: (half[c] / half["sigma"]).median() for c in ("regret_seen", "regret")}
    return {
        "needed": " to ".join(dict.fromkeys((str(least.min()), str(least.max())))),
        "panels": len(half),
        "late_panels": len(late),
        **{name: half[name].sum() for name in ("lower", "better", "worse", "near")},
        "helps": ", ".join(sets.filter("helps")["dataset"]) or "none",
        "misleads": ", ".join(sets.filter("misleads")["dataset"]) or "none",
        **median,
        "late_lower": late["lower"].sum(),
        "late_worse": late["worse"].sum(),
        "least_helps": helps_everywhere(at["least feasible"], readings),
        "half_helps": helps_everywhere(at["half"], readings),
        "size_fails": misleads_somewhere(at["half"], readings),
        "depth_fails": misleads_somewhere(by_depth, readings),
        "late_ahead": ahead_everywhere(paired, readings),
    }


SEEDS = "repeated seeds that leave the failures where they are, for both readings of “small”, would contradict it."
DESIGNS = (
    "Small designs with more than four depths, from which the law predicts the larger models of several new data "
    "sets better than the best so far, would make it reproduced"
)


@rule(
    "few-small-points",
    shows={
        "needed": "points needed before Eq. (7) can be fitted at all",
        "lower": "half of the points: panels below both naive errors, of {panels}",
        "better": "beyond the noise",
        "worse": "above a naive error beyond the noise",
        "helps": "data sets where it helps",
        "misleads": "data sets where it misleads",
        "near": "its choice within the noise of the best, of {panels}",
        "regret_seen": "choice of the best so far, median regret / σ",
        "regret": "choice of the law, median regret / σ",
        "late_lower": "three quarters: panels below both naive errors, of {late_panels}",
        "late_worse": "three quarters: above one beyond the noise",
        "least_helps": "least feasible points: some reading helps in every data set",
        "half_helps": "half: the same",
        "size_fails": "half, small = few parameters: every reading misleads in some data set",
        "depth_fails": "half, small = shallow: the same",
        "late_ahead": "three quarters: some reading ahead of both in every data set",
    },
    would_change={
        "reproduced": "New data sets, or repeated seeds, on which no reading of Eq. (7) helps from its least number "
        "of points on would change it.",
        "reproduced-with-correction": f"{DESIGNS}; {SEEDS}",
        "contradicted": f"{DESIGNS}, and so would repeated seeds that remove the failures.",
        "open": f"{DESIGNS}; {SEEDS}",
    },
)
def few_small_points(e: Evidence) -> Judgement:
    counts = (
        f"Eq. (7) cannot be fitted before there are {e['needed']} points. Given half of the configurations it beats "
        f"both naive forecasts in {e['lower']} of {e['panels']} panels, and the data sets where it misleads are: "
        f"{e['misleads']}."
    )
    if e["least_helps"]:
        return "reproduced", (
            "A few points are enough: some reading of Eq. (7) helps in every data set as soon as it can be fitted. "
            f"{counts}"
        )
    if e["size_fails"] and e["depth_fails"]:
        return "contradicted", (
            "Not even half of the points are enough: whether small means few parameters or shallow, every reading of "
            f"Eq. (7) misleads in some data set. {counts}"
        )
    if e["half_helps"]:
        return "reproduced-with-correction", (
            f"A few points are not enough. {counts} But some reading of it helps in every data set then: that number "
            "of points is the correction."
        )
    if e["late_ahead"]:
        return "reproduced-with-correction", (
            f"A few points are not enough. {counts} Given three quarters it is ahead of both, on average, in every "
            f"data set, and below both in {e['late_lower']} of {e['late_panels']} panels: that number of points is "
            "the correction."
        )
    return "open", f"A few points are not enough. {counts} Three quarters of them do not mend it."
