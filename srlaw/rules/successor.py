"""Chapter 12: P-Law, the paper's successor, by its own tables and the first paper's measurements."""

from srlaw.rules.rule import Evidence, Judgement, rule

# Half a unit of the last digit that Table 6 and Figure 3 print.
DIGIT = 0.00005
# A line explains nine tenths of the variance, as in chapter 7.
LINEAR = 0.9
# Two computations of one entropy on the same events, with ties in time broken in unknown ways.
NEAR = 0.01
# An R² less than this above a rival's is no lead: single runs of one seed scatter by more.
CLOSE = 0.01
# The margins that the text states, and half a unit of their last digit.
LEAST, GREATEST = 0.028, 3.45
LEAST_DIGIT, GREATEST_DIGIT = 0.0005, 0.005
# The difference of two runs has a standard deviation of 1.4 times that of one; twice is the least to be called clear.
CLEAR = 2
# An error that an R² gives, both rounded: three digits of R² near one leave about this much of the error open.
WITHIN = 0.01
MARKED_DEPTH, MARKED_WIDTH = 28, 54


@rule(
    "p-law-figure-3",
    decides="Contradicted if Table 3 does not give the R²; reproduced if it does with tokens in their rows; else "
    "by whether the line holds with the tokens put right.",
    shows={
        "off": "greatest distance of a printed R² from that of Table 3",
        "hr": "R² for HR@10 with the tokens put right",
        "ng": "for NDCG@10",
        "loss": "for the loss",
        "exchanged": "rows with another data set's tokens, of {rows}",
        "same": "rows of the loss column that the first paper prints alike, of {compared}",
        "first": "R² of the same line through the first paper's fits to the loss",
        "apen_first": "R² of ApEn/T through them",
        "apen": "R² of ApEn/T through the successor's",
    },
    would_change={
        "reproduced": "A row whose tokens belong to another data set would change it.",
        "reproduced-with-correction": "A line that explains less than nine tenths with the right tokens would make it "
        "weaker than claimed.",
        "weaker-than-claimed": "Data parameters refitted by a stated procedure, whose line through the right tokens "
        "explains nine tenths for all three targets, would reproduce it with a correction.",
        "contradicted": "A reading of Table 3 that gives the printed R² would change it.",
    },
)
def figure_3(e: Evidence) -> Judgement:
    if e["off"] > DIGIT:
        return "contradicted", (
            f"The printed R² differ from those of the printed Table 3 by up to {e['off']:.4f}, which is more than "
            "rounding allows."
        )
    if not e["exchanged"]:
        return "reproduced", (
            f"The three R² follow from the {e['rows']} rows of Table 3 to the printed digit, and all rows have their "
            "own tokens."
        )
    right = (
        f"The three R² follow from Table 3 as printed, to the digit. In {e['exchanged']} of its {e['rows']} rows the "
        "tokens are those of another data set; with them put right the line explains "
        f"{e['hr']:.2f} (HR@10), {e['ng']:.2f} (NDCG@10) and {e['loss']:.2f} (loss)."
    )
    if min(e["hr"], e["ng"], e["loss"]) >= LINEAR:
        return "reproduced-with-correction", right
    return "weaker-than-claimed", (
        f"{right} The column fitted to losses is that of the first paper in {e['same']} of {e['compared']} rows and "
        f"another in the rest: through the first paper's values the same line has R² {e['first']:.2f}, and ApEn over "
        f"tokens, which has {e['apen_first']:.2f} there, has {e['apen']:.2f} through the successor's."
    )


@rule(
    "p-law-real-entropy",
    decides="By the sign of the lead, tokens put right: reproduced or contradicted if it survives "
    "every reading and resampling; else not identified.",
    shows={
        "printed": "leads of tokens·S′ in R² with the tokens as printed, 1/D′: HR@10, NDCG@10, loss",
        "right": "with the tokens put right",
        "small": "the same, MovieLens-1M and KuaiRand-pure alone",
        "both": "with tokens and S′ both exchanged",
        "itself": "D′ itself, tokens put right",
        "ahead": "comparisons that tokens·S′ leads, of {comparisons} (forms, subsets, targets)",
        "low": "95% interval of the lead over resampled data sets, least end of three",
        "high": "greatest end of three",
        "printed_low": "the same with the tokens as printed, least end",
        "data_sets": "data sets",
    },
    would_change=dict.fromkeys(
        ("reproduced", "contradicted", "not-reproducible"),
        "More data sets of comparable size whose tokens are known, and data parameters fitted by a stated procedure, "
        "would settle the sign of the lead.",
    ),
)
def real_entropy(e: Evidence) -> Judgement:
    turned = (
        f"With the tokens put right tokens·S′ leads tokens alone in {e['ahead']} of {e['comparisons']} comparisons, "
        f"and over resampled data sets its lead in R² lies between {e['low']:+.2f} and {e['high']:+.2f}"
    )
    if e["ahead"] == e["comparisons"] and e["low"] > 0:
        return "reproduced", f"{turned}: the sign survives every reading of the table."
    if e["ahead"] == 0 and e["high"] < 0:
        return "contradicted", f"{turned}: the opposite sign survives every reading of the table."
    first, last = e["right"][0], e["right"][-1]
    return "not-reproducible", (
        f"{turned}. Regressed as the paper does the order turns round (leads of {first:+.2f} for HR@10 and {last:+.2f} "
        f"for the loss, where the printed tokens give {e['printed'][0]:+.2f} and {e['printed'][-1]:+.2f}), but the "
        f"sign depends on the reading: for D′ itself the lead is {e['itself'][0]:+.4f} for HR@10. The points of "
        f"{e['data_sets']} data sets do not identify which explains more."
    )


@rule(
    "p-law-table-3-tokens",
    decides="Reproduced if the counts of MovieLens-1M stand in its rows; with a correction if they stand in "
    "KuaiRand's.",
    shows={
        "rows": "rows of MovieLens-1M and KuaiRand-pure",
        "own": "MovieLens-1M rows with the counts of MovieLens-1M, of {counted}",
        "there": "KuaiRand-pure rows with the counts of MovieLens-1M",
        "most": "largest count printed for MovieLens-1M",
        "ratings": "ratings that MovieLens-1M has",
    },
    would_change={
        "reproduced": "A count of the official file that differs would change it.",
        "reproduced-with-correction": "Counts of the official file that are those printed in its own rows would "
        "reproduce it.",
        "contradicted": "A preparation of the data that gives the printed counts would change it.",
    },
)
def table_3_tokens(e: Evidence) -> Judgement:
    counts = f"The counts of MovieLens-1M at the {e['counted']} values of S_max"
    if e["own"] == e["counted"]:
        return "reproduced", f"{counts} stand in its rows, the largest of them {e['most']:,}."
    if e["there"] == e["counted"]:
        return "reproduced-with-correction", (
            f"{counts} stand, to the unit, in the rows of KuaiRand-pure, as in the first paper. The largest count "
            f"printed for MovieLens-1M is {e['most']:,}, and it has {e['ratings']:,} ratings."
        )
    return "contradicted", f"{counts} stand in {e['own']} of its own rows and in {e['there']} of KuaiRand-pure's."


@rule(
    "p-law-table-3-entropy",
    decides="Reproduced if S′ of MovieLens-1M is within a hundredth in its rows; with a correction if it is in "
    "KuaiRand's.",
    shows={
        "off": "greatest difference of S′ in the rows of MovieLens-1M from ours, relative",
        "off_there": "in the rows of KuaiRand-pure",
        "printed": "S′ printed for MovieLens-1M",
        "ours": "the authors' estimator on its concatenated histories",
        "shuffled": "real entropy with every history shuffled, over that as recorded",
    },
    would_change={
        "reproduced": "An entropy of the official file that differs by more than a hundredth would change it.",
        "reproduced-with-correction": "The values in their own rows would reproduce it.",
        "contradicted": "The order in which the authors concatenate users, if it moves the estimate so far, would "
        "change it.",
    },
)
def table_3_entropy(e: Evidence) -> Judgement:
    ours = ", ".join(f"{value:.4f}" for value in e["ours"])
    found = f"The authors' estimator gives {ours} on the concatenated histories of MovieLens-1M"
    if e["off"] <= NEAR:
        return "reproduced", (
            f"{found}, within {e['off']:.1%} of the printed values: the entropies stand in the right rows. With the "
            f"order of every history shuffled it is {e['shuffled']:.2f} times as large."
        )
    if e["off_there"] <= NEAR:
        return "reproduced-with-correction", (
            f"{found}, within {e['off_there']:.1%} of what is printed for KuaiRand-pure, and {e['off']:.0%} off in its "
            "own rows."
        )
    return "contradicted", f"{found}, up to {e['off']:.0%} from what is printed for it."


@rule(
    "p-law-table-1",
    decides="Contradicted if the law is not above both everywhere; reproduced if it also clearly leads a rival "
    "that can bend on most panels; else weaker than claimed.",
    shows={
        "higher": "panels where the law's R² is above both, of {panels}",
        "cut": "R² of the law that are the first paper's with their digits after the third cut off",
        "planes": "R² of the scaling law that are those of a plane in logs, cut alike",
        "offset": "that differ from the plane by a round amount, as in the first paper's figures",
        "bending": "panels where the law is more than 0.01 above a quadratic in logs, of fewer parameters",
        "behind": "panels where it is below it",
    },
    would_change={
        "reproduced": "A rival that can bend and fits as well with fewer parameters would make it weaker than claimed.",
        "weaker-than-claimed": "A clear lead over a rival that can bend, on most panels, would reproduce it.",
        "contradicted": "An error in the columns that puts the law above both would change it.",
    },
)
def table_1(e: Evidence) -> Judgement:
    higher = f"The law's printed R² is above that of both scaling laws on {e['higher']} of {e['panels']} panels"
    if e["higher"] < e["panels"]:
        return "contradicted", f"{higher}, and the claim is about all."
    bending = (
        f"a quadratic in the logarithms, with fewer parameters, is clearly behind it on {e['bending']} and ahead on "
        f"{e['behind']}"
    )
    if 2 * e["bending"] > e["panels"]:
        return "reproduced", f"{higher}, and {bending}."
    return "weaker-than-claimed", (
        f"{higher}, but neither baseline can fall as a model grows: {e['planes']} of the scaling law's R² are those of "
        f"a plane in logs and {e['offset']} more are one with the same round offsets as in the first paper. Against a "
        f"rival that can bend the lead is gone: {bending}."
    )


@rule(
    "p-law-margins",
    decides="Reproduced if both extremes are those of Table 1 to the printed digit; else contradicted.",
    shows={
        "least": "least gain over the better baseline in Table 1",
        "greatest": "greatest gain",
        "greatest_hr": "greatest gain, HR@10 alone",
        "above": "panels with a gain above that stated",
        "below": "below the least stated",
    },
    would_change={
        "reproduced": "Unrounded R² with other extremes would change it.",
        "contradicted": "A statement of which panels or which baseline are meant, whose extremes are these, would "
        "reproduce it.",
    },
)
def margins(e: Evidence) -> Judgement:
    found = (
        f"In Table 1 the gain over the better baseline lies between {e['least']:.1%} and {e['greatest']:.0%}, where "
        f"the text has {LEAST:.1%} and {GREATEST:.0%}"
    )
    if abs(e["least"] - LEAST) <= LEAST_DIGIT and abs(e["greatest"] - GREATEST) <= GREATEST_DIGIT:
        return "reproduced", f"{found}."
    return "contradicted", (
        f"{found}: {e['above']} panels lie above the stated range and {e['below']} below it. For HR@10 alone the "
        f"greatest gain is {e['greatest_hr']:.0%}."
    )


@rule(
    "p-law-tables-7-8",
    decides="Reproduced if every error is that of its R², no columns are alike and no order is turned; else "
    "contradicted.",
    shows={
        "law": "errors of the law that its R² in Table 1 gives on the measurements, within 1%, of {panels}",
        "scaling": "errors of the scaling law that its R² or a plane in logs gives, within 1%, of {panels}",
        "plane": "panels with a round offset in R² whose error is that of the plane without it, of {offset}",
        "twins": "settings whose HR@10 and NDCG@10 columns are alike",
        "opposite": "panels where the scaling law with the higher R² has the higher error, of {ordered}",
        "huawei": "error of the law on Huawei Music over what its R² gives, least of four",
    },
    would_change={
        "reproduced": "An R² on the measurements that does not fit an error would change it.",
        "contradicted": "Corrected columns whose errors and R² belong to one set of fits would reproduce it.",
    },
)
def tables_7_8(e: Evidence) -> Judgement:
    if e["law"] == e["scaling"] == e["panels"] and not e["twins"] and not e["opposite"]:
        return "reproduced", (
            f"On all {e['panels']} panels the printed errors are those that the R² of Table 1 give on the measurements."
        )
    return "contradicted", (
        f"An R² fixes the root mean squared error on known measurements. {e['law']} of {e['panels']} errors of the law "
        f"and {e['scaling']} of {e['panels']} of the scaling law are within {WITHIN:.0%} of that. In "
        f"{e['twins']} settings of MovieLens-1M the columns of HR@10 and NDCG@10 are the same numbers. On "
        f"{e['opposite']} of {e['ordered']} panels the scaling law with the higher R² has the higher error as well. "
        f"Where Table 1 has the plane's R² with a round offset, {e['plane']} of {e['offset']} errors are those of the "
        "plane without it."
    )


@rule(
    "p-law-table-2-optimum",
    decides="Contradicted if it does not win; not reproducible if its rivals have other sizes or it "
    "wins by noise; weaker if the fits disagree.",
    shows={
        "wins": "(28, 54) best of its part in all four metrics",
        "elsewhere": "other rows whose HR@10 and NDCG@10 are a measurement of the panel at another size, of {others}",
        "where": "those sizes in the panel",
        "n_low": "optimal depth of our fits at S_max 200, least",
        "n_high": "greatest depth",
        "depth_inside": "intervals of the depth that hold 28, of {fits}",
        "d_low": "optimal width of our fits, least",
        "d_high": "greatest width",
        "width_inside": "intervals of the width that hold 54, of {fits}",
        "lead": "lead in HR@10",
        "noise": "residual deviation of a smooth curve through the panel, HR@10",
    },
    would_change={
        "reproduced": "Repeated runs whose spread is as large as the lead would make it not reproducible.",
        "weaker-than-claimed": "Fits whose optimum is that size would reproduce it.",
        "not-reproducible": "Runs of the sizes that the table names, repeated with their spread, would decide it.",
        "contradicted": "Repeated runs in which the marked size wins would change it.",
    },
)
def table_2_optimum(e: Evidence) -> Judgement:
    size = f"({MARKED_DEPTH}, {MARKED_WIDTH})"
    if not e["wins"]:
        return (
            "contradicted",
            f"In its own table {size} does not win all metrics; its lead in HR@10 is {e['lead']:.4f}.",
        )
    fits = (
        f"Our fits to the panel have their optimum between {e['n_low']:.0f} and {e['n_high']:.0f} layers and between "
        f"the widths {e['d_low']:.0f} and {e['d_high']:.0f}; {e['depth_inside']} of {e['fits']} intervals hold the "
        f"depth {MARKED_DEPTH} and {e['width_inside']} the width {MARKED_WIDTH}"
    )
    if e["elsewhere"]:
        return "not-reproducible", (
            f"{size} has the best metrics of its part, but {e['elsewhere']} of the {e['others']} rows beside it "
            "have, to four decimals in HR@10 and NDCG@10, the measurements of the panel at other sizes than the table "
            f"names (in the panel: {e['where']}). {fits}. No seeds are reported; the lead is {e['lead']:.4f}, the "
            f"scatter of single runs {e['noise']:.4f}."
        )
    if e["lead"] <= CLEAR * e["noise"]:
        return "not-reproducible", (
            f"{size} wins by {e['lead']:.4f} in HR@10, without seeds, where the scatter of single runs is "
            f"{e['noise']:.4f}. {fits}."
        )
    if e["depth_inside"] and e["width_inside"]:
        return "reproduced", f"{size} wins clearly, by {e['lead']:.4f} in HR@10. {fits}."
    return (
        "weaker-than-claimed",
        f"{size} wins clearly, by {e['lead']:.4f} in HR@10, but it is not the optimum. {fits}.",
    )


@rule(
    "p-law-table-2-budget",
    decides="Contradicted if the marked size does not win; reproduced if it wins clearly on the budget and its "
    "metrics are printed at no other size; else not reproducible.",
    shows={
        "wins": "(12, 44) best of its part in all four metrics",
        "lead_hr": "lead in HR@10",
        "lead_ng": "lead in NDCG@10",
        "noise": "residual deviation of a smooth curve through the panel, HR@10",
        "size": "H·d of the winner",
        "least": "least H·d of the others",
        "most": "greatest",
        "elsewhere": "size at which the first paper's Table 3 prints the winner's metrics",
    },
    missing={"elsewhere": "none"},
    would_change=dict.fromkeys(
        ("reproduced", "not-reproducible", "contradicted"),
        "Repeated runs of both sizes on one budget, with their spread, on data that others can have, would decide it.",
    ),
)
def table_2_budget(e: Evidence) -> Judgement:
    lead = f"a lead of {e['lead_hr']:.4f} in HR@10 and {e['lead_ng']:.4f} in NDCG@10"
    if not e["wins"]:
        return "contradicted", f"The marked size does not win all metrics: it has {lead}."
    on_budget = e["least"] <= e["size"] <= e["most"]
    if on_budget and e["elsewhere"] is None and e["lead_hr"] > CLEAR * e["noise"]:
        return "reproduced", f"The marked size, on the budget with H·d = {e['size']}, wins with {lead}."
    also = (
        "" if e["elsewhere"] is None else f" The same metrics stand in the first paper's Table 3 at {e['elsewhere']}."
    )
    return "not-reproducible", (
        f"The marked size wins with {lead}, without seeds, where single runs scatter by {e['noise']:.4f}. Its H·d is "
        f"{e['size']}, that of the others {e['least']} to {e['most']}.{also}"
    )


@rule(
    "p-law-theorem-4-1",
    decides="Judged by counting the rows of Table 3 where the assumption holds; open if the two readings of T "
    "disagree.",
    shows={
        "all_events": "rows of Table 3 where it holds, T the tokens of the data set, of {rows}",
        "one_user": "where it holds, T the mean length of a history",
        "printed": "where it holds, T the tokens as printed",
    },
    would_change=dict.fromkeys(
        ("open", "contradicted", "reproduced"),
        "The proof, which a machine's reading of the formula does not replace, would say what T is.",
    ),
)
def theorem_4_1(e: Evidence) -> Judgement:
    if e["all_events"] == e["one_user"] == e["rows"]:
        return "reproduced", f"The assumption holds in all {e['rows']} rows of Table 3, whatever T is."
    both = (
        f"With T the tokens of a data set, which are what is concatenated, the assumption holds in {e['all_events']} "
        f"of the {e['rows']} rows of the paper's own Table 3; with T the mean length of one history it holds in "
        f"{e['one_user']}"
    )
    if max(e["all_events"], e["one_user"]) < e["rows"]:
        return "contradicted", f"{both}: in neither reading does it hold for all the data used."
    return "open", f"{both}. The formula comes from a conversion that loses formulas, and the proof was not read."


@rule(
    "p-law-candidates",
    decides="Reproduced if the published code ranks every item of every data set; else contradicted.",
    shows={
        "draws": "candidates that the published code draws beside the target, with replacement",
        "least": "share of the catalogue that they reach at most, least of four data sets",
        "most": "greatest (MovieLens-1M)",
        "users": "users evaluated at most",
        "runs": "our runs on MovieLens-1M that are ranked both ways",
        "ratio_least": "HR@10 as the code ranks over HR@10 among all items, least",
        "ratio_most": "the same ratio, greatest",
    },
    would_change=dict.fromkeys(
        ("reproduced", "contradicted"),
        "The code that evaluated the printed runs, if it is another than the published one, would decide it.",
    ),
)
def candidates(e: Evidence) -> Judgement:
    if e["least"] == 1:
        return "reproduced", (
            f"The {e['draws']:,} candidates of the published code are the whole item set of every data set."
        )
    return "contradicted", (
        f"The published code draws {e['draws']:,} candidates with replacement. That reaches at most "
        f"{e['least']:.1%} to {e['most']:.0%} of the items of a data set, for at most {e['users']:,} users. "
        f"In {e['runs']} runs of ours on MovieLens-1M HR@10 by this ranking is {e['ratio_least']:.2f} to "
        f"{e['ratio_most']:.2f} times that among all items."
    )


@rule(
    "p-law-redundancy",
    decides="Reproduced if copies lower what an event adds to tokens/S_real in every log, contradicted if they "
    "raise it.",
    shows={
        "copies": "tokens/S_real for an event once half the histories are copies, over before: {bodies}",
        "blocks": "the same, the second half of each history a copy of its first half",
        "repeats": "the same, half of all events random repeats of earlier ones of their history",
        "tokens": "tokens/S_real of the whole log with every history twice, over before, synthetic",
        "bias_small": "real entropy of independent uniform events over the truth, alphabet of {small}",
        "bias_large": "alphabet of {large}",
    },
    would_change=dict.fromkeys(
        ("reproduced", "contradicted", "open"),
        "Logs in which planted copies lower tokens/S_real for an event would speak for it, logs in which they raise "
        "it against.",
    ),
)
def redundancy(e: Evidence) -> Judgement:
    values = (*e["copies"], *e["blocks"])
    told = (
        f"With half of all histories copies of others an event counts {e['copies'][0]:.2f} and {e['copies'][1]:.2f} "
        f"times as much as before in tokens/S_real (two logs), and {e['blocks'][0]:.2f} and {e['blocks'][1]:.2f} "
        "times with the half of each history copied within it"
    )
    if max(values) < 1:
        return "reproduced", f"{told}: redundant events count less."
    if min(values) > 1:
        return "contradicted", (
            f"{told}. Copies lower the real entropy and so raise the data parameter of every event: with each history "
            f"twice the log counts {e['tokens']:.2f} times as much. The estimate itself is {e['bias_large']:.2f} of "
            f"the truth for independent events of an alphabet of {e['large']:,}, and {e['bias_small']:.2f} of it for "
            f"one of {e['small']:,}. Repeats out of order, which make a log less predictable, count less "
            f"({e['repeats'][0]:.2f} and {e['repeats'][1]:.2f})."
        )
    return "open", f"{told}: some copies raise and some lower it."
