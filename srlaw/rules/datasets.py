"""Chapter 2: the data columns of Tables 1 and 2.

The exchange of two token columns is a correction: with it, all that can be recounted is right. What no stated
correction repairs makes the tables weaker than claimed: they hold for the data sets that can be recounted.
"""

from srlaw.rules.rule import Evidence, Judgement, rule

# The ApEn behind a printed ratio has four digits; a gap of a thousandth is more than their rounding.
PRINTED_DIGITS = 1e-3


# Amazon's ApEn at s_max 50, as Table 2 prints it.
AMAZON_APEN = 0.010
# Mean lengths have four digits, so the users that tokens over mean length imply may differ by that much and no more.
SAME_USERS = 1e-3


def unrepaired(e: Evidence) -> list[str]:
    """What the exchange of the token columns leaves standing, each in sentences."""
    found = []
    if e["amazon_factor"] > 1 + PRINTED_DIGITS:
        found.append(
            f"Amazon's ApEn is {e['amazon_factor']:.1f} times below the least mean that histories without repeats can "
            f"have at its mean length, and {e['amazon_like']:.0f} times below that of two other logs of the shop. The "
            f"printed value would need a repeat in at least {e['amazon_repeating']:.0%} of its histories."
        )
    if e["kuairand_swapped"] > SAME_USERS:
        found.append(
            f"The numbers of users that KuaiRand's tokens and mean lengths imply differ by {e['kuairand_swapped']:.1%} "
            "between its rows."
        )
    return found


def tokens(e: Evidence) -> str:
    """The word on the token column of MovieLens-1M, the only one that is recounted."""
    if e["printed"] == e["rows"]:
        return "reproduced"
    return "reproduced-with-correction" if e["swapped"] == e["rows"] else "contradicted"


@rule(
    "table-1-data",
    decides="Contradicted unless the token counts are right, printed or exchanged; weaker if anything is left "
    "that no exchange repairs.",
    shows={
        "printed": "MovieLens-1M rows whose printed tokens are right, of {rows}",
        "swapped": "printed tokens right after the swap, of {rows}",
        "movielens": "spread of implied users, MovieLens-1M, printed",
        "movielens_swapped": "after the swap",
        "kuairand": "spread of implied users, KuaiRand-pure, printed",
        "kuairand_swapped": "KuaiRand-pure, after the swap",
        "amazon": "spread, Amazon Books",
        "amazon_factor": "Amazon's least possible ApEn without repeats over the printed one",
        "amazon_like": "the same of two logs of Amazon without repeats, least",
        "amazon_repeating": "histories of Amazon Books that would need a repeat, at least",
        "apen_off": "ApEn behind ApEn/T, MovieLens-1M: largest relative gap to the closed form",
        "ratio": "ApEn/T at s_max 200, printed",
        "ratio_right": "with the right tokens",
    },
    would_change={
        "reproduced": "Official files of MovieLens-1M with other totals would make it contradicted.",
        "weaker-than-claimed": "The log of Amazon Books and the cut of KuaiRand-pure that the authors used, with the "
        "printed ApEn/T and mean lengths, would leave the exchange of tokens as the only correction.",
        "reproduced-with-correction": "Official files in which MovieLens-1M at s_max 100, 150 and 200 has the printed "
        "totals would make it reproduced.",
        "contradicted": "Official files in which MovieLens-1M at s_max 100, 150 and 200 has the printed totals would "
        "make it reproduced.",
    },
)
def table_1_data(e: Evidence) -> Judgement:
    rest = "The rows of KuaiRand, Amazon and Huawei are not recounted here."
    word, left = tokens(e), unrepaired(e)
    if word != "contradicted" and left:
        right = f"Of {e['rows']} MovieLens-1M counts {max(e['printed'], e['swapped'])} are right to the last digit"
        how = "as printed" if word == "reproduced" else "once they are exchanged with KuaiRand-pure's"
        return "weaker-than-claimed", (
            f"{right} {how}. The ApEn/T in those rows follow from the lengths, to {e['apen_off']:.2%}. But no exchange "
            f"repairs the rest. {' '.join(left)} {rest}"
        )
    if word == "reproduced":
        return word, (
            f"The printed token counts of MovieLens-1M are right to the last digit in {e['printed']} of {e['rows']} "
            f"rows, and the numbers of users that they imply differ by {e['movielens']:.2%}. {rest}"
        )
    if word == "reproduced-with-correction":
        return word, (
            f"The token columns of KuaiRand-pure and MovieLens-1M are exchanged: {e['swapped']} of {e['rows']} "
            "MovieLens counts stand, to the last digit, in the other data set's rows, which excludes rounding and "
            f"single typos. With them, KuaiRand's implied users differ by {e['kuairand_swapped']:.2%}. {rest}"
        )
    return word, (
        f"Of the {e['rows']} token counts of MovieLens-1M {e['printed']} are right as printed, and {e['swapped']} are "
        f"right if the columns are exchanged with KuaiRand-pure, so the swap does not explain them. {rest}"
    )


@rule(
    "table-2-data",
    decides="Contradicted unless tokens and ApEn can be recounted, printed or exchanged; weaker if anything "
    "is left that no exchange repairs.",
    shows={
        "printed": "MovieLens-1M rows whose printed tokens are right, of {rows}",
        "swapped": "MovieLens-1M tokens right after the swap, of {rows}",
        "apen_off": "largest relative gap of ApEn to the closed form of lengths",
        "cut": "printed ApEn is the closed form cut after five decimals, of {rows}",
        "quality": "tokens/ApEn at s_max 200, printed",
        "quality_right": "tokens/ApEn at s_max 200, right tokens",
        "shuffling": "mean |ApEn| of repeat-free histories: change by shuffling",
        "amazon_factor": "Amazon's least possible ApEn without repeats over the printed one",
        "amazon_needed": "events in every history that the printed value needs",
        "amazon_like": "ApEn of two logs of Amazon without repeats over the printed one, least",
        "amazon_repeating": "histories of Amazon Books that would need a repeat, at least",
        "kuairand_swapped": "spread of implied users, KuaiRand-pure, after the swap",
        "implied_agree": "rows whose tokens over tokens/ApEn are the printed ApEn, of {table_rows}",
        "smallest": "data set with the fewest tokens: printed, after the swap",
        "least_data": "data set with the least tokens/ApEn, after the swap",
    },
    missing={"shuffling": "undefined: no user has more than m different items"},
    would_change=dict.fromkeys(
        ("reproduced", "reproduced-with-correction"),
        "A data set without repeats whose mean |ApEn| differs from the closed form, or changes when histories are "
        "shuffled, would overturn the reading of ApEn; other totals in the official files would make it contradicted.",
    )
    | {
        "weaker-than-claimed": "The log of Amazon Books that the authors used, with most users reviewing some book "
        f"twice and a mean |ApEn(2, 0)| of {AMAZON_APEN:.3f}, and a cut of KuaiRand-pure with the printed lengths, "
        "would leave the exchange of tokens as the only correction.",
        "contradicted": "Official files with the printed totals, and a definition of ApEn that gives the printed "
        "values, would make it reproduced.",
    },
)
def table_2_data(e: Evidence) -> Judgement:
    word = tokens(e)
    if word == "contradicted" or e["apen_off"] >= PRINTED_DIGITS:
        return "contradicted", (
            f"The MovieLens-1M rows do not follow from its lengths: {e['printed']} of {e['rows']} token counts are "
            f"right as printed, {e['swapped']} after the swap, and ApEn is up to {e['apen_off']:.2%} off the closed "
            "form."
        )
    apen = f"The ApEn in them is a function of history lengths alone, to {e['apen_off']:.2%}"
    if e["shuffling"] is None:
        apen += "."
    else:
        apen += (
            f". Shuffling histories without repeats changes it by {e['shuffling']:.1g}, so it measures no regularity."
        )
    left = unrepaired(e)
    if left:
        how = "as printed" if word == "reproduced" else "once the tokens are exchanged with KuaiRand-pure's"
        return "weaker-than-claimed", (
            f"The {e['rows']} MovieLens-1M rows follow {how}. {apen} But no exchange repairs the rest. "
            f"{' '.join(left)} In {e['implied_agree']} of {e['table_rows']} rows tokens over tokens/ApEn give the "
            "printed ApEn."
        )
    if word == "reproduced":
        return word, f"The MovieLens-1M rows follow, {e['printed']} of {e['rows']} with the tokens as printed. {apen}"
    return word, (
        f"With the tokens put right, {e['swapped']} of {e['rows']} MovieLens-1M rows follow, and their tokens/ApEn "
        f"change by the same factor: at s_max 200 from {e['quality']:,.0f} to {e['quality_right']:,.0f}. {apen}"
    )
