"""Chapter 1: Lemma 3.1."""

from srlaw.rules.rule import Evidence, Judgement, rule

# Both routes are exact sums; their difference is the rounding of floats.
EXACT = 1e-9
# Theory itself allows 1% at these lengths; as much again is left to the luck of a dozen sequences.
SAMPLING = 0.02


@rule(
    "lemma-3.1",
    decides="Open unless limit and samples agree with the entropy rate; then reproduced, with “irreducible” as a "
    "correction if chains of two closed classes break it.",
    shows={
        "limit": "limit − entropy rate, first-order chains (nats)",
        "share": "largest share off where theory predicts under 1%",
        "sampled": "largest |sampled − predicted|, n ≥ 1000 (nats)",
        "second_order": "second-order chain, m = 1: share off",
        "two_classes": "stationary chain of two closed classes: ApEn off (8), least of {paths} sequences (nats)",
        "events": "remark, finite histories: events needed, {items:,} items, 8 successors, m = 2",
        "history": "ApEn(2, 0) expected at {mean_history:.0f} events over the rate, {few_items} items",
        "history_many": "the same, {items:,} items",
    },
    missing={
        "limit": "no such chain chosen",
        "share": "no such length chosen",
        "second_order": "not chosen",
    },
    would_change={
        "reproduced-with-correction": "The word “irreducible” among the hypotheses of the lemma, or an ApEn that "
        "averages over the closed classes, would make it reproduced.",
        "reproduced": "A stationary chain, irreducible or not, whose ApEn does not approach the right side of (8) "
        "would change it.",
        "open": "The same test on first-order stationary chains, at lengths at which theory predicts ApEn near its "
        "limit, would make it reproduced if both gaps are within their tolerance.",
    },
)
def lemma_3_1(e: Evidence) -> Judgement:
    if e["limit"] is None or e["share"] is None:
        return "open", (
            "The lemma was not tested: the sources hold no first-order chain, or no length is great enough for it. "
            f"With {e['items']:,} items, each followed by eight others, ApEn needs {e['events']:,.0f} events of one "
            "user."
        )
    if e["limit"] >= EXACT or e["share"] >= SAMPLING:
        return "open", (
            f"The limit is up to {e['limit']:.1g} nats off the entropy rate, and the samples that theory places near "
            f"it are off by up to {e['share']:.1%}. That is more than rounding or chance explain, and it is not known "
            "why."
        )
    limit = (
        "(8) has no N, where (6) has ApEn(m, r, N), and “a.s.” is said of a limit, so it is read as one. Then it "
        "holds for every first-order chain tried in which each item can be reached, and for every m: the limit is off "
        "the entropy rate by rounding only, and the samples that theory places near it are off by at most "
        f"{e['share']:.1%}."
    )
    finite = (
        "The lemma is silent about finite histories, and there it says little: at the "
        f"{e['mean_history']:.0f} events of the longest mean history in Table 2 ApEn is expected at "
        f"{e['history']:.0%} of the rate with {e['few_items']} items and at {e['history_many']:.1%} with "
        f"{e['items']:,}; that many, each followed by eight others, need {e['events']:,.0f} events of one user."
    )
    if e["two_classes"] < SAMPLING:
        return "reproduced", f"{limit} So it does for a chain of two closed classes. {finite}"
    return "reproduced-with-correction", (
        f"{limit} The correction is one hypothesis more, that the chain is irreducible: a stationary chain of two "
        f"closed classes keeps ApEn at least {e['two_classes']:.2f} nats off (8) in each of {e['paths']} sequences. "
        f"{finite}"
    )
