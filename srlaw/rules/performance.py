"""Chapter 5: the Performance Law on the authors' own points."""

from dataclasses import replace

from srlaw.rules.rule import Evidence, Judgement, rule

# The best of a fitted surface is chosen by the same noise that judges it, so a drop of two standard errors is common
# by chance; three are not.
CLEAR_DROP = 3
# What "typically" asks for.
MOST = 0.5
# Printed R² have four digits or more; half a unit of the third says that a fit meets one.
R2_MET = 5e-4
# A data term that explains nine tenths of the differences between panels would carry the law across them.
EXPLAINS = 0.9


@rule(
    "figure-1",
    shows={
        "decay": f"panels whose largest model lies below the best by over {CLEAR_DROP} standard errors, of {{panels}}",
        "median": "median drop over its standard error",
        "smallest": "smallest",
        "decay_sets": "data sets with such a panel, of {data_sets}",
    },
    would_change={
        "reproduced": "Repeated runs (seeds) whose spread is as large as the drops, or larger models tuned on their "
        "own that do not decay, would make it hold with a correction or contradict it.",
        "reproduced-with-correction": "Repeated runs that make the drops clear in most panels would reproduce it; "
        "runs whose spread is as large as the drops would contradict it.",
        "contradicted": "Repeated runs that make the drops clear in most panels would reproduce it.",
    },
)
def figure_1(e: Evidence) -> Judgement:
    found = (
        f"the largest configuration lies clearly below the best one of the fitted surface in {e['decay']} of "
        f"{e['panels']} panels, from {e['decay_sets']} of {e['data_sets']} data sets; the median drop is "
        f"{e['median']:.1f} standard errors"
    )
    limits = (
        "It is a decay of models trained in one way, once each: whether larger models would decay if tuned on their "
        "own is not tested by these data."
    )
    if e["decay"] > MOST * e["panels"]:
        return "reproduced", f"As “typically” says, {found}. {limits}"
    if e["decay"]:
        return "reproduced-with-correction", f"Sometimes would be right instead of “typically”: {found}. {limits}"
    return "contradicted", f"There is no clear decay: {found}. {limits}"


@rule(
    "figure-3",
    shows={
        "shared": "panels whose printed R² the printed form (one p) meets or exceeds, of {panels}",
        "separate": "the same with one p per term",
        "least": "smallest refitted R² (one p)",
        "shortfall": "largest shortfall of a printed R²",
    },
    would_change={
        "reproduced": "Measurements other than those drawn in the figures would change it.",
        "contradicted": "A better minimum of the least-squares problem, or measurements other than those drawn in "
        "the figures, would change it.",
    },
)
def figure_3(e: Evidence) -> Judgement:
    if e["shared"] == e["panels"]:
        return "reproduced", (
            f"Each of the {e['panels']} printed R² is reached or exceeded by a global least-squares fit of Eq. (7) "
            f"to the recovered points, by up to {e['shortfall']:.3f}; where ours is higher, the printed fit is not "
            "the optimum of these points."
        )
    return "contradicted", (
        f"A global least-squares fit of Eq. (7) with one p reaches the printed R² in {e['shared']} of {e['panels']} "
        f"panels, and with one p per term in {e['separate']}; no fit of the printed form can reach the others."
    )


figure_5 = replace(figure_3, claim="figure-5")


@rule(
    "eq-7",
    shows={
        "shape": "panels whose printed R² the form in N and d_emb reaches, of {panels}",
        "quadratic": "panels where a log-quadratic with fewer parameters is within 0.01 of it",
        "both_signs": "intervals of w3, w4 with both signs, of {intervals}",
        "joint_hr": "R² over all panels with D' = tokens/ApEn, HR@10",
        "joint_ng": "the same, NDCG@10",
        "within_hr": "share of within-data-set differences its data term explains, HR@10",
        "within_ng": "the same share, NDCG@10",
        "ceiling": "R² with a free constant a panel",
        "falling": "steps of s_max where performance falls as D' grows",
    },
    would_change={
        "reproduced": "Panels of one data set at many more values of D' whose levels do not follow ln D' + p2/D'^w5 "
        "would make a correction necessary.",
        "reproduced-with-correction": "Panels of one data set at many more values of D' whose levels follow ln D' + "
        "p2/D'^w5 with parameters fitted elsewhere would reproduce it.",
        "contradicted": "Measurements other than those drawn in the figures, to which the form in N and d_emb fits "
        "as printed, would change it.",
    },
)
def eq_7(e: Evidence) -> Judgement:
    data_term = (
        f"With one constant for all panels the data term reaches R² {e['joint_hr']:.2f} (HR@10) and "
        f"{e['joint_ng']:.2f} (NDCG@10), where a constant a panel gives {e['ceiling']:.4f} (HR@10); of the "
        f"differences within data sets it explains {e['within_hr']:.0%} and {e['within_ng']:.0%}."
    )
    if e["shape"] < e["panels"]:
        return "contradicted", (
            f"The form in N and d_emb does not reach the printed R²: it does in {e['shape']} of {e['panels']} "
            f"panels. {data_term}"
        )
    shape = (
        f"As a description of one panel Eq. (7) fits as printed, in {e['shape']} of {e['panels']} panels, but in "
        f"{e['quadratic']} of them a quadratic in logs with fewer parameters does nearly as well or better."
    )
    across_all = min(e["joint_hr"], e["joint_ng"]) > EXPLAINS
    within_sets = min(e["within_hr"], e["within_ng"]) > EXPLAINS
    if across_all or within_sets:
        return "reproduced", f"{shape} Its data term carries the law across panels. {data_term}"
    return "reproduced-with-correction", (
        f"{shape} Its data term does not hold across panels, neither with one constant nor with one a data set. "
        f"{data_term} The law must be given a constant for each panel, and that is the correction."
    )
