"""Chapter 1: Lemma 3.1."""

from srlaw.rules.rule import Evidence, Judgement, rule

# Both routes are exact sums; their difference is the rounding of floats.
EXACT = 1e-9
# Theory itself allows 1% at these lengths; as much again is left to the luck of a dozen sequences.
SAMPLING = 0.02


@rule(
    "lemma-3.1",
    shows={
        "limit": "limit − entropy rate, first-order chains (nats)",
        "share": "largest share off where theory predicts under 1%",
        "sampled": "largest |sampled − predicted|, n ≥ 1000 (nats)",
        "second_order": "second-order chain, m = 1: share off",
        "events": "events needed: {items:,} items, 8 successors, m = 2",
    },
    missing={
        "limit": "no such chain chosen",
        "share": "no such length chosen",
        "second_order": "not chosen",
    },
    would_change={
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
    if e["limit"] < EXACT and e["share"] < SAMPLING:
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
