"""Chapter 3: Lemmas 3.2 and 3.4, Theorems 3.3 and 3.5, and ApEn against duplication."""

import math

from srlaw.rules.rule import Evidence, Judgement, rule

# Two independent routes to a boundary: root finding stops at about 1e-9, a wrong formula is off by far more.
BOUNDARY = 1e-6
# Two routes to a number that both compute to rounding; a sum of a million logarithms loses a few digits more.
EQUAL = 1e-9
VOLUME = 1e-6
# Stirling's error is 1/(6n) to first order, and the constant of (26) a limit in n: what the next order leaves.
STIRLING = 1e-3
LIMIT = 1e-5
# If no transition is more probable than this, the entropy rate is at least √ln 2.
P_MAX = math.exp(-math.sqrt(math.log(2)))


@rule(
    "lemma-3.2",
    shows={
        "pairs": "pairs of probability vectors",
        "satisfied": "share that satisfies (10)",
        "pinsker": "share on or above Pinsker's bound",
        "below_one": "share with Σ y < 1, as Kraft's inequality needs",
        "cut": "share with the sums cut off at q = n/2",
    },
    would_change={
        "reproduced": "A pair of probability vectors with a negative gap beyond rounding would contradict the lemma; "
        "if q is meant to be less than n, it is false.",
        "contradicted": "An error in the pairs that break it, so that they are no probability vectors, would make it "
        "reproduced.",
    },
)
def lemma_3_2(e: Evidence) -> Judgement:
    if e["satisfied"] == 1:
        return "reproduced", (
            f"No pair of {e['pairs']:,} pairs of probability vectors breaks the inequality, and {e['pinsker']:.0%} of "
            "them lie on or above Pinsker's bound, which is zero only at y = x. The slips are in the statement's "
            f"indices and the proof's first line: with the sums cut off half-way (10) is true for {e['cut']:.0%} of "
            "the pairs."
        )
    return "contradicted", (
        f"Only a share of {e['satisfied']:.6g} of {e['pairs']:,} pairs of probability vectors satisfies the "
        "inequality, and the lemma says that all of them do."
    )


@rule(
    "theorem-3.3",
    shows={
        "boundary": "boundary found for long histories, nats",
        "root": "√ln 2",
        "chains": "random chains",
        "chains_satisfy": "share of them that satisfies (12), n = {length}",
        "off_formula": "boundary found, off the closed form by less than",
        "one_sided": "boundaries that only one of root finding and closed form has",
        "listed": "cases with all sequences listed",
        "listed_agree": "share of them on the side of the closed form",
        "agree": "all cases on that side (an identity)",
        "fails_printed": "share listed that fails, ApEn in nats and code in bits",
        "fails_bits": "share listed that fails, both in bits",
        "fails_nats": "share listed that fails, both in nats",
        "code_off": "real code off the entropy, at most",
        "coded_fail": "sequences coded for real that break (12), of {coded}",
        "huffman_fails": "short histories whose Huffman code breaks (12)",
        "impossible": "rows of Table 2 with a bound above what any log needs",
        "known": "rows with known items",
        "meets_17": "rows of Table 2 that satisfy (17)",
    },
    would_change={
        "contradicted": f"The hypothesis h ≥ √ln 2 (for instance every transition probability at most {P_MAX:.3f}) "
        "would repair it: with it (12) is true at every length. Without it, |U|·L(C) ≥ tokens·h/ln 2 is.",
        "reproduced-with-correction": "Failures in every choice of units, by a real code too, exactly where the closed "
        "form puts them would contradict it; a choice of units without a failure in any case would reproduce it.",
        "reproduced": "An ergodic stationary first-order chain that breaks (12) would contradict it.",
    },
)
def theorem_3_3(e: Evidence) -> Judgement:
    fails = (e["fails_printed"], e["fails_bits"], e["fails_nats"])
    really = e["coded_fail"] > 0 and e["huffman_fails"] > 0
    exactly = e["off_formula"] < BOUNDARY and e["one_sided"] == 0 and e["listed_agree"] == 1
    seen = (
        f"Of {e['listed']:,} cases whose sequences were all listed, {e['fails_printed']:.0%} break (12) with ApEn in "
        f"nats and the code in bits, {e['fails_bits']:.0%} with both in bits, {e['fails_nats']:.0%} with both in "
        f"nats; of the real codes {e['coded_fail']} of {e['coded']} long sequences and {e['huffman_fails']:.0%} of "
        "the short histories do."
    )
    if min(fails) > 0 and really and exactly:
        return "contradicted", (
            "Ergodic stationary first-order chains break (12) whenever their entropy rate is below a boundary near "
            f"√ln 2; for long histories it was found at {e['boundary']:.4f} nats. {seen} The proof fails at (19) and "
            f"at the second inequality of (21); the paper's remark after (15), read as every p_xy ≤ {P_MAX:.3f}, "
            f"would repair it but is not in the theorem. Of the {e['known']} rows of Table 2 whose number of items "
            f"is known, {e['impossible']} have a bound above what any log needs."
        )
    if max(fails) == 0 and not really:
        return "reproduced", f"The theorem holds where it was tried, at least by one of the two codes. {seen}"
    return "reproduced-with-correction", (
        f"The theorem fails somewhere, but not in every choice of units, not with both real codes, or not just where "
        f"the closed form says. {seen} The condition under which it holds is the correction."
    )


READINGS = {"apen": "mean |ApEn|", "apen_signed": "signed", "apen_pooled": "pooled"}
BODIES = ("synthetic", "ml-1m", "long")
RISES_THROUGHOUT = (
    "A definition of the duplication rate under which ApEn, averaged as in Table 2, rises with it throughout would "
    "make it reproduced; a rise or fall of up to 5% counts as neither."
)
FALLS_SOMEWHERE = (
    "A kind of repeat under which every reading of ApEn falls by more than 5% somewhere would contradict it."
)


@rule(
    "apen-duplication",
    shows={
        "cases": "bodies of data × kinds of repeats within histories",
        **{name: f"{label}: only rises, only falls, both" for name, label in READINGS.items()},
        "shannon_falls": "Shannon entropy per user falls in",
        **{
            f"{kind} again, {body}": f"{kind} again, change of |ApEn| at {{share, {body}:.0%}}, {body}"
            for body in BODIES
            for kind in ("items", "blocks")
        },
        "lowest": "items again, least change of |ApEn| on the way, ml-1m",
        "copied": "users copied, greatest change of |ApEn|, ml-1m",
        "packed": "zlib's bytes, blocks at {packed_share:.0%} over none",
    },
    would_change={
        "reproduced": FALLS_SOMEWHERE,
        "reproduced-with-correction": FALLS_SOMEWHERE,
        "contradicted": RISES_THROUGHOUT,
        "open": RISES_THROUGHOUT,
    },
)
def apen_duplication(e: Evidence) -> Judgement:
    """Each reading of ApEn comes as three counts of cases: only rises, only falls, does both."""
    rises, falls, both = e["apen"]
    counts = (
        f"As more repeats are planted, the mean |ApEn| only rises in {rises} of {e['cases']} cases, only falls in "
        f"{falls} and does both in {both}."
    )
    if rises == e["cases"]:
        return "reproduced", f"ApEn rises with every kind of repeat in every body of data. {counts}"
    always = [READINGS[name] for name in READINGS if e[name][0] == e["cases"]]
    if always:
        return "reproduced-with-correction", (
            f"{counts} The {' and the '.join(always)} value rises in all of them; to read ApEn so is the correction."
        )
    if all(sum(e[name][1:]) > 0 for name in READINGS):
        return "contradicted", (
            f"Which way ApEn moves depends on the kind of repeat. {counts} On MovieLens-1M blocks repeated in order "
            f"change |ApEn| by {e['blocks again, ml-1m']:+.0%} in the end; items inserted again at random change it "
            f"by {e['lowest']:+.0%} on the way and by {e['items again, ml-1m']:+.0%} in the end. A measure whose "
            "sign depends on how duplicates are made measures no duplication rate, and 1/ApEn no quality of the data."
        )
    return "open", f"{counts} No reading of ApEn rises in all of them, but some reading never falls."


def parts_of_the_ball(
    routes: float, stirling_error: float, n: int, k_ratio: float, least: float, between: bool
) -> dict[str, bool]:
    """The parts of Lemma 3.4 that can be checked: which of them are right.

    Args:
        routes: greatest difference of two routes to ln V.
        stirling_error: Stirling's ln V minus the exact one, in n dimensions.
        n: those dimensions.
        k_ratio: the constant of (26) as computed over √(e/2).
        least: the least value found of log Z + 1/Z.
        between: whether Z of d separate patterns lies between the ends of (23) in every dimension tried.
    """
    return {
        "two routes to the volume": routes < VOLUME,
        "Stirling's form": abs(6 * n * stirling_error - 1) < STIRLING,
        "k": abs(k_ratio - 1) < LIMIT,
        "min log Z + 1/Z is 1": abs(least - 1) < EQUAL,
        "(23) for d separate patterns": between,
    }


@rule(
    "lemma-3.4",
    shows={
        "undefined": "symbols that this paper does not define",
        "parts": "parts checked",
        "right": "parts that are right",
        "least": "least value of log Z + 1/Z",
        "at": "at Z",
        "c_below": "“1 < Loss” for all Z and l needs c below",
        "routes": "ln V, two routes differ by less than",
        "stirling": "Stirling's error at n = {n}",
        "k": "k of (26)",
        "above_low": "ln Z of d separate patterns above the lower end of (23), n = {n}",
    },
    would_change={
        "open": "The derivation of (22), or l, c and Z_t of a trained model, so that Z_t and its loss can be "
        "measured side by side, would decide it. An error in the volume, in k or in the interval would contradict it.",
        "contradicted": "A reading of the volume, of k or of the interval in which every part is right would make it "
        "open.",
    },
)
def lemma_3_4(e: Evidence) -> Judgement:
    quoted = "(22)–(23) are quoted from Niu et al., whose derivation has not been checked here."
    if e["right"] < e["parts"]:
        return "contradicted", (
            f"Only {e['right']} of the {e['parts']} parts that could be checked are right, among the volume, its "
            f"Stirling form, k, the minimum of log Z + 1/Z and the interval (23). {quoted}"
        )
    return "open", (
        f"{quoted} The {e['parts']} parts that could be checked are right: the volume, its Stirling form, k, the "
        f"minimum of log Z + 1/Z, which is {e['least']:.4g}, and (23) for the partition function of d separate "
        "patterns. “1 < Loss” then says only that c < log Z + 1/Z + log l + 1/l − 1, and this paper does not define "
        f"{e['undefined']}."
    )


@rule(
    "theorem-3.5",
    shows={
        "single": "true for each configuration by itself",
        "values": "values of Z tried",
        "pairs": "pairs of w and d tried, d fixed, Z at the lower end of (23)",
        "fail": "of them with a finite width beyond which (24) fails",
        "width": "that width, greatest",
        "kept": "share of Z ≤ U ≤ 1 with f(Z) ≤ f(U), as (26) has it",
        "predicted": "exponent of d_emb that (26) predicts",
        "w4_low": "least reported w4",
        "w4_high": "greatest reported w4",
        "r2_predicted": "median R² at w4 = −0.5",
        "r2_best": "median R² at the best w4",
    },
    missing={"width": "none found"},
    would_change={
        "contradicted": "An error in the construction of exponents for one configuration would change it.",
        "reproduced-with-correction": "A lower bound on Z_t that falls no faster than a power of d_emb would give "
        "exponents for all widths; a fitted w4 near −0.5 with w2 > 0 would then speak for it.",
        "reproduced": "A finite width beyond which (24) fails for each exponent tried would make the correction "
        "necessary that the exponents depend on the configuration.",
    },
)
def theorem_3_5(e: Evidence) -> Judgement:
    if not e["single"]:
        return "contradicted", (
            f"Among {e['values']:,} values of Z there are some for which the exponents built for them do not satisfy "
            "(24)."
        )
    if e["fail"] == e["pairs"]:
        return "reproduced-with-correction", (
            "The correction is “the exponents may depend on the configuration”. So read it is true, and empty: all "
            f"{e['values']:,} values of Z tried satisfy it, and any Z > 0 does. One set of exponents for all widths, "
            "which is what Eq. (7) would need, does not follow from (23) for d that does not grow with d_emb: all "
            f"{e['fail']} pairs of w and d tried fail beyond some width. The proof of the right half uses an "
            f"inequality that is true in {e['kept']:.0%} of the places where Z ≤ U ≤ 1."
        )
    return "reproduced", (
        f"For each of {e['values']:,} values of Z there are exponents that satisfy (24), and of {e['pairs']} pairs "
        f"of w and d only {e['fail']} fail beyond some width."
    )
