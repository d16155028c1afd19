"""Chapters 3 and 3a: Lemma 3.2, Theorem 3.3, and ApEn against duplication."""

import math

from srlaw.rules.rule import Evidence, Judgement, rule

# Two independent routes to a boundary: root finding stops at about 1e-9, a wrong formula is off by far more.
BOUNDARY = 1e-6
# If no transition is more probable than this, the entropy rate is at least √ln 2.
P_MAX = math.exp(-math.sqrt(math.log(2)))
# One rule for all statements that lack a hypothesis. False in a sizeable part of their hypotheses: contradicted; false
# only in an exceptional part: reproduced, with the hypothesis as the correction. A part is sizeable from this share of
# random chains on; what no random chain would ever be, such as reducible, is exceptional.
SIZEABLE = 0.05
# The remark after (15), whole.
REMARK = (
    "it is necessary to ensure that p(s_i) and p_xy are minimal, which is more easily satisfied in recommendations "
    "with a large recommendation item vocabulary"
)


@rule(
    "lemma-3.2",
    decides="Reproduced if no pair of probability vectors breaks the inequality; else contradicted.",
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
    decides="Contradicted if a sizeable part of chains break it in every unit, by real codes too, just where a "
    "closed form says; reproduced if none does.",
    shows={
        "boundary": "entropy rate below which long histories break (12), nats: as printed, both in bits, both in nats",
        "root": "√ln 2, ln 2 and 1",
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
        "minimal": "share that satisfies (12), n = {length}, of {minimal_cases:,} with every p_xy ≤ e^(−√ln 2)",
        "chance": "jump probability below which a cycle of {vocabulary:,} items breaks (12)",
    },
    missing={"minimal": "no such chain drawn"},
    would_change={
        "contradicted": f"The hypothesis h ≥ √ln 2 (for instance every transition probability at most {P_MAX:.3f}) "
        "would repair it as printed: with it (12) is true at every length; with both sides in bits it takes h ≥ ln 2, "
        "with both in nats h ≥ 1. Without a hypothesis, |U|·L(C) ≥ tokens·h/ln 2 is true.",
        "reproduced-with-correction": f"Failures in at least {SIZEABLE:.0%} of the listed cases in every choice of "
        "units, by a real code too, exactly where the closed form puts them would contradict it; no failure in any "
        "unit would reproduce it.",
        "reproduced": "An ergodic stationary first-order chain that breaks (12) would contradict it.",
    },
)
def theorem_3_3(e: Evidence) -> Judgement:
    fails = (e["fails_printed"], e["fails_bits"], e["fails_nats"])
    really = e["coded_fail"] > 0 and e["huffman_fails"] > 0
    exactly = e["off_formula"] < BOUNDARY and e["one_sided"] == 0 and e["listed_agree"] == 1
    seen = (
        f"Of {e['listed']:,} cases whose sequences were all listed, {e['fails_printed']:.0%}, {e['fails_bits']:.0%} "
        f"and {e['fails_nats']:.0%} break (12) in the three choices of units. Of the real codes {e['coded_fail']} of "
        f"{e['coded']} long sequences and {e['huffman_fails']:.0%} of the short histories do."
    )
    drawn = ""
    if e["minimal"] is not None:
        drawn = f": (12) is true for {e['minimal']:.0%} of the {e['minimal_cases']:,} random chains that meet it"
    if min(fails) >= SIZEABLE and really and exactly:
        return "contradicted", (
            "Ergodic stationary first-order chains break (12) whenever their entropy rate is below a boundary. "
            f"For long histories it was found at {e['boundary'][0]:.3f} nats with ApEn in nats and the code in bits, "
            f"as printed, at {e['boundary'][1]:.3f} with both in bits, and at {e['boundary'][2]:.3f} with both in "
            f"nats. Short histories have lower ones. {seen} The proof fails at (19) and at the second inequality of "
            f"(21). After (15) it says: “{REMARK}”. Read as every p_xy ≤ {P_MAX:.3f} this is enough{drawn}. But the "
            "theorem does not state it, and “minimal” has no number. A large vocabulary does not bring it: a cycle of "
            f"{e['vocabulary']:,} items breaks (12) if it jumps with probability below {e['chance']:.3f}. Of the "
            f"{e['known']} rows of Table 2 whose number of items is known, {e['impossible']} have a bound above what "
            "any log needs."
        )
    if max(fails) == 0 and not really:
        return "reproduced", f"The theorem holds where it was tried, at least by one of the two codes. {seen}"
    return "reproduced-with-correction", (
        "The theorem fails somewhere, but only in an exceptional part of the cases, not in every choice of units, "
        "not with both real codes, or not just where "
        f"the closed form says. {seen} The condition under which it holds is the correction."
    )


READINGS = {"apen": "mean |ApEn|", "apen_signed": "signed", "apen_pooled": "pooled"}
BODIES = ("synthetic", "ml-1m", "long")
FALLS_SOMEWHERE = "A kind of repeat under which ApEn, in the reading that rises, falls would make it weaker."


@rule(
    "apen-duplication",
    decides="Reproduced if |ApEn| rises with repeats, in logs and planted; with a correction if the signed value "
    "does; weaker if either in logs; contradicted if both fall.",
    shows={
        "logs": "logs with real repeats",
        "real_apen": "Spearman of a user's repeats and |ApEn|, least and greatest of {logs} logs",
        "alike_apen": "of repeats and |ApEn|, users of equal length",
        "real_signed": "of repeats and the signed value",
        "alike_signed": "of repeats and the signed value, users of equal length",
        "real_shannon": "of repeats and Shannon entropy",
        "cases": "bodies of data × kinds of repeats planted within histories",
        **{
            f"planted_{name}": f"{label}: least and greatest Spearman with the share planted"
            for name, label in READINGS.items()
        },
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
        "weaker-than-claimed": "A definition of the duplication rate under which the signed value rises also when "
        "repeats are planted would make it reproduced with a correction, and |ApEn| rising there and in the logs would "
        "reproduce it; logs in which both fall where users repeat more would contradict it.",
        "contradicted": "Logs with repeats in which users who repeat more have the greater ApEn, in either reading, "
        "would make it weaker than claimed.",
        "open": "Logs that agree on the sign of the signed value or of |ApEn| would decide it.",
    },
)
def apen_duplication(e: Evidence) -> Judgement:
    """Correlations come as the least and the greatest; each reading also as counts: only rises, only falls, both.

    `real_` is over the users of logs with repeats of their own, `planted_` over the share of repeats planted.
    """
    rises, falls, both = e["apen"]
    logs = (
        f"Over the users of {e['logs']} logs with real repeats, Spearman's correlation of the share of repeats and "
        f"|ApEn|, which Table 2 averages, is {e['real_apen'][0]:+.2f} to {e['real_apen'][1]:+.2f}. With the "
        f"signed value of Eq. (6) it is {e['real_signed'][0]:+.2f} to {e['real_signed'][1]:+.2f}."
    )
    counts = (
        f"As more repeats are planted, the mean |ApEn| only rises in {rises} of {e['cases']} cases, only falls in "
        f"{falls}, and does both in {both}. Its correlation with their share is {e['planted_apen'][0]:+.2f} to "
        f"{e['planted_apen'][1]:+.2f}."
    )
    if e["real_apen"][0] > 0 and e["planted_apen"][0] > 0:
        return "reproduced", f"ApEn goes up with duplication wherever it was looked for. {logs} {counts}"
    if e["real_signed"][0] > 0 and e["planted_apen_signed"][0] > 0:
        return "reproduced-with-correction", (
            f"{logs} {counts} The signed value goes up with duplication in every case; to read ApEn so is the "
            "correction."
        )
    depends = all(e[f"planted_{name}"][0] < 0 < e[f"planted_{name}"][1] for name in READINGS)
    either_way = (
        f"{e['planted_apen_signed'][0]:+.2f} to {e['planted_apen_signed'][1]:+.2f}, {e['planted_apen_pooled'][0]:+.2f} "
        f"to {e['planted_apen_pooled'][1]:+.2f}"
    )
    if max(e["real_apen"][0], e["real_signed"][0]) > 0:
        signed = e["real_signed"][0] > 0
        name = "the signed value, by which (6) defines ApEn," if signed else "|ApEn|"
        alike = e["alike_signed"] if signed else e["alike_apen"]
        return "weaker-than-claimed", (
            f"{logs} {counts} For the signed and the pooled value it is {either_way}. So the correlation is positive "
            f"for {name} and for the repeats that these logs have (users of equal length: {alike[0]:+.2f} to "
            f"{alike[1]:+.2f}). It is not positive for "
            f"{'|ApEn|, nor for ' if signed and e['real_apen'][0] <= 0 else ''}every kind of repeat. The paper says "
            f"that Shannon entropy goes the other way: it gives {e['real_shannon'][0]:+.2f} to "
            f"{e['real_shannon'][1]:+.2f}."
        )
    if depends and e["real_apen"][1] <= 0 and e["real_signed"][1] <= 0:
        return "contradicted", (
            f"{logs} {counts} The signed and the pooled value go either way too ({either_way}). So ApEn is lower, not "
            "higher, where users repeat more, in both readings, and the sign of every reading depends on how "
            "duplicates are made; 1/ApEn is no measure of the quality of the data."
        )
    return "open", f"{logs} {counts} No reading has one sign in all of these logs and kinds of repeat."
