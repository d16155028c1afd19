"""Chapter 2: the data columns of Tables 1 and 2."""

from srlaw.rules.rule import Evidence, Judgement, rule

# The ApEn behind a printed ratio has four digits; a gap of a thousandth is more than their rounding.
PRINTED_DIGITS = 1e-3


def tokens(e: Evidence) -> str:
    """The word on the token column of MovieLens-1M, the only one that is recounted."""
    if e["printed"] == e["rows"]:
        return "reproduced"
    return "reproduced-with-correction" if e["swapped"] == e["rows"] else "contradicted"


@rule(
    "table-1-data",
    shows={
        "printed": "MovieLens-1M rows whose printed tokens are right, of {rows}",
        "swapped": "printed tokens right after the swap, of {rows}",
        "movielens": "spread of implied users, MovieLens-1M, printed",
        "movielens_swapped": "after the swap",
        "kuairand": "spread of implied users, KuaiRand-pure, printed",
        "kuairand_swapped": "KuaiRand-pure, after the swap",
        "amazon": "spread, Amazon Books",
        "apen_off": "ApEn behind ApEn/T, MovieLens-1M: largest relative gap to the closed form",
        "ratio": "ApEn/T at s_max 200, printed",
        "ratio_right": "with the right tokens",
    },
    would_change={
        "reproduced": "Official files of MovieLens-1M with other totals would make it contradicted.",
        "reproduced-with-correction": "Official files in which MovieLens-1M at s_max 100, 150 and 200 has the printed "
        "totals would make it reproduced.",
        "contradicted": "Official files in which MovieLens-1M at s_max 100, 150 and 200 has the printed totals would "
        "make it reproduced.",
    },
)
def table_1_data(e: Evidence) -> Judgement:
    rest = "The rows of KuaiRand, Amazon and Huawei are not recounted here."
    word = tokens(e)
    if word == "reproduced":
        return word, (
            f"The printed token counts of MovieLens-1M are right to the last digit in {e['printed']} of {e['rows']} "
            f"rows, and the numbers of users that they imply differ by {e['movielens']:.2%}. {rest}"
        )
    if word == "reproduced-with-correction":
        return word, (
            f"The token columns of KuaiRand-pure and MovieLens-1M are exchanged: {e['swapped']} of {e['rows']} "
            "MovieLens counts stand, to the last digit, in the other data set's rows, which excludes rounding and "
            f"single typos. KuaiRand's implied users still vary by {e['kuairand_swapped']:.1%} after the swap. {rest}"
        )
    return word, (
        f"Of the {e['rows']} token counts of MovieLens-1M {e['printed']} are right as printed, and {e['swapped']} are "
        f"right if the columns are exchanged with KuaiRand-pure, so the swap does not explain them. {rest}"
    )


@rule(
    "table-2-data",
    shows={
        "printed": "MovieLens-1M rows whose printed tokens are right, of {rows}",
        "swapped": "MovieLens-1M tokens right after the swap, of {rows}",
        "apen_off": "largest relative gap of ApEn to the closed form of lengths",
        "cut": "printed ApEn is the closed form cut after five decimals, of {rows}",
        "quality": "tokens/ApEn at s_max 200, printed",
        "quality_right": "tokens/ApEn at s_max 200, right tokens",
        "shuffling": "mean |ApEn| of repeat-free histories: change by shuffling",
    },
    missing={"shuffling": "undefined: no user has more than m different items"},
    would_change=dict.fromkeys(
        ("reproduced", "reproduced-with-correction"),
        "A data set without repeats whose mean |ApEn| differs from the closed form, or changes when histories are "
        "shuffled, would overturn the reading of ApEn; other totals in the official files would make it contradicted.",
    )
    | {
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
            f"; shuffling repeat-free histories changes it by {e['shuffling']:.1g}, so it does not measure regularity."
        )
    if word == "reproduced":
        return word, f"The MovieLens-1M rows follow, {e['printed']} of {e['rows']} with the tokens as printed. {apen}"
    return word, (
        f"With the tokens put right, {e['swapped']} of {e['rows']} MovieLens-1M rows follow, and their tokens/ApEn "
        f"change by the same factor: at s_max 200 from {e['quality']:,.0f} to {e['quality_right']:,.0f}. {apen}"
    )
