"""Chapter 10: the exponents of Table 4, other transformers, and parts of HSTU left out."""

from srlaw.rules.rule import Evidence, Judgement, rule

# Share of draws that makes an order certain; and a pair of models out of order, one of six comparisons, wrong.
SURE, WRONG = 0.95, 0.99
# Level of a test; the least of several p-values is taken times their number.
LEVEL = 0.05
# Readings of the law that must have told, for a verdict that does not depend on the one that was taken.
READINGS = 2
ROWS_MISSING = "none"
NO_ROWS = "not known yet"

_ORDER = {
    "judged": "fits of three models, a precision and a reading of Eq. (7), with all exponents identified, of {asked}",
    "readings": "readings of Eq. (7) among these pairs",
    "holds": "of these pairs, fitted as the claim says",
    "low": "share of bootstrap draws that are as the claim says, least",
    "high": "the same, greatest",
    "against_low": "share of draws in which some two models are ordered against the claim, least",
    "against_high": "that share, greatest",
    "printed": "Spearman's correlation in the printed table, weakest",
    "least": "least w1 or w2 that the successor prints",
    "chance": "probability that three models are so ordered by chance",
    "absent": "models without a fit",
}
_ORDER_CHANGE = {
    "reproduced": "Another reading of the law, or more seeds, with which the order turns would change it.",
    "contradicted": "A reading of the law with which the order holds in nearly all draws would change it.",
    "not-reproducible": "The p with which the table was fitted, and the runs behind it, would decide it.",
    "open": "Runs of the three models over five depths and widths in both precisions, with seeds, and the p and the "
    "form that the table was fitted with, would decide it.",
}


def _share(low: float, high: float) -> str:
    return f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"


def _order(e: Evidence, claim: str, printed: str) -> Judgement:
    there = f"{printed} With three models, chance alone orders them so with probability {e['chance']:.2f}."
    without = f" There is no fit of {e['absent']}." if e["absent"] else ""
    if not e["judged"]:
        return "open", (
            f"Of {e['asked']} pairs of a precision and a reading of Eq. (7), not one has all exponents of three models "
            f"identified by our runs.{without} {there}"
        )
    found = (
        f"{claim} in {e['holds']} of {e['judged']} pairs of a precision and a reading of Eq. (7) in which our runs "
        f"identify the exponents, and in {_share(e['low'], e['high'])} of the bootstrap draws; the two models that "
        f"stand most clearly against it do so in {_share(e['against_low'], e['against_high'])} of them.{without}"
    )
    if e["readings"] < READINGS:
        return "open", f"{found} This is one reading of the law, and the table does not state its own. {there}"
    if e["low"] >= SURE:
        return "reproduced", f"{found} {there}"
    if e["against_low"] >= WRONG:
        return "contradicted", f"{found} {there}"
    if e["high"] >= SURE and e["against_high"] >= WRONG:
        return "not-reproducible", (
            f"{found} Whether it holds depends on the p that is held, which the table does not state. {there}"
        )
    return "open", f"{found} The noise of single runs leaves the order undecided. {there}"


@rule(
    "table-4",
    decides="With two readings or more: reproduced if nearly all draws are ordered as it says, contradicted if two "
    "models clearly are not; by the reading, or open.",
    shows=_ORDER,
    missing=dict.fromkeys(("low", "high", "against_low", "against_high"), NO_ROWS) | {"absent": ROWS_MISSING},
    would_change=_ORDER_CHANGE,
)
def table_4(e: Evidence) -> Judgement:
    printed = (
        f"In the printed table the order is perfect in both precisions (weakest correlation {e['printed']:+.2f}); all "
        f"w1 and w2 are said to be positive, and the successor prints one of {e['least']:.3f}."
    )
    return _order(e, "The order is that of the claim", printed)


@rule(
    "p-law-table-4",
    decides="With two readings or more: reproduced if w1 and w2 are ordered as HR@10 in nearly all draws, contradicted "
    "if two models clearly are not; else open.",
    shows=_ORDER,
    missing=dict.fromkeys(("low", "high", "against_low", "against_high"), NO_ROWS) | {"absent": ROWS_MISSING},
    would_change=_ORDER_CHANGE,
)
def successor_table_4(e: Evidence) -> Judgement:
    printed = (
        f"In the printed table w1 and w2 are ordered as HR@10 (weakest correlation {e['printed']:+.2f}); one "
        f"of them, {e['least']:.3f}, is negative."
        if e["least"] < 0
        else f"In the printed table w1 and w2 are ordered as HR@10 (weakest correlation {e['printed']:+.2f}), "
        f"the least of them {e['least']:.3f}."
    )
    return _order(e, "The order is that of the claim", printed)


@rule(
    "standard-transformers",
    decides="Contradicted if Eq. (7) misses runs beyond their noise; open if no grid can tell it from other sums; "
    "reproduced if it mostly leads two rivals; else weaker.",
    shows={
        "models": "models other than HSTU with three depths and widths or more, of {asked}",
        "fits": "fits that can be tested against repeats",
        "r2": "least R² of Eq. (7)",
        "p": "least p of the residuals against the noise of repeats",
        "telling": "fits whose sizes are enough to tell it from any sum of a term in depth and one in width",
        "ahead": "of these, fits in which it has a lower AICc than a plane and than a log-quadratic",
    },
    missing={"r2": NO_ROWS, "p": NO_ROWS},
    would_change={
        "reproduced": "Sizes at which the residuals of the law exceed the noise of repeats would contradict it.",
        "weaker-than-claimed": "Runs over more depths and widths, on which it leads the rivals, would reproduce it.",
        "contradicted": "Runs with other settings for each size whose residuals are within the noise would change it.",
        "open": "Runs of LLaMA and SASRec over four depths and four widths or more, with repeats, would decide it.",
    },
)
def standard_transformers(e: Evidence) -> Judgement:
    if e["models"] < e["asked"] or not e["fits"]:
        return "open", (
            f"Of the {e['asked']} models other than HSTU, {e['models']} were trained at three depths and three widths "
            f"or more, and {e['fits']} such fits can be tested against repeats."
        )
    fit = (
        f"Eq. (7) with its p fitted has an R² of {e['r2']:.3f} or more in {e['fits']} fits of {e['models']} models, "
        f"and the least p of its residuals against the noise of repeats is {e['p']:.2g}"
    )
    if e["p"] * e["fits"] < LEVEL:
        return "contradicted", f"{fit}: it misses runs by more than repeats differ."
    if not e["telling"]:
        return "open", (
            f"{fit}. But on these sizes Eq. (7) can be any sum of a term in depth and one in width, so this tests such "
            "sums and not the law."
        )
    ahead = f"{fit}. It leads a plane and a log-quadratic by AICc in {e['ahead']} of the {e['telling']} that can tell"
    if e["ahead"] > e["telling"] / 2:
        return "reproduced", f"{ahead}."
    return "weaker-than-claimed", f"{ahead}: it applies as any smooth sum of a term in depth and one in width does."


_PARTS = ("silu", "bias", "standard")


@rule(
    "silu-and-bias",
    decides="Reproduced if HSTU loses NDCG@10 without either part, the 95% interval above 0; weaker for one part; "
    "contradicted if none helps and one hurts; else open.",
    shows={
        "silu": "NDCG@10 that HSTU loses with softmax attention",
        "silu_low": "low end of its {level} interval",
        "silu_high": "high end of its {level} interval",
        "bias": "NDCG@10 that it loses without the bias",
        "bias_low": "low end of that {level} interval",
        "bias_high": "high end of that {level} interval",
        "standard": "NDCG@10 that it loses with softmax attention and rotary positions in place of both",
        "standard_low": "low end of this {level} interval",
        "standard_high": "high end of this {level} interval",
        "seeds": "seeds of each",
    },
    missing=dict.fromkeys((f"{part}{end}" for part in _PARTS for end in ("", "_low", "_high")), NO_ROWS),
    would_change={
        "reproduced": "Another data set or size at which a part gains nothing would make it weaker.",
        "weaker-than-claimed": "More seeds in which the other part gains too would reproduce it.",
        "contradicted": "Another data set or size at which both parts gain would change it.",
        "open": "Runs of HSTU with and without each part, with so many seeds that the intervals exclude 0, would "
        "decide it.",
    },
)
def silu_and_bias(e: Evidence) -> Judgement:
    if e["silu"] is None or e["bias"] is None:
        return "open", (
            "HSTU was not trained with two seeds or more both with and without each part, and an interval takes two; "
            f"of the parts that can be compared there are {e['seeds']} seeds."
        )
    each = (
        f"On MovieLens-100K, at one size and with {e['seeds']} seeds, SiLU attention in place of softmax changes "
        f"NDCG@10 of HSTU by {e['silu']:+.4f} ({e['level']:.0%} interval {e['silu_low']:+.4f} to "
        f"{e['silu_high']:+.4f}), and the bias by {e['bias']:+.4f} ({e['bias_low']:+.4f} to {e['bias_high']:+.4f})"
    )
    if e["standard"] is not None:
        each += (
            f"; both, in place of softmax attention and rotary positions, by {e['standard']:+.4f} "
            f"({e['standard_low']:+.4f} to {e['standard_high']:+.4f})"
        )
    each += ". The intervals hold together for all parts that were tried"
    gains = [e["silu_low"] > 0, e["bias_low"] > 0]
    hurts = [e["silu_high"] < 0, e["bias_high"] < 0]
    if all(gains):
        return "reproduced", f"{each}. Each part improves the model."
    if any(gains):
        part, other = ("SiLU", "the bias") if gains[0] else ("the bias", "SiLU")
        less = "makes it worse" if any(hurts) else "is not seen to do so"
        return "weaker-than-claimed", f"{each}. Of the two, {part} improves the model, and {other} {less}."
    if any(hurts):
        return "contradicted", f"{each}. Neither part improves the model, and one makes it worse."
    return "open", f"{each}. Taken alone, neither effect is clear of the noise."


@rule(
    "new-frontiers-backbones",
    decides="Reproduced if slopes in log depth differ, whichever model is left out, in a metric in which one gains; "
    "weaker if none gains in it; else open.",
    shows={
        "models": "models with runs over depth and seeds",
        "seeds": "seeds of each at every depth of its slope, at least",
        "rising": "models whose NDCG@10 rises with depth, 95% interval above 0",
        "falling": "models whose test loss falls with depth, 95% interval below 0",
        "steepest": "steepest",
        "greatest": "its slope, NDCG@10 a doubling of depth",
        "flattest": "flattest",
        "least": "its slope in NDCG@10",
        "p": "p that the slopes of NDCG@10 are alike",
        "without": "greatest such p, one model left out",
        "p_loss": "p that the slopes of the test loss are alike",
        "without_loss": "greatest p of the loss, one model left out",
    },
    missing=dict.fromkeys(
        ("steepest", "greatest", "flattest", "least", "p", "p_loss", "without", "without_loss"), NO_ROWS
    ),
    would_change={
        "reproduced": "Slopes that agree once each model has settings of its own at each depth would change it.",
        "weaker-than-claimed": "Runs on more data, in which deeper models gain, would reproduce it.",
        "open": "Runs of the four models over depth with more seeds would decide it.",
    },
)
def backbones(e: Evidence) -> Judgement:
    if e["models"] < 3 or e["without"] is None or e["without_loss"] is None:
        return "open", (
            f"There are {e['models']} models with runs over depth. A comparison in which each may be left out takes "
            "three, with more runs than their lines have coefficients."
        )
    slopes = (
        f"On MovieLens-100K {e['models']} models were trained over depth, each with {e['seeds']} seeds or more at the "
        f"depths of its slope. {e['steepest']} gains {e['greatest']:+.4f} of NDCG@10 a doubling of depth, and "
        f"{e['flattest']} {e['least']:+.4f}. Models that gain beyond the noise: {e['rising']} in NDCG@10, "
        f"{e['falling']} in the test loss. That the slopes are alike has p = {e['p']:.2g} in NDCG@10 and "
        f"{e['p_loss']:.2g} in the test loss; whichever model is left out, at most {e['without']:.2g} and "
        f"{e['without_loss']:.2g}"
    )
    apart = {
        "NDCG@10": (e["without"] * 2 < LEVEL, e["rising"]),
        "the test loss": (e["without_loss"] * 2 < LEVEL, e["falling"]),
    }
    names = [name for name, (differ, _) in apart.items() if differ]
    if not names:
        return "open", f"{slopes}: no difference is seen that does not rest on one model."
    said = f"{slopes}. They differ in {' and in '.join(names)}"
    if not any(gains for differ, gains in apart.values() if differ):
        return "weaker-than-claimed", f"{said}, but none gains there from depth."
    return "reproduced", f"{said}. All models have the settings of one of them."
