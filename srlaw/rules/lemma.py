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
        "Read as a limit, the lemma holds for every first-order chain tried in which each item can be reached, and for "
        "every m. The limit is off the entropy rate by rounding only, and the samples that theory places near it are "
        f"off by at most {e['share']:.1%}. It is read as a limit because (8) has no N, where (6) has ApEn(m, r, N), "
        "and because “a.s.” is said of limits."
    )
    finite = (
        f"About finite histories the lemma says little. At the {e['mean_history']:.0f} events of the longest mean "
        f"history in Table 2 ApEn is expected at {e['history']:.0%} of the rate with {e['few_items']} items, and at "
        f"{e['history_many']:.1%} with {e['items']:,}. With so many items, each followed by eight others, it takes "
        f"{e['events']:,.0f} events of one user."
    )
    if e["two_classes"] < SAMPLING:
        return "reproduced", f"{limit} It also holds for a chain of two closed classes. {finite}"
    return "reproduced-with-correction", (
        f"{limit} The correction is one more hypothesis, that the chain is irreducible. A stationary chain of two "
        f"closed classes keeps ApEn at least {e['two_classes']:.2f} nats off (8) in each of {e['paths']} sequences. "
        f"{finite}"
    )
