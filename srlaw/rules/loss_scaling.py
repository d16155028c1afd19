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


def _words(e: Evidence, prefix: str = "") -> str:
    train, valid, test = (e[prefix + name] for name in _READINGS)
    return f"{train:.3f} on the training loss, {valid:.3f} on the least validation loss and {test:.3f} on the test loss"


@rule(
    "eq-1",
    decides="Reproduced if its fit to the smaller sizes clearly beats no law on the largest for all three readings of "
    "loss; weaker if for one or two; else contradicted.",
    shows={
        "cells": "sizes trained",
        **_R2,
        "times_train": "residual over the noise between seeds, training loss",
        "times_valid": "the same, validation loss",
        "times_test": "the same, test loss",
        "ahead_train": "error on the largest quarter over that without a law, training loss",
        "ahead_valid": "the same, validation loss, largest quarter",
        "ahead_test": "the same, test loss, largest quarter",
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
    holds = {name: e[f"ahead_{name}"] <= AHEAD for name in _READINGS}
    fit = (
        f"Over {e['cells']} sizes of one model on one data set, Eq. (1) in the number of all parameters has an R² of "
        f"{_words(e)}. Its residuals on the three are {e['times_train']:.1f}, {e['times_valid']:.1f} and "
        f"{e['times_test']:.1f} times the noise between seeds"
    )
    ahead = (
        "Fitted to the smaller sizes and tested on the largest quarter of them, its error is "
        f"{e['ahead_train']:.2f}, {e['ahead_valid']:.2f} and {e['ahead_test']:.2f} times that of a forecast without a "
        "law, the loss of the nearest smaller model"
    )
    rise = f"The test loss rises clearly in {e['rise']} of {e['widths']} steps to the next width"
    text = f"{fit}. {ahead}. {rise}"
    if all(holds.values()):
        return "reproduced", f"{text}. It forecasts every loss."
    if any(holds.values()):
        good = " and ".join(_NAMES[name] for name in _READINGS if holds[name])
        bad = " and ".join(_NAMES[name] for name in _READINGS if not holds[name])
        return "weaker-than-claimed", f"The law forecasts the {good}, and not the {bad}. {text}."
    return "contradicted", f"The law forecasts none of the three losses. {text}."


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
    decides="Reproduced if every intercept may be 1, lines fit and the two never rise together; contradicted if none "
    "may for NDCG@10 and mostly they do; else weaker.",
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
        "together": "of these, groups where the better ranking goes with the larger test loss (Spearman)",
        "most": "greatest Spearman correlation in a group",
    },
    would_change={
        "reproduced": "Runs in which loss and ranking rise together would change it.",
        "weaker-than-claimed": "An intercept of 1 for both metrics with one stated loss would make it right.",
        "contradicted": "Runs of several data sets, none of them trained beyond the least loss, in which one line of "
        "intercept 1 holds, would weaken it.",
    },
)
def linear(e: Evidence) -> Judgement:
    own = (
        f"In our runs {e['holds_one']} of {e['readings']} pairs of a loss and a metric have an intercept that may "
        f"be 1, and with NDCG@10 alone {e['ndcg_holds_one']} have. On the least validation loss it is "
        f"{e['hr_valid']:.2f} for HR@10 and {e['ndcg_valid']:.2f} for NDCG@10. The R² of 1 − k·loss is from "
        f"{e['least_r2']:.2f} to {e['best_r2']:.2f} (negative: worse than the mean)"
    )
    curves = f"A run at its least validation loss has {e['spread']:.0%} of its best NDCG@10 or more"
    others = (
        f"In {e['together']} of {e['groups']} groups of published runs the better ranking goes with the larger "
        f"loss, with a rank correlation of up to {e['most']:+.2f}"
    )
    text = f"{own}. {curves}. {others}"
    if e["holds_one"] == e["readings"] and e["least_r2"] >= STRAIGHT and not e["together"]:
        return "reproduced", f"{text}."
    signs = f"In {e['right_sign']} of our {e['readings']} pairs a smaller loss goes with a better ranking"
    if not e["ndcg_holds_one"] and 2 * e["together"] > e["groups"]:
        return "contradicted", f"{text}. {signs}. But the line is not the one assumed, and the sign is not a law."
    return "weaker-than-claimed", f"{text}. {signs}."
