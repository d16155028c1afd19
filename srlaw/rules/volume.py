"""Chapters 3 and 3b: the volume of the ball, Lemma 3.4 and Theorem 3.5."""

from srlaw.rules.rule import Evidence, Judgement, rule
from srlaw.rules.theorems import SIZEABLE

# Two routes to a number that both compute to rounding; a sum of a million logarithms loses a few digits more.
EQUAL = 1e-9
VOLUME = 1e-6


def parts_of_the_ball(routes: float, least: float, between: bool) -> dict[str, bool]:
    """The parts of Lemma 3.4 that can be checked: which of them are right.

    Stirling's form and the constant k belong to Eq. (26), in the proof of Theorem 3.5.

    Args:
        routes: greatest difference of two routes to ln V.
        least: the least value found of log Z + 1/Z.
        between: whether Z of d separate patterns lies between the ends of (23) in every dimension tried.
    """
    return {
        "two routes to the volume": routes < VOLUME,
        "min log Z + 1/Z is 1": abs(least - 1) < EQUAL,
        "(23) for d separate patterns": between,
    }


@rule(
    "lemma-3.4",
    decides="Contradicted if a part of (22) and (23) that can be checked is wrong; else open, as symbols that decide "
    "it are not defined.",
    shows={
        "undefined": "symbols that this paper does not define",
        "parts": "parts checked",
        "right": "parts that are right",
        "least": "least value of log Z + 1/Z",
        "at": "at Z",
        "routes": "ln V, two routes differ by less than",
        "above_low": "ln Z of d separate patterns above the lower end of (23), n = {n}",
    },
    would_change={
        "open": "The derivation of (22), or l, c and Z_t of a trained model, so that Z_t and its loss can be "
        "measured side by side, would decide it.",
        "contradicted": "An error in the check of the part that is wrong would make it open.",
    },
)
def lemma_3_4(e: Evidence) -> Judgement:
    quoted = "(22)–(23) are quoted from Niu et al., whose derivation has not been checked here."
    parts = (
        f"Of the {e['parts']} parts that could be checked {e['right']} are right. They are the volume, the minimum of "
        f"log Z + 1/Z, which is {e['least']:.4g}, and (23) for the partition function of d separate patterns"
    )
    if e["right"] < e["parts"]:
        return "contradicted", f"Not all parts of the lemma are right. {parts}. {quoted}"
    return "open", (
        f"The form of the loss is not decided, because this paper does not define {e['undefined']}. {parts}. {quoted} "
        "The lemma's “1 < Loss” is a claim by itself."
    )


@rule(
    "lemma-3.4-bound",
    decides="Contradicted if the best cross-entropy is below 1 for a sizeable part of random chains, and a real code "
    "gets there; reproduced if for none.",
    shows={
        "below_share": "random chains whose entropy rate is below 1 nat, share of {chains:,}",
        "rate": "cross-entropy of a nearly deterministic chain: entropy rate, nats",
        "coded": "the same by a range coder, nats",
        "tested_below": "published test and validation losses below 1, of {losses} runs",
        "least_test": "least test loss",
        "least_valid": "least validation loss",
        "below": "published training losses below 1 (sampled softmax), of {losses}",
        "lowest": "least of them",
        "logs_below": "logs that they were trained on",
        "c_below": "by (22) “1 < Loss” for all Z and l needs c below",
    },
    missing={"logs_below": "none"},
    would_change={
        "contradicted": "A hypothesis on the data under which no model can have a cross-entropy below 1, stated with "
        "the lemma, would make it reproduced.",
        "reproduced-with-correction": f"Entropy rates below 1 nat in at least {SIZEABLE:.0%} of random chains, "
        "and a real code below 1, would contradict it.",
        "reproduced": "A chain that a real code can code with less than 1 nat an event would change it.",
    },
)
def lemma_3_4_bound(e: Evidence) -> Judgement:
    published = (
        f"Of {e['losses']} published runs of sequential recommenders {e['tested_below'] or 'none'} have a test or "
        f"validation loss below 1. The least are {e['least_test']:.2f} and {e['least_valid']:.2f}. Of their training "
        "losses"
    )
    if e["below"]:
        published += (
            f" {e['below']} are below 1, down to {e['lowest']:.2f}. Those models are of {e['logs_below']}, and were "
            "trained with sampled negatives, as the models of this paper were"
        )
    else:
        published += " none is below 1"
    if min(e["below_share"], 1 - e["coded"], 1 - e["rate"]) <= 0:
        return "reproduced", f"No chain was found with a cross-entropy below 1 that a real code reaches. {published}."
    found = (
        f"A stationary chain has a cross-entropy of {e['rate']:.3f} nats an event, and a range coder reaches "
        f"{e['coded']:.3f}. So {{}} for the {e['below_share']:.0%} of {e['chains']:,} random chains whose entropy rate "
        "is below 1 nat."
    )
    if e["below_share"] < SIZEABLE:
        return "reproduced-with-correction", (
            f"{found.format('it is below 1')} That is an exceptional part; the hypothesis that the entropy rate is at "
            f"least 1 is the correction. {published}."
        )
    return "contradicted", (
        f"“1 < Loss” has no hypothesis. {found.format('a model can have a loss below 1')} {published}."
    )


@rule(
    "z-below-one",
    decides="Reproduced, or contradicted, if the interval (23) puts Z at or below 1, or above it, whatever d "
    "means; else open.",
    shows={
        "cases": "configurations of Figures 3 and 5",
        "depth": "d the number of layers: (23) has Z ≤ 1 in",
        "items": "d the number of items: (23) has Z ≤ 1 in, Z > 1 in, of {known}",
        "users": "d the number of users: the same, of {known}",
        "decay": "panels whose greatest value is not the largest model's, of {panels}",
        "roots": "values of Z with log Z + 1/Z = 2",
    },
    would_change={
        "open": "A definition of Z_t that can be computed for a trained model, its d, and the two evaluated at "
        "sizes on both sides of the best one, would decide it.",
        "reproduced": "A trained model that overfits with Z_t above 1 would contradict it.",
        "contradicted": "A definition of d under which the interval (23) reaches below 1 would make it open.",
    },
)
def z_below_one(e: Evidence) -> Judgement:
    """`items` and `users` come as two counts: Z ≤ 1 whatever Z is in (23), and Z > 1 whatever it is."""
    twice = (
        "A loss does not tell: log Z + 1/Z takes every value above 1 twice, "
        f"for instance 2 at Z = {e['roots'][0]:.2f} and at {e['roots'][1]:.2f}."
    )
    below = (e["depth"], e["items"][0], e["users"][0])
    if below == (e["cases"], e["known"], e["known"]):
        return "reproduced", (
            f"Whatever d is, (23) puts Z at or below 1 in all {e['cases']} configurations, those that overfit among "
            f"them. {twice}"
        )
    if max(below) == 0 and e["items"][1] == e["users"][1] == e["known"]:
        return "contradicted", (
            f"Whatever d is, (23) puts Z above 1 in all {e['known']} configurations of known data, so it cannot "
            f"be common. {twice}"
        )
    return "open", (
        f"{twice} (23) does not tell either, as d is not defined. With d the number of layers Z ≤ 1 in {e['depth']} of "
        f"{e['cases']} configurations, overfitted or not. With d the number of items Z ≤ 1 in {e['items'][0]} of the "
        f"{e['known']} of known data, and with d the number of users in {e['users'][0]}. Elsewhere the interval holds "
        "values on both sides of 1, or above it. The U-shapes are of HR@10 and NDCG@10, where the largest model is "
        f"not the best one in {e['decay']} of {e['panels']} panels. Z was not measured in any of them."
    )


@rule(
    "theorem-3.5",
    decides="Contradicted if some configuration has no exponents; weaker if one set of exponents fails for "
    "every width; else reproduced.",
    shows={
        "single": "true for each configuration by itself",
        "values": "values of Z tried",
        "pairs": "pairs of w and d tried, d fixed, Z at the lower end of (23)",
        "fail": "of them with a finite width beyond which (24) fails",
        "width": "that width, greatest",
        "kept": "share of Z ≤ U ≤ 1 with f(Z) ≤ f(U), as (26) has it",
        "stirling": "Stirling's error in ln V at n = {n}, as 1/(6n) has it",
        "k": "k of (26), over √(e/2)",
        "predicted": "exponent of d_emb that (26) predicts",
        "w4_low": "least reported w4",
        "w4_high": "greatest reported w4",
        "r2_predicted": "median R² at w4 = −0.5",
        "r2_best": "median R² at the best w4",
    },
    missing={"width": "none found"},
    would_change={
        "contradicted": "An error in the construction of exponents for one configuration would change it.",
        "weaker-than-claimed": "A lower bound on Z_t that falls no faster than a power of d_emb would give "
        "exponents for all widths; a fitted w4 near −0.5 with w2 > 0 would then speak for it.",
        "reproduced": "A finite width beyond which (24) fails for each exponent tried would leave only exponents that "
        "depend on the configuration.",
    },
)
def theorem_3_5(e: Evidence) -> Judgement:
    if not e["single"]:
        return "contradicted", (
            f"Among {e['values']:,} values of Z there are some for which the exponents built for them do not satisfy "
            "(24)."
        )
    if e["fail"] == e["pairs"]:
        return "weaker-than-claimed", (
            "It holds if the exponents may depend on the configuration. With this reading it says nothing, because all "
            f"{e['values']:,} values of Z tried satisfy it, and any Z > 0 does. Eq. (7) would need one set of "
            "exponents for all widths. That does not follow from (23) for d that does not grow with d_emb: all "
            f"{e['fail']} pairs of w and d tried fail beyond some width. The proof of the right half uses an "
            f"inequality that is true in {e['kept']:.0%} of the places where Z ≤ U ≤ 1."
        )
    return "reproduced", (
        f"For each of {e['values']:,} values of Z there are exponents that satisfy (24), and of {e['pairs']} pairs "
        f"of w and d only {e['fail']} fail beyond some width."
    )
