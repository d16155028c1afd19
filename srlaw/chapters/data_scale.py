"""Figure 4: does the fitted data parameter grow with #Tokens/ApEn, and can it be told from one panel at all?"""

from __future__ import annotations

from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw import paper

SOURCES = ("Table 1", "Table 2, HR@10", "Table 2, NDCG@10", "figures, HR@10", "figures, NDCG@10")
GROUPS = {
    "all": ("kuairand-pure", "ml-1m", "amazon-books", "huawei-music"),
    "without Huawei": ("kuairand-pure", "ml-1m", "amazon-books"),
    "two large": ("amazon-books", "huawei-music"),
    "two small": ("kuairand-pure", "ml-1m"),
    "MovieLens alone": ("ml-1m",),
    "KuaiRand alone": ("kuairand-pure",),
}


def points(corrected: bool = False) -> pl.DataFrame:
    """Every published data parameter beside what it should be linear in, in the form of Tables 1 and 2.

    Args:
        corrected: whether the token columns are put right (`srlaw.paper.table`).

    Returns:
        ``source, dataset, s_max, x, y, x_tokens, tokens, apen, mean_length``: for Table 1 (fitted to losses)
        x = ApEn/T, y = 1/D_L and x_tokens = 1/T; for Table 2 and the figures x = T/ApEn, y = D′ and x_tokens = T.
    """
    one, two = (paper.table(number, corrected) for number in (1, 2))
    one = one.with_columns(apen=pl.col("apen_over_tokens") * pl.col("tokens"))
    two = two.with_columns(apen=pl.col("tokens") / pl.col("tokens_over_apen"))
    keep = ["source", "dataset", "s_max", "x", "y", "x_tokens", "tokens", "apen", "mean_length"]
    columns = {"source": pl.lit("Table 1"), "x": pl.col("apen_over_tokens"), "y": pl.col("inv_d_l")}
    parts = [one.with_columns(**columns, x_tokens=1 / pl.col("tokens")).select(keep)]
    right = two.with_columns(x=pl.col("tokens_over_apen"), x_tokens=pl.col("tokens").cast(pl.Float64))
    figures = paper.figure_fits("performance_law")
    for metric in paper.FIGURE_METRICS:
        label = paper.METRICS[metric]
        parts.append(right.with_columns(source=pl.lit(f"Table 2, {label}"), y=f"{metric}_d_prime").select(keep))
    for metric in paper.FIGURE_METRICS:
        drawn = figures.filter(pl.col("metric") == metric).select("dataset", "s_max", y="d_prime")
        joined = right.join(drawn, on=["dataset", "s_max"], maintain_order="left")
        parts.append(joined.with_columns(source=pl.lit(f"figures, {paper.METRICS[metric]}")).select(keep))
    return pl.concat(parts)


def correlation(x, y) -> dict[str, float | None]:
    """``pearson``, ``spearman`` and ``log_pearson`` (of ln x and ln y); None with fewer than three points."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) < 3:
        return {"pearson": None, "spearman": None, "log_pearson": None}
    return {
        "pearson": statistic(stats.pearsonr(x, y)),
        "spearman": statistic(stats.spearmanr(x, y)),
        "log_pearson": statistic(stats.pearsonr(np.log(x), np.log(y))),
    }


def statistic(result: Any) -> float:
    """Of a test by scipy, which has no types, so that a checker of types sees no fields in its results."""
    return float(result.statistic)


def correlations(frame: pl.DataFrame, x: str = "x", groups: dict | None = None) -> pl.DataFrame:
    """Correlation of y with column `x` by source and group of data sets: ``source, group, n`` and `correlation`."""
    rows = []
    for (source,), part in frame.group_by("source", maintain_order=True):
        for group, members in (groups or GROUPS).items():
            chosen = part.filter(pl.col("dataset").is_in(members))
            row = {"source": source, "group": group, "n": len(chosen)}
            rows.append({**row, **correlation(chosen[x], chosen["y"])})
    return pl.DataFrame(rows).filter(pl.col("n") >= 3)


def elasticities(frame: pl.DataFrame, groups: dict | None = None) -> pl.DataFrame:
    """Slope of ln y on ln x, 1 if y is proportional to x, and of the straight line, by source and group.

    Returns:
        ``source, group, n, elasticity, low, high`` (95%, Student's t), ``slope`` (of y on x) and ``r2`` of that line.
    """
    rows = []
    for (source,), part in frame.group_by("source", maintain_order=True):
        for group, members in (groups or GROUPS).items():
            chosen = part.filter(pl.col("dataset").is_in(members))
            if len(chosen) < 3:
                continue
            x, y = chosen["x"].to_numpy(), chosen["y"].to_numpy()
            elasticity, _, _, _, stderr = map(float, stats.linregress(np.log(x), np.log(y)))
            slope, _, r, _, _ = map(float, stats.linregress(x, y))
            half = float(stats.t.ppf(0.975, len(x) - 2) * stderr)
            bounds = {"elasticity": elasticity, "low": elasticity - half, "high": elasticity + half}
            row = {"source": source, "group": group, "n": len(x)}
            rows.append({**row, **bounds, "slope": slope, "r2": r**2})
    return pl.DataFrame(rows)


def within_data_sets(frame: pl.DataFrame) -> pl.DataFrame:
    """Each data set by itself: does the data parameter rise from each x to the next, and as steeply as over all?

    Returns:
        ``source, dataset, n, up, steps`` (of its x in order), ``steepness``: slope of its own line over that of all
        points of the source; data sets with one point are left out.
    """
    rows = []
    for (source, dataset), part in frame.group_by("source", "dataset", maintain_order=True):
        if len(part) < 2:
            continue
        whole, own = frame.filter(pl.col("source") == source), part.sort("x")
        up = int((own["y"].diff().drop_nulls() > 0).sum())
        slope, over_all = (float(np.polyfit(f["x"] / whole["x"].max(), f["y"], 1)[0]) for f in (own, whole))
        rows.append((source, dataset, len(own), up, len(own) - 1, slope / over_all))
    names = ["source", "dataset", "n", "up", "steps", "steepness"]
    return pl.DataFrame(rows, names, orient="row")


def leave_k_out(frame: pl.DataFrame, most: int = 3) -> pl.DataFrame:
    """Smallest and largest Pearson correlation after removing any k points of one source: ``k, low, high, removed``.

    ``removed`` names the points whose removal gives the smallest.
    """
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    names = [f"{d} {s}" for d, s in zip(frame["dataset"], frame["s_max"], strict=True)]
    rows = []
    for k in range(most + 1):
        found = []
        for out in combinations(range(len(x)), k):
            keep = np.setdiff1d(np.arange(len(x)), out)
            found.append((statistic(stats.pearsonr(x[keep], y[keep])), ", ".join(names[i] for i in out)))
        low, high = min(found), max(found)
        rows.append({"k": k, "low": low[0], "high": high[0], "removed": low[1]})
    return pl.DataFrame(rows)


def covariance_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Share of Σ (x − x̄)(y − ȳ), and of Σ (y − ȳ)², that the points of each data set make up.

    Returns:
        ``source, dataset, points, covariance, variance``.
    """
    dx, dy = pl.col("x") - pl.col("x").mean().over("source"), pl.col("y") - pl.col("y").mean().over("source")
    terms = frame.with_columns(xy=dx * dy, yy=dy**2)
    terms = terms.with_columns((pl.col(c) / pl.col(c).sum().over("source")).alias(c) for c in ("xy", "yy"))
    grouped = terms.group_by("source", "dataset", maintain_order=True)
    return grouped.agg(points=pl.len(), covariance=pl.col("xy").sum(), variance=pl.col("yy").sum())


def leave_dataset_out(frame: pl.DataFrame) -> pl.DataFrame:
    """Correlation without one data set, and how well the rest predicts it.

    Returns:
        ``source, left_out, pearson, log_pearson`` of the rest; ``line``, ``power``: geometric mean of prediction over
        fitted value for the left-out points by a straight line and by a power law (null where the line is below 0).
    """
    rows = []
    for (source, dataset), out in frame.group_by("source", "dataset", maintain_order=True):
        rest = frame.filter((pl.col("source") == source) & (pl.col("dataset") != dataset))
        (x, y), (at, seen) = ((part["x"].to_numpy(), part["y"].to_numpy()) for part in (rest, out))
        straight = np.polyval(np.polyfit(x, y, 1), at) / seen
        power = np.polyval(np.polyfit(np.log(x), np.log(y), 1), np.log(at)) - np.log(seen)
        found = correlation(x, y)
        line = float(np.exp(np.log(straight).mean())) if (straight > 0).all() else None
        row = {"source": source, "left_out": dataset, "pearson": found["pearson"]}
        rows.append({**row, "log_pearson": found["log_pearson"], "line": line, "power": float(np.exp(power.mean()))})
    return pl.DataFrame(rows)


def permutation_tests(frame: pl.DataFrame) -> pl.DataFrame:
    """Exact one-sided p-values of the log correlation, between data sets and within them.

    Between: the data sets' mean ln y are permuted over their mean ln x. Within: y is permuted among the points of
    each data set, which keeps all differences between data sets.

    Returns:
        ``source, between, between_least, within, within_least``: p, and the smallest p that so few points can give.
    """
    rows = []
    for (source,), part in frame.group_by("source", maintain_order=True):
        logs = part.with_columns(pl.col("x").log(), pl.col("y").log())
        sets = logs.partition_by("dataset", maintain_order=True)
        x, y = (np.array([s[c].mean() for s in sets]) for c in ("x", "y"))
        between = [float(x @ y[list(order)]) for order in permutations(range(len(sets)))]
        inner = [s["x"].to_numpy() - s["x"].mean() for s in sets]
        ways = [[a @ np.array(order) for order in permutations(s["y"])] for a, s in zip(inner, sets, strict=True)]
        within = [float(sum(choice)) for choice in product(*ways)]
        p = {"between": _p(between), "between_least": 1 / len(between)}
        rows.append({"source": source, **p, "within": _p(within), "within_least": 1 / len(within)})
    return pl.DataFrame(rows)


def _p(values: list[float]) -> float:
    """Share of arrangements at least as large as the first, which is the one observed."""
    return float((np.array(values) >= values[0] - 1e-9).mean())


def tokens_and_entropy(frame: pl.DataFrame) -> pl.DataFrame:
    """ln y (ln 1/y for Table 1) regressed on ln T and ln 1/ApEn: T/ApEn says that both coefficients are alike.

    Returns:
        ``source, tokens, tokens_se, inverse_apen, inverse_apen_se, r2``. The points of one data set are not
        independent, so the standard errors are too small.
    """
    rows = []
    for (source,), part in frame.group_by("source", maintain_order=True):
        sign = -1 if source == "Table 1" else 1
        columns = [np.ones(len(part)), np.log(part["tokens"].to_numpy()), -np.log(part["apen"].to_numpy())]
        design, response = np.column_stack(columns), sign * np.log(part["y"].to_numpy())
        coef, rss, _, _ = np.linalg.lstsq(design, response, rcond=None)
        errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss[0] / (len(part) - 3))
        r2 = 1 - rss[0] / ((response - response.mean()) ** 2).sum()
        tokens = {"tokens": coef[1], "tokens_se": errors[1]}
        rows.append({"source": source, **tokens, "inverse_apen": coef[2], "inverse_apen_se": errors[2], "r2": r2})
    return pl.DataFrame(rows)


def with_entropy_of_lengths(frame: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """The points with the ApEn of one data set replaced by that of repeat-free histories of its mean length.

    For histories without repeats |ApEn(2, 0)| is ln((n − 1)/(n − 2)), a convex function of the length n, so its mean
    over users is at least this value at the mean length.
    """
    n = pl.col("mean_length")
    here = pl.col("dataset") == dataset
    new = frame.with_columns(right=pl.when(here).then(((n - 1) / (n - 2)).log()).otherwise(pl.col("apen")))
    ratio = pl.col("right") / pl.col("apen")
    x = pl.when(pl.col("source") == "Table 1").then(pl.col("x") * ratio).otherwise(pl.col("x") / ratio)
    return new.with_columns(x=x, apen=pl.col("right")).drop("right")


def substitutes() -> pl.DataFrame:
    """Is tokens/ApEn a better predictor of the printed data parameters than tokens alone?

    Three versions of the columns: as printed; tokens put right; and with Amazon's ApEn too at the least that
    histories without repeats can have (`with_entropy_of_lengths`).

    Returns:
        ``source, version, scale`` (linear or logarithmic), ``with_apen, tokens_alone`` (Pearson's r over all points;
        for Table 1 of 1/D_L with ApEn/T and 1/T), ``difference`` (the first less the second), ``low, high`` (its
        least and greatest value, over all points and over leaving out each data set) and ``says`` (`lead`).
    """
    right = points(corrected=True)
    versions = {
        "as printed": points(),
        "tokens put right": right,
        "and Amazon's least ApEn": with_entropy_of_lengths(right, "amazon-books"),
    }
    groups = {"all": GROUPS["all"]}
    groups |= {f"without {out}": tuple(name for name in groups["all"] if name != out) for out in groups["all"]}
    rows = []
    for version, frame in versions.items():
        found = [correlations(frame, column, groups) for column in ("x", "x_tokens")]
        for source in SOURCES:
            for scale, name in (("linear", "pearson"), ("logarithmic", "log_pearson")):
                ours, alone = (part.filter(source=source)[name].to_list() for part in found)
                gaps = [one - other for one, other in zip(ours, alone, strict=True)]
                ends = (gaps[0], min(gaps), max(gaps))
                rows.append((source, version, scale, ours[0], alone[0], *ends, lead(ends[1], ends[2])))
    names = ["source", "version", "scale", "with_apen", "tokens_alone", "difference", "low", "high", "says"]
    return pl.DataFrame(rows, names, orient="row")


LEADS = ("ahead", "tied", "behind")


def lead(low: float, high: float) -> str:
    """“ahead” or “behind” if the difference has one sign whichever data set is left out, else “tied”."""
    ahead, tied, behind = LEADS
    return ahead if low > 0 else behind if high < 0 else tied
