"""Figure 4: does the fitted data parameter grow with #Tokens/ApEn, and can it be told from one panel at all?"""

from __future__ import annotations

from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats
from scipy.optimize import least_squares, minimize_scalar
from scipy.special import huber

from srlaw import paper
from srlaw.laws import bootstrap, fit, get
from srlaw.paper import Panel

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
        "pearson": _statistic(stats.pearsonr(x, y)),
        "spearman": _statistic(stats.spearmanr(x, y)),
        "log_pearson": _statistic(stats.pearsonr(np.log(x), np.log(y))),
    }


def _statistic(result: Any) -> float:
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
            found.append((_statistic(stats.pearsonr(x[keep], y[keep])), ", ".join(names[i] for i in out)))
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


def table_against_figures() -> pl.DataFrame:
    """D′ of Table 2 beside the D′ printed in the figure of the same panel, and the figure value nearest to it.

    Returns:
        ``dataset, s_max, metric, table, figure, factor`` (the larger over the smaller), ``nearest`` (the panel of the
        same metric whose printed D′ is closest) and ``nearest_off``, its relative difference.
    """
    figures = paper.figure_fits("performance_law")
    rows = []
    for metric in paper.FIGURE_METRICS:
        drawn = figures.filter(pl.col("metric") == metric)
        for row in paper.table(2).iter_rows(named=True):
            value = row[f"{metric}_d_prime"]
            here = drawn.filter((pl.col("dataset") == row["dataset"]) & (pl.col("s_max") == row["s_max"]))
            figure = here["d_prime"].item()
            near = drawn.row((drawn["d_prime"] / value).log().abs().arg_min(), named=True)
            panel = {"dataset": row["dataset"], "s_max": row["s_max"], "metric": paper.METRICS[metric]}
            values = {"table": value, "figure": figure, "factor": max(value / figure, figure / value)}
            nearest = {"nearest": f"{near['dataset']} {near['s_max']}", "nearest_off": abs(near["d_prime"] / value - 1)}
            rows.append({**panel, **values, **nearest})
    return pl.DataFrame(rows)


READINGS = ("as printed", "Huawei's exchanged", "Huawei's of the figures", "all of the figures")
"""Which fitted D′: Table 2's; the same with Huawei's two at each other's s_max, or as its figures have them; those of
all figures."""


def readings() -> pl.DataFrame:
    """The points of Figure 4 for HR@10 and NDCG@10 with each of `READINGS`, tokens put right.

    Returns:
        ``reading, metric, dataset, s_max, x`` (tokens/ApEn), ``y`` (D′).
    """
    right = points(corrected=True)
    parts = []
    for metric in map(paper.METRICS.get, paper.FIGURE_METRICS):
        table, figure = (right.filter(source=f"{where}, {metric}") for where in ("Table 2", "figures"))
        table = table.join(figure.select("dataset", "s_max", drawn="y"), on=["dataset", "s_max"], maintain_order="left")
        huawei = pl.col("dataset") == "huawei-music"
        other = pl.col("y").reverse().over("dataset")  # Huawei has two rows
        choices = [
            pl.col("y"),
            pl.when(huawei).then(other).otherwise("y"),
            pl.when(huawei).then("drawn").otherwise("y"),
            pl.col("drawn"),
        ]
        for reading, y in zip(READINGS, choices, strict=True):
            head = [pl.lit(reading).alias("reading"), pl.lit(metric).alias("metric"), "dataset", "s_max", "x"]
            parts.append(table.select(*head, y=y))
    return pl.concat(parts)


def averaged(frame: pl.DataFrame) -> pl.DataFrame:
    """“The average value of the dataset parameter”: `readings` with x and y averaged over a data set's s_max."""
    by = frame.group_by("reading", "metric", "dataset", maintain_order=True)
    return by.agg(pl.col("x", "y").mean()).with_columns(s_max=None)


def ranges(frame: pl.DataFrame) -> pl.DataFrame:
    """Pearson's r of each reading and metric, with its range over leaving one data set out.

    Returns:
        ``reading, metric, n, r, low, high, without`` (the data set whose absence gives the least), ``log_r``.
    """
    rows = []
    for (reading, metric), part in frame.group_by("reading", "metric", maintain_order=True):
        out = []
        for name in part["dataset"].unique(maintain_order=True):
            rest = part.filter(pl.col("dataset") != name)
            out.append((_statistic(stats.pearsonr(rest["x"], rest["y"])), name))
        found, (low, without), (high, _) = correlation(part["x"], part["y"]), min(out), max(out)
        row = {"reading": reading, "metric": metric, "n": len(part), "r": found["pearson"], "low": low, "high": high}
        rows.append({**row, "without": without, "log_r": found["log_pearson"]})
    return pl.DataFrame(rows)


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


PUBLISHED = {
    "the paper, Eq. (2)": paper.equation(2)[1],
    "Hoffmann et al. 2022": paper.equation(2, "corrected")[1],
}
"""Parameters of the simplified scaling law, as printed by two publications."""
REPLICATION = {"E": 1.8169, "error": 0.026}
"""E and its standard error as Besiroglu et al. (2024) report them, from the same points."""


def chinchilla_refit(path: Path | str, resamples: int = 300, seed: int = 1) -> pl.DataFrame:
    """The scaling law fitted to the points that Epoch AI read from Hoffmann et al.'s figure (see `data/paper`).

    The five largest losses are dropped, D = FLOP/(6N), and the sum of Huber losses (δ = 0.001) of log-loss residuals
    is minimised.

    Args:
        path: ``chinchilla_epoch_extracted.csv``.
        resamples: of the points, for the standard errors.

    Returns:
        ``fit, E, A, B, alpha, beta, objective``: one row ``least`` (all five free) and ``error`` (standard errors);
        one each for `PUBLISHED`, and one, ``best E``, with the other four parameters of Eq. (2).
    """
    n, flop = pl.col("Model Size"), pl.col("Training FLOP")
    frame = pl.read_csv(path).select(n_params=n, tokens=flop / (6 * n), loss="loss")
    frame = frame.sort("loss").head(len(frame) - 5)
    law, x = get("chinchilla"), {name: frame[name].to_numpy() for name in ("n_params", "tokens")}

    def cost(params: dict[str, float]) -> float:
        residual = np.log(frame["loss"].to_numpy()) - np.log(law.predict(params, x))
        return float(huber(1e-3, residual).sum())

    result = fit(law, frame, "loss", huber=1e-3)
    draws = bootstrap(result, resamples, "pairs", seed=seed)
    printed = PUBLISHED["the paper, Eq. (2)"]
    found: Any = minimize_scalar(lambda e: cost({**printed, "E": e}), bounds=(1, 2.5), method="bounded")
    rows = [{"fit": "least", **result.params, "objective": cost(result.params)}]
    rows.append({"fit": "error", **{name: float(np.std(v)) for name, v in draws.params.items()}, "objective": None})
    rows += [{"fit": name, **params, "objective": cost(params)} for name, params in PUBLISHED.items()]
    rows.append({"fit": "best E", **printed, "E": float(found.x), "objective": float(found.fun)})
    return pl.DataFrame(rows).select("fit", *printed, "objective")


def same_curve(panel: Panel) -> tuple[pl.DataFrame, dict[str, int]]:
    """Eq. (7) with several published D′ and w5 in one panel, p2 chosen so that the curve is the fitted one.

    Returns:
        the table ``source, d_prime, w5, p2, r2`` and the counts ``parameters`` of Eq. (7) with b and D′ included,
        ``identified`` (rank of the Jacobian on the panel) and ``data_columns`` (rank of the columns of b, p2, w5, D′).
    """
    row = paper.of_panel(paper.table(2, corrected=True), panel)
    drawn = paper.of_panel(paper.figure_fits("performance_law"), panel)["d_prime"]
    result, joint = fit(get("performance"), panel.points, "y"), get("performance-joint")
    w5 = row[f"{panel.metric}_w5"]
    choices = [("Table 2", row[f"{panel.metric}_d_prime"], w5), ("figure", drawn, w5)]
    choices += [("tokens/ApEn", row["tokens_over_apen"], 0.1), ("made up", 42.0, -0.5)]
    spread = ((result.y - result.y.mean()) ** 2).sum()
    rows = []
    for source, d_prime, exponent in choices:
        p2 = paper.cancelling_p2(d_prime, exponent)  # b stays as fitted
        params = {**result.params, "p2": p2, "w5": exponent}
        predicted = joint.predict(params, {**result.x, "tokens_over_apen": np.full(result.n, d_prime)})
        r2 = 1 - ((result.y - predicted) ** 2).sum() / spread
        rows.append({"source": source, "d_prime": d_prime, "w5": exponent, "p2": p2, "r2": r2})
    params = {**result.params, "p2": rows[0]["p2"], "w5": w5}
    jacobian = joint.jacobian(params, {**result.x, "tokens_over_apen": np.full(result.n, choices[0][1])})
    by_d = (1 - w5 * params["p2"] * choices[0][1] ** -w5) / choices[0][1]
    full = np.column_stack([jacobian, np.full(result.n, by_d)])
    data = [joint.parameters.index(name) for name in ("b", "p2", "w5")] + [full.shape[1] - 1]
    counts = {"parameters": full.shape[1], "identified": _rank(full), "data_columns": _rank(full[:, data])}
    return pl.DataFrame(rows), counts


def fitted_from(panel: Panel, starts: tuple[float, ...] = (1.0, 10.0, 100.0), p: float = 2.0) -> list[float]:
    """D′ of the authors' code form (p held, b free, all else from 1, D′ ≥ 0) after least squares, by its start."""
    n, d, y = (panel.points[c].to_numpy().astype(float) for c in ("n_layers", "d_emb", "y"))

    def term(x, w):
        return -np.power(x, -w) / p - w * np.log(x)

    def residuals(q):
        w1, w2, d_prime, b, w3, w4, w5 = q
        return w1 * term(n, w3) + w2 * term(d, w4) + term(d_prime, w5) + b - y

    box = (np.where(np.arange(7) == 2, 0, -np.inf), np.inf)
    with np.errstate(all="ignore"):
        return [float(least_squares(residuals, [1, 1, start, 1, 1, 1, 1], bounds=box).x[2]) for start in starts]


def _rank(columns: np.ndarray) -> int:
    norms = np.linalg.norm(columns, axis=0)
    return int(np.linalg.matrix_rank(columns / np.where(norms > 0, norms, 1), tol=1e-9))
