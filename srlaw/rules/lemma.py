"""Chapter 1: Lemma 3.1."""

from srlaw.rules.rule import Evidence, Judgement, rule

# Both routes are exact sums; their difference is the rounding of floats.
EXACT = 1e-9
# Theory itself allows 1% at these lengths; as much again is left to the luck of a dozen sequences.
SAMPLING = 0.02


@rule(
    "lemma-3.1",
    decides="Open unless limit and samples agree with the entropy rate; then reproduced, or weaker if real "
    "histories or reducible chains miss it.",
    shows={
        "limit": "limit − entropy rate, first-order chains (nats)",
        "share": "largest share off where theory predicts under 1%",
        "sampled": "largest |sampled − predicted|, n ≥ 1000 (nats)",
        "second_order": "second-order chain, m = 1: share off",
        "events": "events needed: {items:,} items, 8 successors, m = 2",
        "history": "ApEn(2, 0) expected at {mean_history:.0f} events over the rate, {few_items} items",
        "history_many": "the same, {items:,} items",
        "two_classes": "stationary chain of two closed classes: ApEn off (8), least of {paths} sequences (nats)",
    },
    missing={
        "limit": "no such chain chosen",
        "share": "no such length chosen",
        "second_order": "not chosen",
    },
    would_change={
        "weaker-than-claimed": "Nothing in the paper's tables: it takes histories long enough for ApEn to be near its "
        "limit, and a chain in which every item can be reached from every other. With both it would be reproduced.",
        "reproduced": "A first-order stationary chain whose sampled ApEn does not approach the entropy rate as "
        "predicted would make it open.",
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
    right = e["limit"] < EXACT and e["share"] < SAMPLING
    everywhere = abs(e["history"] - 1) < SAMPLING and e["two_classes"] < SAMPLING
    if right and not everywhere:
        return "weaker-than-claimed", (
            "It holds as a limit for infinitely many events, and for chains in which every item can be reached: there "
            f"the limit is at most {e['limit']:.1g} nats off the entropy rate, and the samples that theory places near "
            f"it are off by at most {e['share']:.1%}. The lemma states neither. Eq. (6) defines ApEn for n "
            f"events, and at the {e['mean_history']:.0f} of the longest mean history in Table 2 it is expected at "
            f"{e['history']:.0%} of "
            f"the rate with {e['few_items']} items and at {e['history_many']:.1%} with {e['items']:,}; that many, each "
            f"followed by eight others, need {e['events']:,.0f} events of one user. A stationary chain of two closed "
            f"classes keeps ApEn at least {e['two_classes']:.2f} nats off (8) in each of {e['paths']} sequences."
        )
    if right:
        return "reproduced", (
            "As a limit for infinitely many events the lemma holds for every first-order chain tried and every m: "
            f"the limit is at most {e['limit']:.1g} nats off the entropy rate, and the samples that theory places near "
            f"it are off by at most {e['share']:.1%}. The lemma is silent about finite histories: with "
            f"{e['items']:,} items, each followed by eight others, ApEn needs {e['events']:,.0f} events of one user."
        )
    return "open", (
        f"The limit is up to {e['limit']:.1g} nats off the entropy rate, and the samples that theory places near it "
        f"are off by up to {e['share']:.1%}. That is more than rounding or chance explain, and it is not known why."
    )
