"""Chapter 7: the fitted data parameters, Figure 4 and the fit columns of Tables 1 and 2."""

from srlaw.rules.rule import Evidence, Judgement, rule

# "Strong linear correlation": nine tenths of the variance on a line, over data sets that differ a thousandfold.
STRONG_R = 0.95
# The same at one scale, where the distance between data sets does not help.
LINEAR_R2 = 0.9
# Two printed values of one parameter are the same if they agree to two digits and a half.
SAME_FACTOR = 1.005


@rule(
    "figure-4",
    shows={
        "r_tables": "least Pearson r, Tables 1 and 2, printed and put right",
        "elasticity": "elasticity over all points, HR@10",
        "r2_all": "R² of the line, HR@10, all points",
        "r2_without": "without Huawei",
        "r2_small": "two small data sets alone",
        "slope_small": "slope there, over the slope of all points",
        "r2_least": "least R² of the line in them, of the three columns",
        "rising": "slope there positive in all three columns",
        "huawei": "share of the covariance from Huawei's 2 points, HR@10",
        "p_between": "least p between four data sets",
        "r_figures": "Pearson r with the D′ of the figures",
        "r_repeat_free": "log r with Amazon's ApEn without repeats, HR@10",
    },
    would_change=dict.fromkeys(
        ("reproduced-with-correction", "contradicted"),
        "A D′ that is identified (fitted jointly over panels with a fixed p2 and w5), for enough data sets of one "
        "scale, on a line in tokens/ApEn would reproduce it; such a D′ that does not grow at all would contradict it.",
    )
    | {"reproduced": "A D′ that is identified, for enough data sets of one scale, and off the line would change it."},
)
def figure_4(e: Evidence) -> Judgement:
    trend = e["r_tables"] >= STRONG_R
    at_one_scale = e["r2_least"] >= LINEAR_R2
    in_figures = e["r_figures"] >= STRONG_R
    between = (
        "Between the four data sets Pearson's r of the printed parameters and tokens/ApEn is at least "
        f"{e['r_tables']:.2f}, as printed and with the token columns put right, and the elasticity of D′ is "
        f"{e['elasticity']:.2f} (HR@10)."
    )
    if trend and at_one_scale and in_figures:
        return "reproduced", (
            f"{between} Within data of one scale the line explains at least {e['r2_least']:.0%}, and for the D′ in "
            f"the figures r is {e['r_figures']:.2f}."
        )
    if not (trend and e["rising"]):
        weak = "is not strong" if not trend else "does not rise within data of one scale"
        return "contradicted", f"The trend {weak}. {between}"
    corrections = []
    if not at_one_scale:
        corrections.append(
            "“linear, perfectly” is a statement about the distance between data sets, not about data of one scale, "
            f"where the line explains only {e['r2_least']:.2f} of the variance in one column"
        )
    if not in_figures:
        corrections.append(
            "the trend belongs to the D′ of Table 2, not to those in the figures of the same panels, whose r is "
            f"{e['r_figures']:.2f}"
        )
    needed = "Two corrections are needed" if len(corrections) > 1 else "A correction is needed"
    return "reproduced-with-correction", f"{between} {needed}: {'; and '.join(corrections)}."


@rule(
    "table-1-fits",
    shows={
        "losses": "published loss measurements",
        "values": "printed values",
        "spearman": "Spearman correlation with ApEn/T, tokens put right",
    },
    would_change={
        "not-reproducible": "The losses behind Figure 2 and the equation, with its constraints, that was fitted to "
        "them would make it possible to refit the column.",
        "open": "A refit of the column to the published losses would decide it.",
    },
)
def table_1_fits(e: Evidence) -> Judgement:
    if e["losses"]:
        return (
            "open",
            f"There are {e['losses']} columns of losses, and the {e['values']} printed values are not refitted yet.",
        )
    return "not-reproducible", (
        f"The {e['values']} printed values were fitted to losses, and no measured losses were published: they are "
        "not in the paper, the figures' files or the fitting script, whose matrix is left to be pasted in."
    )


@rule(
    "table-2-fits",
    shows={
        "parameters": "parameters of Eq. (7) with b and D′",
        "identified": "identified by one panel",
        "data_columns": "numbers that b, D′, p2 and w5 amount to",
        "stopped": "D′ of a least-squares fit started at {starts}, to one digit",
        "agree": "panels with the same D′ in Table 2 and in the figure, of {panels}",
        "factor_hr": "largest factor between them, HR@10",
        "factor_ng": "largest factor between them, NDCG@10",
        "crossed": "values of Table 2 found at the other s_max in the figures",
    },
    would_change={
        "not-reproducible": "The constraint that made them unique would change it: a fixed p2, no constant b, and a "
        "common w5, or the starting point of the optimiser.",
        "contradicted": "A reading of the table in which its values are those of the figures would reproduce it.",
        "reproduced": "A panel that does not identify its parameters would make it not reproducible.",
    },
)
def table_2_fits(e: Evidence) -> Judgement:
    twice = f"Table 2 and the figures print the same D′ for {e['agree']} of {e['panels']} panels"
    if e["agree"] < e["panels"]:
        factors = f"{e['factor_hr']:.1f} (HR@10) and {e['factor_ng']:.1f} (NDCG@10)"
        twice += f", and the others differ by a factor of up to {factors}"
    if e["identified"] < e["parameters"]:
        return "not-reproducible", (
            f"One panel determines {e['identified']} of {e['parameters']} parameters, and neither D′ nor w5 is among "
            "them, so there is nothing that a refit could agree or disagree with. The paper itself prints each D′ "
            f"twice: {twice}."
        )
    word = "reproduced" if e["agree"] == e["panels"] else "contradicted"
    return word, f"One panel determines all {e['parameters']} parameters, and {twice}."
