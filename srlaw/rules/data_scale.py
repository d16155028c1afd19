"""Chapter 7: the fitted data parameters, Figure 4 and the fit columns of Tables 1 and 2."""

from srlaw.rules.rule import Evidence, Judgement, rule

# "Strong linear correlation": nine tenths of the variance on a line, over data sets that differ a thousandfold.
STRONG_R = 0.95
# The same at one scale, where the distance between data sets does not help.
LINEAR_R2 = 0.9
# Two printed values of one parameter are the same if they agree to two digits and a half.
SAME_FACTOR = 1.005
# Lines of one kind: no slope is more than twice another.
SAME_SLOPE = 2
# E is printed with two decimals.
SAME_E = 0.005
PRINTED_E = 1.61


def strength(reading: tuple[float, float, float]) -> str:
    """“strong” if r stays so whichever data set is left out, “weak” if it is so for none, else “depends”.

    Args:
        reading: r over all points, and its least and greatest value over leaving one data set out.
    """
    r, low, high = reading
    if min(r, low) >= STRONG_R:
        return "strong"
    return "weak" if max(r, high) < STRONG_R else "depends"


FITTED = {
    "printed": "D′ of Table 2 as printed",
    "exchanged": "Huawei's two exchanged",
    "of_figures": "Huawei's two as the figures have them",
    "figures": "D′ of the figures",
    "averages": "averaged over s_max",
}


@rule(
    "figure-4",
    decides="Reproduced if r is strong in every reading, with any data set left out, and at one scale; "
    "contradicted if in no reading; else weaker.",
    shows={
        **{name: f"r, {label}: all, and least and greatest without one data set" for name, label in FITTED.items()},
        "losses": "r, Table 1: the same",
        "elasticity": "elasticity over all points, HR@10",
        "r2_all": "R² of the line, HR@10, all points",
        "r2_without": "without Huawei",
        "r2_small": "two small data sets alone",
        "slope_small": "slope there, over the slope of all points",
        "r2_least": "least R² of the line in them, of the three columns",
        "rising": "slope there positive in all three columns",
        "huawei": "share of the covariance from Huawei's 2 points, HR@10",
        "p_between": "least p between four data sets",
        "r_repeat_free": "log r with Amazon's ApEn without repeats, HR@10",
    },
    would_change=dict.fromkeys(
        ("weaker-than-claimed", "contradicted"),
        "A D′ that is identified (fitted jointly over panels with a fixed p2 and w5), for enough data sets of one "
        "scale, on a line in tokens/ApEn would reproduce it; such a D′ that does not grow at all would contradict it.",
    )
    | {"reproduced": "A D′ that is identified, for enough data sets of one scale, and off the line would change it."},
)
def figure_4(e: Evidence) -> Judgement:
    """Each reading comes as r of all points and its range over leaving one data set out, the least of both metrics."""
    found = {name: strength(e[name]) for name in FITTED}
    at_one_scale = e["r2_least"] >= LINEAR_R2
    between = (
        f"With D′ of Table 2 as printed the correlation r is {e['printed'][0]:.3f} (the lower one of HR@10 and "
        "NDCG@10). The figures have other values. With Huawei's two values at each other's s_max r is "
        f"{e['exchanged'][0]:.2f}, with those of the figures {e['of_figures'][0]:.2f}, and with all D′ of the figures "
        f"{e['figures'][0]:.2f}. Averaged over s_max, as Section 5.2 has it, r is at least {e['averages'][0]:.2f} in "
        "every one of these readings"
    )
    if set(found.values()) == {"strong"} and at_one_scale and e["rising"]:
        return "reproduced", (
            f"{between}, and within data of one scale the line explains at least {e['r2_least']:.0%}: a line in every "
            "reading, whichever data set is left out."
        )
    if "strong" not in found.values() and "depends" not in found.values():
        return "contradicted", f"{between}. In no reading is the correlation strong."
    if not e["rising"]:
        return "contradicted", f"{between}. Within data of one scale the data parameter does not grow."
    left = f", and of the four averages it falls to {e['averages'][1]:.2f} without one data set"
    short = [FITTED[name] for name, word in found.items() if word != "strong"]
    line = f"Within data of one scale the line explains only {e['r2_least']:.2f} of the variance in one column"
    if at_one_scale:
        line = f"Within data of one scale the line explains at least {e['r2_least']:.2f} of the variance"
    held = "holds in every reading" if not short else f"does not hold for {'; '.join(short)}"
    return "weaker-than-claimed", (
        f"Between data sets D′ grows with tokens/ApEn, with the elasticity {e['elasticity']:.2f} (HR@10 as printed). "
        f"{between}{left if found['averages'] != 'strong' else ''}. A correlation of {STRONG_R} or more, whichever "
        f"data set is left out, {held}. {line}. "
        "“A clear linear growth trend emerges, aligning perfectly with our predictions” (Section 5.2) is true of the "
        "distance between four data sets."
    )


@rule(
    "figure-4-consistent",
    decides="Reproduced if every step rises and no data set's line is twice as steep or flat as the whole; "
    "weaker if most steps rise.",
    shows={
        "up": "steps from one s_max to the next where the data parameter of Tables 1 and 2 rises, of {steps}",
        "points": "most points that a data set has",
        "flattest": "least slope of a data set's own line, over that of all points of its column",
        "steepest": "greatest",
        "up_figures": "steps where the data parameter of the figures rises, of {steps_figures}",
    },
    would_change={
        "reproduced": "Data sets whose own line is flat or much steeper than that of all points would make it weaker.",
        "weaker-than-claimed": "An identified data parameter at many lengths of each data set, on one line with the "
        "others, would reproduce it; one that does not rise within data sets would contradict it.",
        "contradicted": "An identified data parameter that rises within most data sets would change it.",
    },
)
def figure_4_consistent(e: Evidence) -> Judgement:
    tables = (
        f"In Tables 1 and 2 the fitted data parameter rises in {e['up']} of {e['steps']} steps from one s_max to the "
        f"next. A data set has {e['points']} points at most, and the slope of its own line is {e['flattest']:.2f} to "
        f"{e['steepest']:.2f} times that of all points of its column"
    )
    figures = f"The data parameters of the figures rise in {e['up_figures']} of {e['steps_figures']} steps"
    every = e["up"] == e["steps"] and e["up_figures"] == e["steps_figures"]
    if every and e["flattest"] >= 1 / SAME_SLOPE and e["steepest"] <= SAME_SLOPE:
        return "reproduced", f"{tables}. {figures}."
    if e["up"] > e["steps"] / 2:
        return "weaker-than-claimed", f"{tables}. So the growth is consistent, and one line for all is not. {figures}."
    return "contradicted", f"{tables}. {figures}."


@rule(
    "apen-substitute",
    decides="Reproduced if tokens/ApEn leads tokens in every comparison, whichever data set is left out; contradicted "
    "if it is behind in all; weaker if in none.",
    shows={
        "data_sets": "data sets behind all comparisons",
        "printed": "tokens/ApEn ahead of tokens, tied, behind, of {comparisons}: columns as printed",
        "right": "with the tokens put right",
        "possible": "and with the least ApEn that Amazon without repeats can have",
        "tables_right": "of these with the tokens put right: against D′ of the tables, of {of_tables}",
        "figures_right": "against D′ of the figures, of {of_figures}",
        "least_gap": "least difference of the two r, with Amazon's least",
        "with_apen": "log r with tokens/ApEn, Table 2, HR@10, Amazon's least",
        "tokens_alone": "log r with tokens alone",
        "identified": "parameters of Eq. (7) that a panel identifies, D′ not among them",
    },
    would_change={
        "reproduced": "A data parameter that is identified, and that tokens alone predict better, would contradict it.",
        "weaker-than-claimed": "Leads in all comparisons would reproduce it; a comparison in which tokens alone lead "
        "would make it open.",
        "contradicted": "The ApEn of Amazon Books, counted from the log that was used, could turn it; losses of one "
        "model on several data sets would decide it.",
        "open": "Losses of one model on several data sets, each at several sizes and with its own rate "
        "of repeats, would decide it: a D fitted to them by Eq. (1) is identified, and the better substitute "
        "is the one that predicts the D of a data set that was left out.",
    },
)
def apen_substitute(e: Evidence) -> Judgement:
    """Each version of the columns comes as three counts: ahead, tied, behind.

    A lead counts if it has one sign whichever data set is left out.
    """
    versions = [e[name] for name in ("printed", "right", "possible")]
    said = [f"ahead in {ahead}, tied in {tied} and behind in {behind}" for ahead, tied, behind in versions]
    counts = (
        f"Five columns of printed data parameters, each on a linear and a logarithmic scale, give {e['comparisons']} "
        f"comparisons, all over the same {e['data_sets']} data sets. A lead counts if it survives when any one of them "
        f"is left out. With the columns as printed tokens/ApEn is {said[0]} against tokens alone. With the tokens put "
        f"right it is {said[1]}. If Amazon's ApEn is raised to the least that histories without repeats can have, it "
        f"is {said[2]}."
    )
    if all(ahead == e["comparisons"] for ahead, _, _ in versions):
        return "reproduced", f"{counts} It is the better substitute in all of them."
    if all(behind == e["comparisons"] for _, _, behind in versions):
        return "contradicted", f"{counts} It is the worse substitute in all of them."
    if all(ahead > 0 and behind == 0 for ahead, _, behind in versions):
        return "weaker-than-claimed", f"{counts} It is the better substitute in some and the worse one in none."
    return "open", (
        "Which is the better substitute depends on which printed value is believed, of a parameter that no panel of "
        f"metrics identifies. {counts} With the tokens put right {e['tables_right'][0]} of its leads are against D′ of "
        f"the tables and {e['figures_right'][0]} against D′ of the figures."
    )


@rule(
    "eq-2",
    decides="Reproduced if all five parameters are those of the source; with a correction if four are; else "
    "contradicted.",
    shows={
        "printed": "E, this paper",
        "source": "E, Hoffmann et al. 2022",
        "others": "the other four parameters that are as in Hoffmann et al.",
        "refit": "E that minimises the Huber loss over the 240 points of Epoch AI",
        "error": "its standard error, over resamples of the points",
        "conditional": "best E with the other four as printed",
    },
    would_change={
        "reproduced": "An edition of Hoffmann et al. with another E would change it.",
        "reproduced-with-correction": f"An edition of Hoffmann et al. that prints E = {PRINTED_E:g} would make it "
        "reproduced.",
        "contradicted": "An edition of Hoffmann et al. with the printed parameters would reproduce it.",
    },
)
def eq_2(e: Evidence) -> Judgement:
    data = (
        f"The points themselves, read from the published figure by Epoch AI, have their least Huber loss at E = "
        f"{e['refit']:.3f} ± {e['error']:.3f}. With the other four parameters held as printed, it is at "
        f"{e['conditional']:.3f}."
    )
    if e["printed"] == e["source"] and e["others"] == 4:
        return "reproduced", f"The five parameters are those that Hoffmann et al. print. {data}"
    if e["others"] == 4:
        tried = any(abs(e["printed"] - e[name]) < SAME_E for name in ("refit", "conditional"))
        where = "It is that of another fit to the points" if tried else "No fit that was tried gives this E"
        return "reproduced-with-correction", (
            f"Four of the five parameters are those of Hoffmann et al. Their E is {e['source']:g}, and here it is "
            f"{e['printed']:g}. {where}. {data}"
        )
    return "contradicted", (
        f"Only {e['others']} of the other four parameters are those of Hoffmann et al., whose E is {e['source']:g} "
        f"against {e['printed']:g}. {data}"
    )


@rule(
    "table-1-fits",
    decides="Not reproducible as long as no losses are published; open once there are some.",
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
        f"The {e['values']} printed values were fitted to losses, and no measured losses were published. They are "
        "not in the paper, in the files of the figures or in the fitting script."
    )


@rule(
    "table-2-fits",
    decides="Not reproducible if one panel does not identify the parameters; else reproduced or contradicted "
    "by the figures.",
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
            "them. So there is nothing that a refit could agree or disagree with. The paper itself prints each D′ "
            f"twice. {twice}."
        )
    word = "reproduced" if e["agree"] == e["panels"] else "contradicted"
    return word, f"One panel determines all {e['parameters']} parameters, and {twice}."
