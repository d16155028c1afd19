"""Chapter 14: the ranking task of *Scaling New Frontiers* on a small log."""

from srlaw.rules.rule import Evidence, Judgement, rule

NO_ROWS = "not known yet"
# AUC and log-loss, for all users and for a share.
COMPARISONS = 4


@rule(
    "new-frontiers-ranking",
    decides="Reproduced if HSTU's AUC leads that of two shares and rises with width beyond errors; weaker for one; "
    "contradicted if both are below; else open.",
    shows={
        "users": "users tested",
        "seeds": "seeds of each width",
        "width": "HSTU's width with the least validation log-loss",
        "auc": "its AUC",
        "yardstick": "AUC of a logistic regression on the item's and the user's share of liked ratings",
        "lead": "AUC of HSTU less that of the two shares",
        "lead_low": "low end of its 95% interval",
        "lead_high": "high end of its 95% interval",
        "slope": "AUC gained by a doubling of the width, {narrow} to {wide}",
        "slope_low": "low end of the 95% interval of that gain",
        "slope_high": "high end of the 95% interval of that gain",
    },
    missing=dict.fromkeys(("slope", "slope_low", "slope_high"), NO_ROWS),
    would_change={
        "reproduced": "Depths or logs at which HSTU no longer gains would make it weaker.",
        "weaker-than-claimed": "A larger log, or depths, with settings of their own for each size, on which the other "
        "half holds too would reproduce it.",
        "contradicted": "A larger log on which HSTU leads the two shares and gains from size would change it.",
        "open": "Runs on MovieLens-1M and MovieLens-20M over depth and width, beside the same yardsticks, would decide "
        "it.",
    },
)
def effective(e: Evidence) -> Judgement:
    if e["slope"] is None:
        return "open", f"HSTU was trained at a single width, {e['width']}, so nothing says how it scales."
    told = (
        f"On MovieLens-100K HSTU of width {e['width']} has an AUC of {e['auc']:.3f} over {e['users']} users and "
        f"{e['seeds']} seeds, and two shares of liked ratings, the item's and the user's, have {e['yardstick']:.3f}: a "
        f"difference of {e['lead']:+.3f} ({e['lead_low']:+.3f} to {e['lead_high']:+.3f}). A doubling of the width "
        f"between {e['narrow']} and {e['wide']} changes the AUC by {e['slope']:+.4f} ({e['slope_low']:+.4f} to "
        f"{e['slope_high']:+.4f})"
    )
    better, rises = e["lead_low"] > 0, e["slope_low"] > 0
    if better and rises:
        return "reproduced", f"{told}: it is ahead, and it gains from width."
    if better or rises:
        if not better:
            return "weaker-than-claimed", f"{told}: HSTU gains from width, and it is not seen that it is ahead."
        loses = (
            "wider models are worse at these settings"
            if e["slope_high"] < 0
            else "it is not seen that it gains from width"
        )
        return "weaker-than-claimed", f"{told}: HSTU is ahead, and {loses}. Depth was not tried."
    if e["lead_high"] < 0 and e["slope_high"] < 0:
        return "contradicted", f"{told}: it is behind, and more so the wider it is."
    behind = "It is behind" if e["lead_high"] < 0 else "No lead is seen"
    return "open", f"{told}. {behind}, and no gain from width is seen; depth and larger logs were not tried."


@rule(
    "new-frontiers-log-loss",
    decides="Reproduced if two models part beyond their errors, all pairs counted, in log-loss and AUC; weaker if "
    "only within them; contradicted if never.",
    shows={
        "pairs": "pairs of models, widths and yardsticks that learned from the same users",
        "apart": "pairs in which the lower log-loss has the lower AUC",
        "clear": "of these, with both differences beyond their errors",
        "steps": "steps from epoch to epoch with a lower validation log-loss",
        "steps_apart": "of these, with a lower validation AUC",
        "runs": "runs",
        "epochs_differ": "runs whose best epoch by log-loss is not the best by AUC",
    },
    would_change={
        "reproduced": "More users, with whom no such pair is left, would make it weaker.",
        "weaker-than-claimed": "A pair of models that part beyond their errors, with more users, would reproduce it.",
        "contradicted": "Models or logs in which the two part would change it.",
    },
)
def log_loss(e: Evidence) -> Judgement:
    told = (
        f"Of {e['pairs']} pairs the lower log-loss has the lower AUC in {e['apart']}, beyond the errors of both in "
        f"{e['clear']}"
    )
    within = (
        f"Within runs the validation AUC falls in {e['steps_apart']} of {e['steps']} steps that lower the validation "
        f"log-loss, and in {e['epochs_differ']} of {e['runs']} runs the two choose different epochs"
    )
    if e["clear"]:
        return "reproduced", f"{told}. {within}."
    if e["apart"] or e["steps_apart"]:
        return "weaker-than-claimed", (f"{told}. {within}. The two part, and no pair does so by more than its errors.")
    return "contradicted", f"{told}. {within}: a lower log-loss has always been a higher AUC here."


@rule(
    "new-frontiers-small-width",
    decides="Reproduced if the least width leads in AUC for all users and a share; weaker if something gains and none "
    "loses; contradicted if AUC loses; else open.",
    shows={
        "all_auc": "AUC of HSTU of width {narrow} less that of width {wide}, all users train",
        "all_auc_low": "low end of the 95% interval",
        "all_auc_high": "high end of the 95% interval",
        "all_log_loss": "log-loss that width {narrow} saves",
        "all_log_loss_low": "log-loss saved, low end",
        "all_log_loss_high": "log-loss saved, high end",
        "few_auc": "the difference in AUC where a share of {share} of the users train",
        "few_auc_low": "low end of its 95% interval, share of {share}",
        "few_auc_high": "high end of its 95% interval, share of {share}",
        "few_log_loss": "log-loss saved, share of {share}",
        "few_log_loss_low": "log-loss saved, share of {share}, low end",
        "few_log_loss_high": "log-loss saved, share of {share}, high end",
    },
    missing=dict.fromkeys(
        (f"{w}_{m}{end}" for w in ("all", "few") for m in ("auc", "log_loss") for end in ("", "_low", "_high")), NO_ROWS
    ),
    would_change={
        "reproduced": "The same gain on a log a hundred times as large would make it no matter of small data.",
        "weaker-than-claimed": "More seeds and users with which the AUC gains for both shares would reproduce it.",
        "contradicted": "Settings of its own for each width with which the least one gains would change it.",
        "open": "More users to test, with whom the interval of a difference excludes 0, would decide it.",
    },
)
def small_width(e: Evidence) -> Judgement:
    if e["all_auc"] is None or e["few_auc"] is None:
        return "open", f"Widths {e['narrow']} and {e['wide']} were not both trained on all users and on a share."
    told = "; ".join(
        _beside(e, w, who) for w, who in (("all", "With all users"), ("few", f"with {e['share']} of them"))
    )
    names = [f"{w}_{m}" for w in ("all", "few") for m in ("auc", "log_loss")]
    gains, loses = ({name for name in names if over(e, name)} for over in (_gains, _loses))
    if {"all_auc", "few_auc"} <= gains and not loses:
        return "reproduced", f"{told}. The small width is the better one."
    if gains and not loses:
        return "weaker-than-claimed", f"{told}. It helps in {len(gains)} of these {COMPARISONS} comparisons."
    if loses & {"all_auc", "few_auc"} and not gains:
        return "contradicted", f"{told}. The small width is the worse one."
    if gains and loses:
        return "open", f"{told}. It gains in one comparison and loses in another."
    return "open", f"{told}. No difference is clear of its error."


def _gains(e: Evidence, name: str) -> bool:
    return e[f"{name}_low"] > 0


def _loses(e: Evidence, name: str) -> bool:
    return e[f"{name}_high"] < 0


def _beside(e: Evidence, where: str, who: str) -> str:
    auc, saved = (
        f"{e[f'{where}_{m}']:+.3f} ({e[f'{where}_{m}_low']:+.3f} to {e[f'{where}_{m}_high']:+.3f})"
        for m in ("auc", "log_loss")
    )
    return f"{who} the AUC of width {e['narrow']} less that of width {e['wide']} is {auc}; log-loss saved: {saved}"
