"""Chapter 9: loss against size, Eq. (1), and loss against ranking."""

from srlaw.rules.rule import Evidence, Judgement, rule

GOOD = 0.95  # the R² that the paper reports to be exceeded
AHEAD = 0.8  # an error below this share of that without a law is clearly smaller
STRAIGHT = 0.9  # share of the variance that a line of slope and intercept as claimed must explain

_READINGS = ("train", "valid", "test")
_R2 = {
    "train": "R², training loss of the last epoch",
    "valid": "R², least validation loss",
    "test": "R², test loss of the chosen epoch",
}


def _words(e: Evidence) -> str:
    train, valid, test = (e[name] for name in _READINGS)
    return f"{train:.3f} on the training loss, {valid:.3f} on the least validation loss and {test:.3f} on the test loss"


@rule(
    "eq-1",
    decides="Reproduced if fits to smaller sizes clearly beat no law on larger ones, for each loss at every split; "
    "contradicted if for no loss at any split; else weaker.",
    shows={
        "cells": "sizes trained",
        **_R2,
        "times_train": "residual over the noise between seeds, training loss",
        "times_valid": "the same, validation loss",
        "times_test": "the same, test loss",
        "splits": "splits into smaller and largest sizes, {fewest} to {tested} held out",
        "low_train": "error on these over that without a law, training loss, least of the splits",
        "high_train": "training loss, greatest of the splits",
        "low_valid": "validation loss, least of the splits",
        "high_valid": "validation loss, greatest of the splits",
        "low_test": "test loss, least of the splits",
        "high_test": "test loss, greatest of the splits",
        "plane": "splits in which a plane in logarithms forecasts the training loss better",
        "rise": "steps to the next width where the test loss rises clearly, of {widths}",
    },
    would_change={
        "reproduced": "The same with other data, or with a recipe tuned for each size, would change it if the law "
        "failed "
        "there.",
        "weaker-than-claimed": "A schedule or a regularisation under which the test loss, too, falls with every size "
        "would change it; so would the authors' losses.",
        "contradicted": "A schedule under which any of the losses falls as the law says would change it.",
    },
)
def eq_1(e: Evidence) -> Judgement:
    always = [name for name in _READINGS if e[f"high_{name}"] <= AHEAD]
    never = [name for name in _READINGS if e[f"low_{name}"] > AHEAD]
    by_split = [name for name in _READINGS if name not in (*always, *never)]
    fit = (
        f"Over {e['cells']} sizes of one model on one data set, Eq. (1) in the number of all parameters has an R² of "
        f"{_words(e)}. Its residuals on the three are {e['times_train']:.1f}, {e['times_valid']:.1f} and "
        f"{e['times_test']:.1f} times the noise between seeds"
    )
    ratios = [f"{e[f'low_{name}']:.2f} to {e[f'high_{name}']:.2f} on the {_NAMES[name]}" for name in _READINGS]
    ahead = (
        f"It was fitted to the smaller sizes and tested on the {e['fewest']} to {e['tested']} largest, in "
        f"{e['splits']} splits. Its error over that of a forecast without a law, the loss of the nearest smaller "
        f"model, is {_listed(ratios)}. On the training loss a plane in logarithms, which is no scaling law, has a "
        f"smaller error in {e['plane']} of {e['splits']} splits"
    )
    rise = f"The test loss rises clearly in {e['rise']} of {e['widths']} steps to the next width"
    text = f"{fit}. {ahead}. {rise}"
    if len(always) == len(_READINGS):
        return "reproduced", f"{text}. At every split it forecasts every loss clearly better than no law."
    if len(never) == len(_READINGS):
        return "contradicted", f"At no split does the law forecast a loss clearly better than no law. {text}."
    said = [
        f"the {_listed([_NAMES[name] for name in names])} {where}"
        for names, where in ((always, "at every split"), (by_split, "at some splits only"), (never, "at no split"))
        if names
    ]
    return "weaker-than-claimed", f"Clearly better than no law, Eq. (1) forecasts {_listed(said)}. {text}."


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


_NAMES = {"train": "training loss", "valid": "least validation loss", "test": "test loss"}


@rule(
    "figure-2",
    decides=f"Reproduced if the law in depth and width has an R² of at least {GOOD} for all three readings of loss; "
    "weaker "
    "if for one or two; else contradicted.",
    shows={
        "dataset": "data set",
        "cells": "depths and widths trained",
        **_R2,
        "curved_test": "R² of a quadratic in logarithms, test loss",
        "depth_rise": "steps to the next depth where the training loss rises clearly, of {depths}",
    },
    would_change={
        "reproduced": "Losses on KuaiRand that do not follow the law would change it.",
        "weaker-than-claimed": "The losses behind Figure 2, or the statement that they are training losses, would "
        "change it.",
        "contradicted": "The losses behind Figure 2 would change it.",
    },
)
def figure_2(e: Evidence) -> Judgement:
    good = [name for name in _READINGS if e[name] >= GOOD]
    text = (
        f"The figure's own losses were not published. In ours, on {e['dataset']} with {e['cells']} depths and "
        f"widths, a power law in depth and in width has an R² of {_words(e)}. On the test loss a quadratic in "
        f"logarithms has {e['curved_test']:.3f}. The training loss rises "
        f"clearly in {e['depth_rise']} of {e['depths']} steps to the next depth"
    )
    if len(good) == len(_READINGS):
        return "reproduced", f"{text}. The law holds with every loss."
    if good:
        which = " and ".join(_NAMES[name] for name in good)
        only = f"The claim holds with the {which} alone, and the paper does not say which it plots"
        return "weaker-than-claimed", f"{text}. {only}."
    return "contradicted", f"{text}. It holds with none."


@rule(
    "r2-above-0.95",
    decides="Not reproducible as long as the losses are not published; once they are, reproduced or contradicted by "
    "their own fits.",
    shows={
        "published": "fits whose losses were published",
        "above": f"of these, fits with an R² above {GOOD}",
        **{name: f"ours, power law in depth and width, {line}" for name, line in _R2.items()},
        "times_train": "ours: residual over the noise between seeds, training loss",
        "plane_train": "ours: R² of a plane in logarithms, training loss",
    },
    would_change={
        "not-reproducible": "The losses behind Figure 2, a table of depth, width, s_max and loss, would decide it.",
        "reproduced": "Nothing but an error in them or in our fits.",
        "contradicted": "Another form of the law, or weights, that the fits have used would change it.",
    },
)
def r2_above(e: Evidence) -> Judgement:
    if e["published"]:
        text = f"Of {e['published']} fits to published losses, {e['above']} have an R² above {GOOD}; ours: {_words(e)}."
        return ("reproduced" if e["above"] == e["published"] else "contradicted"), text
    return "not-reproducible", (
        "No losses were published, so no R² of theirs can be computed. Ours, of a power law in depth and width, are "
        f"{_words(e)}. An R² above {GOOD} is a weak test. On the training loss a plane in logarithms has "
        f"{e['plane_train']:.3f} as well, and the law's residuals are still {e['times_train']:.1f} times the noise "
        "between seeds."
    )


@rule(
    "performance-is-linear-in-loss",
    decides="Reproduced if intercepts may be 1, lines fit, no group has the wrong sign; contradicted if none may for "
    "NDCG@10 and most have it with each loss; else weaker.",
    shows={
        "readings": "pairs of a loss and a metric, ours",
        "holds_one": "of these, pairs whose 95% interval of the intercept holds 1",
        "ndcg_holds_one": "the same with NDCG@10 alone",
        "best_r2": "greatest R² of 1 − k·loss",
        "least_r2": "least R² of 1 − k·loss",
        "hr_valid": "intercept, HR@10 on the least validation loss",
        "ndcg_valid": "intercept, NDCG@10 on the least validation loss",
        "right_sign": "pairs in which the better ranking goes with the smaller loss (Spearman)",
        "spread": "NDCG@10 at the least validation loss over the best of the run, least of all runs",
        "groups": "groups of published runs: one data set, one number of negatives",
        "up_test": "groups where the better ranking goes with the larger test loss of the last epoch (Spearman)",
        "up_validation": "the same, validation loss of the last epoch",
        "up_least": "the same, least validation loss and best NDCG@5",
        "up_at_least": "the same, least validation loss and NDCG@5 of that epoch",
        "up_training": "the same, training loss of the last epoch",
        "together": "groups where it does in every reading of the loss",
        "most": "greatest Spearman correlation in a group, test loss of the last epoch",
    },
    would_change={
        "reproduced": "Runs in which loss and ranking rise together would change it.",
        "weaker-than-claimed": "An intercept of 1 for both metrics with one stated loss would make it right. Groups of "
        "runs in which the larger loss ranks better, whichever loss is read, would contradict it.",
        "contradicted": "Runs of several data sets in which one line of intercept 1 holds with one stated loss would "
        "change it.",
    },
)
def linear(e: Evidence) -> Judgement:
    own = (
        f"In our runs the intercept may be 1 in {e['holds_one']} of {e['readings']} pairs of a loss and a metric, and "
        f"in {e['ndcg_holds_one']} of those with NDCG@10. On the least validation loss it is "
        f"{e['hr_valid']:.2f} for HR@10 and {e['ndcg_valid']:.2f} for NDCG@10. The R² of 1 − k·loss is from "
        f"{e['least_r2']:.2f} to {e['best_r2']:.2f} (negative: worse than the mean)"
    )
    curves = f"A run at its least validation loss has {e['spread']:.0%} of its best NDCG@10 or more"
    others = (
        f"In {e['up_test']} of {e['groups']} groups of published runs the better ranking goes with the larger test "
        f"loss of the last epoch, with a rank correlation of up to {e['most']:+.2f}. With the validation loss of that "
        f"epoch it does in {e['up_validation']}, with the training loss in {e['up_training']}, and with the least "
        f"validation loss in {e['up_least']} (best NDCG@5 of the run) and {e['up_at_least']} (NDCG@5 of that epoch). "
        f"In {e['together']} groups it does in every reading"
    )
    signs = f"In {e['right_sign']} of our {e['readings']} pairs a smaller loss goes with a better ranking"
    text = f"{own}. {signs}. {curves}. {others}"
    some = any(e[f"up_{name}"] for name in ("test", "validation", "least", "at_least", "training"))
    assumed = e["right_sign"] == e["readings"] and not some
    if e["holds_one"] == e["readings"] and e["least_r2"] >= STRAIGHT and assumed:
        return "reproduced", f"{text}."
    if not e["ndcg_holds_one"] and 2 * e["together"] > e["groups"]:
        return "contradicted", f"{text}. So the line is not the one assumed, and the sign is not a law with any loss."
    sign = "is as assumed" if assumed else "depends on the runs and on which loss is read"
    line = "holds" if e["holds_one"] == e["readings"] and e["least_r2"] >= STRAIGHT else "does not hold for every pair"
    return "weaker-than-claimed", f"{text}. So the line assumed {line}, and its sign {sign}."
