"""Chapter 6: are a few small models enough to know the large ones, and some data sets to know another?"""

import polars as pl
from scipy.special import betaincinv

from srlaw.rules.rule import Evidence, Judgement, rule

# A law helps, or misleads, in a data set if it does so in more than half of its panels: panels of one data set share
# users and items, so they are one piece of evidence, and their majority is its value.
MOST = 0.5
# "contradicted" needs a rule that would rarely say so if Eq. (7) were true: the greatest share of the simulated studies
# that is compatible with their count, by the exact one-sided binomial limit of this confidence.
ALARM = 0.05
CONFIDENCE = 0.95


def by_data_set(rows: pl.DataFrame, law: str) -> pl.DataFrame:
    """Where a law helps (`lower` than all naive errors, choice `near` the best) and where it misleads (`worse`).

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
    """Is some reading ahead of every naive forecast in as many `data_sets` as there are, `of`?"""
    ahead = paired.filter(pl.col("law").is_in(readings)).group_by("law")
    return bool(ahead.agg(ok=(pl.col("data_sets") == pl.col("of")).all())["ok"].any())


def ranks_everywhere(rows: pl.DataFrame, readings: list[str]) -> bool:
    """Among models not yet trained, does some reading's choice lose less than a random one and the largest, in the
    mean over the panels of every data set?

    Args:
        rows: one row a panel and law, with ``law, dataset, sigma, new, new_random, new_largest``.
    """
    part = rows.filter(pl.col("law").is_in(readings)).group_by("law", "dataset")
    lost = part.agg((pl.col(name) / pl.col("sigma")).mean() for name in ("new", "new_random", "new_largest"))
    better = (pl.col("new") < pl.min_horizontal("new_random", "new_largest")).all()
    return bool(lost.group_by("law").agg(ok=better)["ok"].any())


def flags(
    at: dict[str, pl.DataFrame], by_depth: pl.DataFrame, paired: pl.DataFrame, readings: list[str]
) -> dict[str, bool]:
    """What the word depends on; the arguments are those of `gather`. Without "half, larger noise" it is as half."""
    return {
        "least_helps": helps_everywhere(at["least feasible"], readings),
        "half_helps": helps_everywhere(at["half"], readings),
        "size_fails": misleads_somewhere(at["half"], readings),
        "sturdy_fails": misleads_somewhere(at.get("half, larger noise", at["half"]), readings),
        "depth_fails": misleads_somewhere(by_depth, readings),
        "late_ahead": ahead_everywhere(paired, readings),
        "ranks": ranks_everywhere(at["half"], readings),
    }


def word(e: Evidence) -> str:
    """The word on the badge, from the `flags`; with ``true_most`` above `ALARM`, failures leave it open."""
    if e["least_helps"]:
        return "reproduced"
    if e["size_fails"] and e["sturdy_fails"] and e["depth_fails"]:
        return "contradicted" if e.get("true_most", 0.0) <= ALARM else "open"
    if e["half_helps"]:
        return "reproduced-with-correction"
    return "weaker-than-claimed" if e["late_ahead"] or e["ranks"] else "open"


def at_most(count: int, trials: int) -> float:
    """The exact upper limit of a share, given how often it came: one-sided, of `CONFIDENCE` (Clopper and Pearson)."""
    return 1.0 if count == trials else float(betaincinv(count + 1, trials - count, CONFIDENCE))


def gather(
    at: dict[str, pl.DataFrame],
    by_depth: pl.DataFrame,
    paired: pl.DataFrame,
    rivals: pl.DataFrame,
    alarms: pl.DataFrame | None,
    endures: float,
    spare: int,
    sigma_low: float,
    least: pl.Series,
    readings: list[str],
    law: str,
) -> dict:
    """The evidence of the rule below.

    Args:
        at: judged rows by share of the points fitted, smallest models first: ``least feasible, half, three quarters``,
            and ``half, larger noise``, judged by the larger of two estimates of σ.
        by_depth: the same for half of the points, shallowest models first.
        paired: law against naive forecasts given three quarters, one row a law and forecast.
        rivals: one row a forecast given three quarters: ``forecast, panels, error`` (median, over σ), ``law`` (the
            median error of `law` on these panels), ``ahead`` (panels in which it is below `law`).
        alarms: from `srlaw.stored.false_alarms`; None for other panels than the paper's, of which it says nothing.
        endures: the factor by which σ could be larger with the failures by size still there.
        spare: the number of panels whose failures must end for that, see `srlaw.chapters.extrapolation.spare`.
        sigma_low: how small the estimate of one panel's σ may be, over the true one: its simulated 2.5% point.
        least: least numbers of points from which the law can be fitted.
        readings: the laws that are readings of Eq. (7).
        law: the one whose counts the card shows.
    """
    half, late = (at[name].filter(pl.col("law") == law) for name in ("half", "three quarters"))
    sets = by_data_set(half, law)
    losses = [f"{by}{end}" for by in ("regret", "smooth", "around") for end in ("", "_seen")]
    lost = {name: (half[name] / half["sigma"]).median() for name in losses}
    others = rivals.filter(~pl.col("forecast").is_in([law, *readings]))
    top = others.sort(pl.col("error") / pl.col("law")).row(0, named=True)
    against = dict(paired.filter(pl.col("law") == law).select("naive", pl.col("panels") - pl.col("wins")).iter_rows())
    said: dict[str, dict[str, float]] = {"law": {}, "flat": {}}
    if alarms is not None:
        for (world,), part in alarms.group_by("world"):
            said[world] = dict(part.select("outcome", "share").iter_rows())
    studies = None if alarms is None else int(alarms["replicates"][0])
    contradicted = round(said["law"].get("contradicted", 0.0) * (studies or 0))
    return {
        "needed": " to ".join(dict.fromkeys((str(least.min()), str(least.max())))),
        "panels": len(half),
        "late_panels": len(late),
        **{name: half[name].sum() for name in ("lower", "better", "worse", "near")},
        "helps": ", ".join(sets.filter("helps")["dataset"]) or "none",
        "misleads": ", ".join(sets.filter("misleads")["dataset"]) or "none",
        **lost,
        "late_lower": late["lower"].sum(),
        "late_worse": late["worse"].sum(),
        "late_mean": against["mean so far"],
        "late_error": (late["rmse"] / late["sigma"]).median(),
        "rival": top["forecast"],
        "rival_panels": top["panels"],
        "rival_error": top["error"],
        "rival_law": top["law"],
        "rival_ahead": top["ahead"],
        **flags(at, by_depth, paired, readings),
        "endures": endures,
        "spare": spare,
        "sigma_short": 1 / sigma_low,
        "simulated": studies,
        "true_contradicted": contradicted,
        "true_most": 0.0 if studies is None else at_most(contradicted, studies),
        "true_few": said["law"].get("reproduced", 0.0) + said["law"].get("reproduced-with-correction", 0.0),
        "null_holds": 1 - said["flat"].get("contradicted", 0.0) - said["flat"].get("open", 0.0),
    }


SEEDS = "repeated seeds that leave the failures where they are, for both readings of “small”, would contradict it."
DESIGNS = (
    "Small designs with more than four depths, from which the law predicts the larger models of several new data "
    "sets better than every naive forecast, would make it reproduced"
)


@rule(
    "few-small-points",
    decides="Reproduced if a reading of the law helps in every data set at once; contradicted if all mislead "
    "in one, in both senses of small.",
    shows={
        "needed": "points needed before Eq. (7) can be fitted at all",
        "lower": "half of the points: panels below all naive errors, of {panels}",
        "better": "beyond the noise",
        "worse": "above a naive error beyond the noise",
        "helps": "data sets where it helps",
        "misleads": "data sets where it misleads",
        "near": "its choice within the noise of the best, of {panels}",
        "regret": "choice of the law, median regret by its own measurement / σ",
        "regret_seen": "choice of the best so far, by its own measurement",
        "smooth": "choice of the law, median regret on the fitted surface / σ",
        "smooth_seen": "choice of the best so far, the same",
        "around": "choice of the law, median regret by its neighbours in the grid / σ",
        "around_seen": "choice of the best so far, by its neighbours",
        "late_lower": "three quarters: panels below all naive errors, of {late_panels}",
        "late_worse": "three quarters: above one beyond the noise",
        "late_mean": "three quarters: panels in which the mean of the points seen is at least as good",
        "late_error": "three quarters: median error of the law / σ",
        "rival_error": "three quarters: median error / σ of its best rival, {rival}, in its {rival_panels} panels",
        "rival_law": "three quarters: median error / σ of the law in the same panels",
        "rival_ahead": "three quarters: of these, panels in which that rival is ahead of the law",
        "least_helps": "least feasible points: some reading helps in every data set",
        "half_helps": "half: some reading helps in every data set",
        "size_fails": "half, small = few parameters: every reading misleads in some data set",
        "sturdy_fails": "half: also by the larger of two estimates of σ",
        "endures": "factor by which σ could be larger before this ends (0: it does not)",
        "spare": "panels in which σ must be so much larger for it to end",
        "sigma_short": "how many times larger than estimated σ of one panel may be (simulated, 97.5%)",
        "depth_fails": "half, small = shallow: every reading misleads in some data set",
        "late_ahead": "three quarters: some reading ahead of every naive forecast in every data set",
        "ranks": "half: among untrained models its choice beats a random one and the largest, in every data set",
        "true_contradicted": "simulated studies in which Eq. (7) is true, by one reading: contradicted, of {simulated}",
        "true_most": "in these: greatest share contradicted that fits this count (exact limit)",
        "true_few": "in these: share reproduced, a correction included, by one reading",
        "null_holds": "simulated studies without any structure: share neither contradicted nor open, by one reading",
    },
    would_change={
        "reproduced": "New data sets, or repeated seeds, on which no reading of Eq. (7) helps from its least number "
        "of points on would change it.",
        "reproduced-with-correction": f"{DESIGNS}; {SEEDS}",
        "weaker-than-claimed": f"{DESIGNS}; {SEEDS}",
        "contradicted": f"{DESIGNS}, and so would repeated seeds that remove the failures.",
        "open": f"{DESIGNS}; {SEEDS}",
    },
)
def few_small_points(e: Evidence) -> Judgement:
    counts = (
        f"Eq. (7) cannot be fitted before there are {e['needed']} points. Given half of the configurations it beats "
        f"all naive forecasts in {e['lower']} of {e['panels']} panels. Data sets where it misleads: {e['misleads']}."
    )
    late = (
        f"Given three quarters the mean of the points seen is at least as good in {e['late_mean']} of "
        f"{e['late_panels']} panels. The {e['rival']} then has a median error of {e['rival_error']:.2f} σ in its "
        f"{e['rival_panels']} panels, where the law has {e['rival_law']:.2f} σ, and is ahead in {e['rival_ahead']} of "
        f"them. {_choice(e)}"
    )
    alarm = ""
    if e["simulated"] is not None:
        alarm = (
            f" Of {e['simulated']} simulated studies in which Eq. (7) is true, judged by one reading, the rule says "
            f"contradicted in {e['true_contradicted']} (at most {e['true_most']:.1%}, exact {CONFIDENCE:.0%} limit)."
        )
    said = word(e)
    if said == "reproduced":
        return said, (
            "A few points are enough: some reading of Eq. (7) helps in every data set as soon as it can be fitted. "
            f"{counts} {late}"
        )
    if said == "contradicted":
        return said, (
            "Not even half of the points are enough. Whether small means few parameters or few layers, every reading "
            f"of Eq. (7) misleads in some data set, also by the larger of two estimates of σ. {_margin(e)} {counts} "
            f"{late}{alarm}"
        )
    if said == "reproduced-with-correction":
        return said, (
            f"A few points are not enough. {counts} But some reading of it helps in every data set then: that number "
            f"of points is the correction. {late}"
        )
    if said == "open":
        return said, f"A few points are not enough. {counts} {late} Three quarters do not mend it.{alarm}"
    holds = (
        "some reading is ahead of every naive forecast, on average, in every data set once three quarters are fitted"
        if e["late_ahead"]
        else "with half of them some reading's choice among the models not yet trained loses less than a random one "
        "and than the largest, on average, in every data set"
    )
    return said, f"A few points are not enough. {counts} {late} What holds says less: {holds}."


def _choice(e: Evidence) -> str:
    """What the size that the law chooses from half of the points loses, by three measures, beside the best so far."""
    measures = {"smooth": "on the fitted surface", "around": "by its neighbours", "regret": "by the measurement itself"}
    said: dict[str, list[str]] = {}
    for name, by in measures.items():
        own, best = e[name], e[f"{name}_seen"]
        order = "smaller" if own < best else "larger" if own > best else "as large"
        said.setdefault(order, []).append(f"{by} ({own:.2f} against {best:.2f} σ)")
    parts = ", but ".join(f"{order} {' and '.join(each)}" for order, each in said.items())
    return (
        "Given half, it chooses a size. Set against the best of the sizes already trained, the median regret of this "
        f"choice is {parts}."
    )


def _margin(e: Evidence) -> str:
    """How much larger σ must be for the failures to end, beside what is known of the σ of one panel."""
    margin = f"This would end if σ were more than {e['endures']:.2f} times as large in {e['spare']} of the panels"
    if e["endures"] < e["sigma_short"]:
        return f"{margin}. That is no large margin, as σ of one panel may be {e['sigma_short']:.2f} times its estimate."
    return f"{margin}, and σ of one panel may be {e['sigma_short']:.2f} times its estimate."


DATA_SETS = "Panels of further data sets that Eq. (7), fitted to the others, predicts better than is done without a law"


@rule(
    "dataset-scales",
    decides="Reproduced if predictions for data left out beat those without a law in every case; weaker if in one "
    "sense; contradicted if no form does in most.",
    shows={
        "cases": "predictions for a data set left out, one a data set and metric",
        "ahead": "of these, Eq. (7) with D' = tokens/ApEn below the mean of the other panels",
        "ahead_tokens": "with D' = tokens",
        "ahead_constant": "with one constant for the data",
        "ahead_slope": "with a free coefficient of ln(tokens/ApEn), which the paper has not",
        "error": "tokens/ApEn: median error / error of that mean",
        "panels": "predictions for a panel left out, its data set's other S_max known",
        "near": "of these, Eq. (7) of its own data set, moved by c ln(tokens/ApEn), below the same configuration there",
        "near_tokens": "of these, moved by c ln(tokens)",
        "near_low": "moved by c ln(tokens/ApEn): least error / error of that configuration",
        "near_error": "the same, median",
        "near_high": "the same, greatest",
        "near_any": "of these, any of {forms} forms with one set of exponents for all data sets below it",
    },
    would_change={
        "reproduced": "Panels of further data sets that are predicted better without a law would change it.",
        "weaker-than-claimed": f"{DATA_SETS} in every case would make it reproduced.",
        "contradicted": f"{DATA_SETS} would change it; so would a value of D' that can be known before any model is "
        "trained on the new data, and with which the predictions are right.",
        "open": f"{DATA_SETS}, or worse, in most cases, would decide it.",
    },
)
def dataset_scales(e: Evidence) -> Judgement:
    counts = (
        f"Fitted to the other data sets with D' = tokens/ApEn, Eq. (7) predicts the panels of a data set left out "
        f"better than the mean of the others in {e['ahead']} of {e['cases']} cases (tokens alone: "
        f"{e['ahead_tokens']}, one constant: {e['ahead_constant']}). Its median error is {e['error']:.1f} times that "
        "of the mean. Where the data set is known at another S_max, its own surface can be moved by c ln(tokens/ApEn), "
        "with the c of the other data sets. That is better than the same configuration at the other S_max in "
        f"{e['near']} of {e['panels']} panels (tokens alone: {e['near_tokens']}), with {e['near_low']:.2f} to "
        f"{e['near_high']:.2f} times its error."
    )
    if e["ahead"] == e["cases"] and e["near"] == e["panels"]:
        return "reproduced", f"The predictions carry across data sets. {counts}"
    if e["ahead"] == e["cases"] or e["near"] == e["panels"]:
        return "weaker-than-claimed", f"The predictions carry across data sets in one sense only. {counts}"
    kindest = max(e["ahead"], e["ahead_tokens"], e["ahead_slope"]), max(e["near"], e["near_tokens"])
    if kindest[0] <= e["cases"] / 2 and kindest[1] <= e["panels"] / 2:
        return "contradicted", f"The predictions do not carry across data sets, in any form with a data term. {counts}"
    return "open", f"The predictions carry in some cases and not in others. {counts}"
