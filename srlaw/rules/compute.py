"""Chapter 13: *Scaling Sequential Recommendation Models with Transformers*, from its 119 published runs."""

from srlaw.rules.rule import Evidence, Judgement, rule

# An R² less than this above a rival's is no lead.
CLOSE = 0.01
# A curve that explains this much of a frontier fits it; half is the least to speak of a law at all.
FITS, HALF = 0.95, 0.5
# A limit or an exponent is known if its 95% interval is no wider than this share of it, or this much of an exponent.
KNOWN = 0.2
APART = 0.1
# Nearly all steps, and a majority of them.
NEARLY_ALL, MOST = 0.95, 0.5
# Operations of a multiplication with its addition, by the usual count, in a forward and a backward pass.
USUAL = 6
COUNTED = 0.1


@rule(
    "srt-scaling",
    decides="Reproduced if nearly all steps in width, data and depth raise NDCG@5; contradicted if most steps in "
    "none do; else weaker than claimed.",
    shows={
        "wider": "steps to a greater width that raise NDCG@5, of {widths}",
        "more": "steps to a larger data set that raise it, of {data}",
        "deeper": "steps to a greater depth that raise it, of {depths}",
        "best_narrow": "best depth at width 32, greatest over the data sets up to 1M",
        "best_wide": "at width 256, least",
        "noise": "standard deviation of NDCG@5 between repeats of one configuration",
        "least": "least correlation of test loss and NDCG@5 of the last epoch, up to 1M interactions, by negatives",
        "greatest": "the same at 10M, greatest",
        "share": "share of its best NDCG@5 that a run has at its least validation loss, 100K, mean",
    },
    would_change=dict.fromkeys(
        ("reproduced", "weaker-than-claimed", "contradicted"),
        "Runs over depth with the learning rate tuned at each, on one set of test users for all data sets, could move "
        "each of the three counts.",
    ),
)
def scaling(e: Evidence) -> Judgement:
    shares = {name: e[up] / e[of] for name, up, of in _AXES}
    steps = (
        f"With all else equal NDCG@5 rises in {e['wider']} of {e['widths']} steps to a greater width, in {e['more']} "
        f"of {e['data']} steps to a larger data set and in {e['deeper']} of {e['depths']} steps to a greater depth"
    )
    if min(shares.values()) >= NEARLY_ALL:
        return "reproduced", f"{steps}."
    if max(shares.values()) < MOST:
        return "contradicted", f"{steps}: more is worse on every axis."
    return "weaker-than-claimed", (
        f"{steps}, where repeats differ by {e['noise']:.4f}. In language models it is the loss that scales; here, up "
        "to a million interactions, a run with more test loss after its last epoch ranks better (Spearman "
        f"correlations of {e['least']:+.2f} and above), and on the smallest data set a run has {e['share']:.0%} of its "
        "best NDCG@5 where its validation loss is least."
    )


_AXES = (("width", "wider", "widths"), ("data", "more", "data"), ("depth", "deeper", "depths"))


@rule(
    "srt-frontier",
    decides="Contradicted if the curve misses the frontier; reproduced if its limit is known and it "
    "forecasts better than a quadratic; else weaker.",
    shows={
        "published": "R² of the published curve on the measured frontier, {points} points",
        "refitted": "R² of the sigmoid refitted",
        "quadratic": "R² of a quadratic in ln C, three coefficients",
        "limit": "limit of NDCG@5 as published",
        "limit_refitted": "limit, refitted",
        "low": "95% interval of the limit over resampled data sets, low",
        "high": "high",
        "held_low": "limits with which the sigmoid fits as well as the published, least",
        "held_high": "greatest",
        "ahead": "forecast error of the sigmoid from a tenth of the greatest compute, over the quadratic's",
        "naive": "over that of the best value seen",
    },
    would_change={
        "reproduced": "Runs with more compute that leave the curve would change it.",
        "weaker-than-claimed": "Runs with ten times the compute would identify the limit, and reproduce the curve or "
        "contradict it.",
        "contradicted": "Another definition of the frontier, on which the published curve fits, would change it.",
    },
)
def frontier(e: Evidence) -> Judgement:
    if e["published"] < FITS:
        return "contradicted", (
            f"On the {e['points']} points of the measured frontier the published curve has R² {e['published']:.3f}, "
            f"the sigmoid refitted {e['refitted']:.3f}."
        )
    fits = (
        f"On the {e['points']} points of the measured frontier the published curve has R² {e['published']:.3f}, the "
        f"sigmoid refitted {e['refitted']:.3f} and a quadratic in ln C, with fewer coefficients, {e['quadratic']:.3f}"
    )
    known = e["high"] - e["low"] <= KNOWN * e["limit"]
    if known and e["ahead"] < 1:
        return "reproduced", (
            f"{fits}. Its limit lies between {e['low']:.3f} and {e['high']:.3f}, and its forecast of the last part is "
            f"{e['ahead']:.2f} times as far off as the quadratic's."
        )
    return "weaker-than-claimed", (
        f"{fits}. The curve describes what was measured, but its limit, {e['limit']:.3f} as published, is not "
        f"identified: over resampled data sets it lies between {e['low']:.3f} and {e['high']:.3f}. Fitted up to "
        f"a tenth of the greatest compute, the sigmoid misses the rest by {e['ahead']:.1f} times as much as the "
        "quadratic."
    )


@rule(
    "srt-joint-law",
    decides="Contradicted if the published law explains less than half; reproduced if it is as good as its refit "
    "and the refit has an exponent of T; else weaker.",
    shows={
        "published": "R² of the published law on the {runs} runs, parameters with embeddings",
        "on_frontier": "the same on the measured frontier alone",
        "off": "its root mean squared error, NDCG@5",
        "noise": "standard deviation between repeats of one configuration",
        "refitted": "R² of its form refitted",
        "beta": "exponent of T as published",
        "beta_refitted": "exponent of T, refitted",
        "plane": "R² of a plane in logs, three coefficients",
        "quadratic": "R² of a quadratic in logs, five coefficients, like the law",
    },
    would_change={
        "reproduced": "Runs that the published parameters miss would change it.",
        **dict.fromkeys(
            ("weaker-than-claimed", "contradicted"),
            "The runs and the metric to which the law was fitted, if they are others, would decide it.",
        ),
    },
)
def joint_law(e: Evidence) -> Judgement:
    found = (
        f"On the {e['runs']} runs the published law has R² {e['published']:.2f} ({e['on_frontier']:.2f} on the "
        "frontier alone)"
    )
    if e["published"] < HALF:
        return "contradicted", f"{found}, less than half of the variance."
    if e["published"] >= e["refitted"] - CLOSE and e["beta_refitted"] > COUNTED * e["beta"]:
        return "reproduced", f"{found}, as its form refitted, with {e['refitted']:.2f}."
    return "weaker-than-claimed", (
        f"{found}, a plane in logarithms {e['plane']:.2f}, and it is off by {e['off']:.4f}, where repeats of one "
        f"configuration differ by {e['noise']:.4f}. Refitted, the form has {e['refitted']:.2f}, but its exponent of T "
        f"goes to {e['beta_refitted']:.4f}: NDCG@5 grows with the logarithm of the interactions and has no limit. A "
        f"quadratic in logarithms with as many coefficients has {e['quadratic']:.2f}."
    )


@rule(
    "srt-compute-optimal",
    decides="Reproduced if the three approaches agree and the two measured ones are known; weaker if the two "
    "measured ones agree; else not reproducible.",
    shows={
        "first": "exponent of the best N in C, frontier, parameters with embeddings",
        "first_low": "95% interval over resampled data sets, low",
        "first_high": "high",
        "second": "isoFLOP parabolas",
        "second_low": "their interval, low",
        "second_high": "their interval, high",
        "third": "published joint law, β/(α + β)",
        "refitted": "joint law refitted",
        "without": "frontier, parameters without embeddings",
        "interactions": "interactions of the runs on the frontier",
        "bias": "what the grid of sizes alone adds to a parabola's vertex, for a published law of language models",
    },
    would_change=dict.fromkeys(
        ("reproduced", "weaker-than-claimed", "not-reproducible"),
        "Runs at fixed compute over a grid of sizes, each with a learning rate schedule of its own length, would "
        "measure the exponent.",
    ),
)
def compute_optimal(e: Evidence) -> Judgement:
    found = (
        f"The best number of parameters grows like C to the power {e['first']:.2f} on the frontier, {e['second']:.2f} "
        f"by isoFLOP parabolas and {e['third']:.2f} by the published joint law"
    )
    if abs(e["first"] - e["second"]) > APART:
        return "not-reproducible", f"{found}: not even the two that are measured agree."
    known = max(e["first_high"] - e["first_low"], e["second_high"] - e["second_low"]) <= APART
    if known and abs(e["third"] - e["first"]) <= APART:
        return "reproduced", f"{found}."
    return "weaker-than-claimed", (
        f"{found} ({e['refitted']:.2f} by its refit). The two that are measured agree, with intervals from "
        f"{e['first_low']:.2f} to {e['first_high']:.2f} and from {e['second_low']:.2f} to {e['second_high']:.2f}; "
        f"what is counted matters more than the approach: without embeddings the first is {e['without']:.2f}."
    )


@rule(
    "srt-flops",
    decides="Reproduced if an event counts six operations a parameter; with a correction if it counts one in "
    "every run, a constant factor; else contradicted.",
    shows={
        "ratio": "logged operations of a forward pass over parameters without embeddings × events of a batch, median",
        "least": "least of {runs} runs",
        "most": "greatest",
        "loss": "share of a batch's operations that the loss takes, median",
        "usual": "usual count of a training step for one parameter and one event",
    },
    would_change=dict.fromkeys(
        ("reproduced", "reproduced-with-correction", "contradicted"),
        "A profile of a training step with its backward pass would decide it.",
    ),
)
def flops(e: Evidence) -> Judgement:
    per = f"The logs count {e['ratio']:.2f} operations for one parameter and one event (median of {e['runs']} runs)"
    if e["least"] > USUAL * (1 - 2 * COUNTED) and e["most"] < USUAL * (1 + COUNTED):
        return "reproduced", f"{per}, the usual count of a training step."
    if e["least"] > 1 - 2 * COUNTED and e["most"] < 1 + COUNTED:
        return "reproduced-with-correction", (
            f"{per}, between {e['least']:.2f} and {e['most']:.2f}: a multiplication with its addition counts once, and "
            f"the backward pass not at all, where a training step is counted as {e['usual']}. A constant factor moves "
            "the axis and leaves every exponent alone."
        )
    return "contradicted", f"{per}, between {e['least']:.2f} and {e['most']:.2f}, which is no constant factor."


@rule(
    "srt-transfer",
    decides="Not reproducible while fewer runs are published than one comparison takes; else open.",
    shows={
        "logs": "fine-tuning runs with a published log",
        "needed": "least number for one comparison",
        "epochs": "epochs of that run",
    },
    would_change=dict.fromkeys(
        ("not-reproducible", "open"),
        "Logs of fine-tuned models of several sizes beside models trained from scratch, with seeds, would decide it.",
    ),
)
def transfer(e: Evidence) -> Judgement:
    if e["logs"] >= e["needed"]:
        return "open", f"There are {e['logs']} published logs of fine-tuning, and they are not compared yet."
    return "not-reproducible", (
        f"The log of {e['logs']} fine-tuning run was published, of {e['epochs']} epochs, as a sample of what the code "
        f"prints. A comparison with training from scratch takes {e['needed']} at least, and scaling several sizes."
    )
