"""Chapter 8: Eqs. (29) and (30) and the optimal sizes of Table 3."""

from srlaw.rules.rule import Evidence, Judgement, rule

# What Table 3 marks: widths at 64 layers, and the depth and width under the budget.
WIDTH, BOTTOM_WIDTH = 370, 603
LOCAL_DEPTH, LOCAL_WIDTH = 14, 48
# An optimum that rounds to the printed integer, or is cut to it.
NEAR = 1.0
ROUNDED = 0.5
# The difference of two runs has a standard deviation of 1.4 times that of one; twice is the least to be called clear.
CLEAR_LEAD = 2


@rule(
    "eq-29",
    decides="Reproduced if the printed equation has its optimum at 370; with a correction if with one "
    "misprint mended; else contradicted.",
    shows={
        "printed": "optimal d, as printed",
        "mended": "optimal d, 34 for 3",
        "low": "least that prints alike",
        "high": "greatest that prints alike",
        "r2": "R² of its shape on the measurements, 34 for 3",
        "reported": "R² reported for that panel",
        "times": "law over HR@10",
        "bottom": f"{BOTTOM_WIDTH} within rounding",
    },
    missing={"printed": "none: the law grows as d falls", "mended": "none"},
    would_change={
        "reproduced": "Unrounded coefficients with another optimum would contradict it.",
        "reproduced-with-correction": "The unrounded coefficients would change it: rounding alone lets the optimum "
        "lie anywhere in the range above.",
        "contradicted": f"The unrounded coefficients, if their optimum is {WIDTH}, would change it.",
    },
)
def eq_29(e: Evidence) -> Judgement:
    bottom = (
        f"The {BOTTOM_WIDTH} of the bottom row follows from it "
        f"{'only within its rounding' if e['bottom'] else 'by no rounding'}: coefficients that round to the printed "
        f"ones have optima from {e['low']:.0f} to {e['high']:.0f}."
    )
    if _near(e["printed"], WIDTH, NEAR):
        return (
            "reproduced",
            f"As printed the equation has its optimum at d = {e['printed']:.1f}, Table 3's {WIDTH}. {bottom}",
        )
    as_printed = "no optimum" if e["printed"] is None else f"its optimum at d = {e['printed']:.1f}"
    if _near(e["mended"], WIDTH, NEAR):
        return "reproduced-with-correction", (
            f"With one misprint mended the equation has its optimum at d = {e['mended']:.1f}, Table 3's {WIDTH}. The "
            "width term then has the coefficient of the depth term, as in Eq. (7). With it the shape has R² "
            f"{e['r2']:.3f} on the measurements, against {e['reported']:.3f} reported. As printed the equation has "
            f"{as_printed}. {bottom}"
        )
    mended = "none" if e["mended"] is None else f"one at d = {e['mended']:.1f}"
    return "contradicted", (
        f"As printed the equation has {as_printed}, and with the coefficient of the depth term in the width term it "
        f"has {mended}; Table 3 marks {WIDTH}. {bottom}"
    )


@rule(
    "eq-30",
    decides="Contradicted unless the equation gives (14, 48) under N·d²; reproduced if its rounding allows a "
    "marked width too; else weaker.",
    shows={
        "n": "N under N·d² = 32768",
        "d": "d under N·d² = 32768",
        "n_product": "N under N·d = 512",
        "free": "optimal d, free",
        "low": "least that prints alike",
        "high": "greatest that prints alike",
        "r2": "R² of its shape on the measurements",
        "r2_exchanged": "with its exponents exchanged",
        "reported": "R² reported",
        "w4_held": "width exponent of the fit with p = 31 that has the R² reported",
        "d_exchanged": "optimal d with exponents exchanged",
        "low_exchanged": "least that prints alike, exponents exchanged",
        "high_exchanged": "greatest",
    },
    would_change={
        "reproduced": "Unrounded coefficients with other optima would change it.",
        "weaker-than-claimed": "The unrounded coefficients, or the statement of which constraint was solved "
        "with which equation, would change it.",
        "contradicted": "The unrounded coefficients, or another constraint under which it gives the marked sizes, "
        "would change it.",
    },
)
def eq_30(e: Evidence) -> Judgement:
    local = (
        f"Under N·d² constant the equation has its optimum at N = {e['n']:.1f} and d = {e['d']:.1f}, where Table 3 "
        f"marks {LOCAL_DEPTH} and {LOCAL_WIDTH}"
    )
    free = (
        f"Its free optimum is d = {e['free']:.1f}, and coefficients that round to the printed ones have theirs from "
        f"{e['low']:.0f} to {e['high']:.0f}"
    )
    if not (_near(e["n"], LOCAL_DEPTH, ROUNDED) and _near(e["d"], LOCAL_WIDTH, ROUNDED)):
        return "contradicted", f"{local}. {free}."
    measured = (
        f"As printed its shape has R² {e['r2']:.2f} on the measurements. With its exponents exchanged it has "
        f"{e['r2_exchanged']:.3f}, against {e['reported']:.3f} reported, and its free optimum is d = "
        f"{e['d_exchanged']:.0f}. The fit that has the reported R² has the width exponent {e['w4_held']:.4f}, and "
        f"(30) prints this number for D'. With the exponents exchanged, rounding allows optima from "
        f"{e['low_exchanged']:.0f} to {e['high_exchanged']:.0f}, {_holds(e['low_exchanged'], e['high_exchanged'])}."
    )
    if any(e["low"] <= width <= e["high"] for width in (WIDTH, BOTTOM_WIDTH)):
        return "reproduced", f"{local}. {free}, a range that holds a width that the table marks. {measured}"
    return "weaker-than-claimed", (
        f"{local}. That takes two corrections: the table's columns N and d are exchanged in that half, and the "
        "constraint is N·d², not the N·d that the other rows hold. The other half does not follow. "
        f"{free}, a range that holds neither {WIDTH} nor {BOTTOM_WIDTH}. {measured}"
    )


@rule(
    "table-3",
    decides="Reproduced if the marked sizes win clearly and follow from an equation; contradicted if they "
    "clearly lose; else not reproducible.",
    shows={
        "global_wins": "(64, 603) best of its half in all four metrics",
        "local_wins": "(48, 14) best of its half in all four metrics",
        "global_lead": "the law's own optimum, 370, beaten by 603 in HR@10 by",
        "local_lead": "lead of (48, 14) over the baseline, HR@10",
        "noise": "residual deviation of a smooth curve through the N = 64 rows",
        "from_law": "603 follows from an equation",
        "seeds": "seeds or repeats reported",
        "on_budget": "configurations on the budget N·d² = 32768",
        "elsewhere": "size at which the successor's Table 2 prints the measurement of the local winner",
        "d_low": "optimal d of our fits, least end of an interval",
        "d_high": "greatest end",
    },
    would_change=dict.fromkeys(
        ("not-reproducible", "contradicted"),
        "Repeated runs at 370, 512 and 603 (and at 8 × 64 and 14 × 48) with their spread, on data that others can "
        "have, would decide it; a winner outside the law's interval would contradict it.",
    )
    | {"reproduced": "Repeated runs whose spread is as large as the leads would make it not reproducible."},
)
def table_3(e: Evidence) -> Judgement:
    clear = min(e["global_lead"], e["local_lead"]) > CLEAR_LEAD * e["noise"]
    wins = e["global_wins"] and e["local_wins"]
    winners = (
        "The marked configurations do win in their own table"
        if wins
        else "Not every marked configuration wins its half"
    )
    leads = (
        f"In HR@10 {BOTTOM_WIDTH} leads {WIDTH} by {e['global_lead']:.4f}, and the local winner leads the baseline by "
        f"{e['local_lead']:.4f}. The rows scatter around a smooth curve by {e['noise']:.4f}."
    )
    if wins and e["from_law"] and clear:
        return "reproduced", f"{winners}, {BOTTOM_WIDTH} follows from an equation, and the leads are clear. {leads}"
    if clear and not wins:
        return "contradicted", f"{winners}, although the leads are clear. {leads}"
    again = (
        "The successor's Table 2 prints the local winner's measurement at "
        f"{e['elsewhere']}, as a prediction too, so at most one of the two sizes can be the one that was trained."
        if e["elsewhere"] != f"{LOCAL_DEPTH} × {LOCAL_WIDTH}"
        else "The successor's Table 2 prints the local winner's measurement at the same size."
    )
    origin = "follows from an equation" if e["from_law"] else "follows from no printed equation"
    small = sum(lead <= e["noise"] for lead in (e["global_lead"], e["local_lead"]))
    size = ("Both leads are", "One lead is no", "Neither lead is")[small]
    repeats = "Repeats are reported" if e["seeds"] else "No repeats are reported"
    return "not-reproducible", (
        f"{winners}. The {BOTTOM_WIDTH} that is marked {origin}. {leads} {size} larger than that scatter, which is "
        "estimated from the rows with the most layers and lent to the others. "
        f"{repeats}, and the data are private. {again} Our own fits to the measurements put the optimal width between "
        f"{e['d_low']:.0f} and {e['d_high']:.0f}."
    )


@rule(
    "depth-improves",
    decides="Reproduced if every measured step in depth goes up; weaker if most do; else contradicted.",
    shows={
        "up": "measured steps to the next depth where the metric rises, of {steps}",
        "deepest": "deepest model measured",
        "turns": "depth at which our fits that can turn put the optimum, least",
        "turns_high": "greatest",
    },
    would_change={
        "reproduced": "Deeper models of the same data that do worse would make it weaker.",
        "weaker-than-claimed": "Repeated runs in which the steps down vanish would reproduce it.",
        "contradicted": "Repeated runs in which most steps go up would change it.",
    },
)
def depth_improves(e: Evidence) -> Judgement:
    steps = (
        f"From one depth to the next at the same width, the metrics rise in {e['up']} of {e['steps']} steps, up to "
        f"{e['deepest']} layers"
    )
    beyond = (
        f"Beyond {e['deepest']} layers nothing was measured. Laws that can turn put the optimum anywhere from "
        f"{e['turns']:.0f} to {e['turns_high']:.0f} layers, so the panel says that depth helps, not that it helps "
        "without end."
    )
    if e["up"] == e["steps"]:
        return "reproduced", f"{steps}. {beyond}"
    if e["up"] > e["steps"] / 2:
        return "weaker-than-claimed", f"{steps}: mostly, not continuously. {beyond}"
    return "contradicted", f"{steps}, which is not most of them. {beyond}"


def _holds(low: float, high: float) -> str:
    """Which of the widths that Table 3 marks lie in a range, in words."""
    inside = [str(width) for width in (WIDTH, BOTTOM_WIDTH) if low <= width <= high]
    return f"which holds {' and '.join(inside)}" if inside else f"which holds neither {WIDTH} nor {BOTTOM_WIDTH}"


def _near(value: float | None, target: float, distance: float) -> bool:
    return value is not None and abs(value - target) < distance
