"""Do a few small models predict the large ones? Fit the k smallest, predict the others and choose among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
from scipy.stats import binomtest, norm, rankdata, wilcoxon

from srlaw.chapters.evolution import evolved
from srlaw.errors import InputError
from srlaw.laws import PANEL_LAWS, Law, bootstrap, determined, fit, forecasts, get
from srlaw.laws.forecast import size_order
from srlaw.paper import PANEL, Panel
from srlaw.rules.extrapolation import MOST, misleads_somewhere

NAIVE = {"best": "best so far", "largest": "largest so far", "mean": "mean so far", "near": "three nearest so far"}
"""The forecasts without any law: every new model will be as good as the …"""
CHEAP = ("performance", "power", "log-quadratic", "log-quadratic-interaction")  # laws that fit in milliseconds
BEYOND = 1.96  # standard errors of the noise


def ordered(points: pl.DataFrame, order: str = "size") -> pl.DataFrame:
    """From the smallest configuration to the largest: by N·d², then N (``"size"``), or by N, then d (``"depth"``)."""
    return points.sort("n_layers", "d_emb") if order == "depth" else points[size_order(points)]


def feasible(law: Law, points: pl.DataFrame, k: int) -> bool:
    """Whether the first k points determine the law with a point to spare."""
    return k > len(law.parameters) and determined(law, points, k)


def extrapolate(
    panels: Sequence[Panel],
    laws: Sequence[str] = PANEL_LAWS,
    order: str = "size",
    starts: int = 6,
    shares: Sequence[float] | None = None,
) -> pl.DataFrame:
    """Every law fitted to the first k points of every panel, for every feasible k.

    In the order ``"size"`` up to k = n; in the order ``"depth"`` k takes whole depths and leaves one out at least.
    With `shares`, only the k that `at_share` takes for them. Panels of one design are one batch.

    Returns:
        one row a panel, law, k and point, smallest first: ``dataset, s_max, metric, law, k, n, n_layers, d_emb, y,
        seen`` (fitted to), ``prediction``.
    """
    groups: dict[tuple, list[Panel]] = {}
    for panel in panels:
        points = ordered(panel.points, order)
        groups.setdefault((*points["n_layers"], *points["d_emb"]), []).append(replace(panel, points=points))
    frames = [_extrapolate(group, get(name), order, starts, shares) for group in groups.values() for name in laws]
    if not any(frames):
        raise InputError("the points determine none of the laws; three depths and three widths are the least")
    return pl.concat([frame for part in frames for frame in part])


def _extrapolate(group: list[Panel], law: Law, order: str, starts: int, shares) -> list[pl.DataFrame]:
    points = group[0].points
    n, depth = len(points), points["n_layers"].to_numpy()
    cuts = range(1, n + 1) if order == "size" else np.flatnonzero(np.diff(depth)) + 1
    sizes = np.array([k for k in cuts if feasible(law, points, int(k))], int)
    if shares is not None:
        enough = [sizes[sizes >= share * n] for share in shares]
        sizes = np.unique([found[0] for found in enough if len(found)]).astype(int)
    y, frames = np.stack([panel.points["y"].to_numpy() for panel in group]), []
    predicted = forecasts(law, points, y, sizes, starts) if len(sizes) else [[]] * len(group)
    for panel, by_size in zip(group, predicted, strict=True):
        for k, values in zip(sizes, by_size, strict=True):
            label = {**panel.label, "law": law.name, "k": int(k), "n": n}
            fitted = panel.points.select(
                "n_layers", "d_emb", "y", seen=pl.int_range(n) < int(k), prediction=pl.Series(values)
            )
            frames.append(fitted.select(*[pl.lit(value).alias(key) for key, value in label.items()], pl.all()))
    return frames


def noise(fits: pl.DataFrame) -> pl.DataFrame:
    """Standard deviation of one run around the best-fitting smooth law of its panel, all points fitted.

    Each point is one training run, so this is the only estimate there is; what the law misses is in it. `additive`
    checks it without a law: what a free effect of each depth and each width leaves (with their interaction).
    `fits` is from `extrapolate` in the order ``"size"``; its rows with k = n are used.

    Returns:
        one row a panel: ``dataset, s_max, metric, sigma, best_law`` (whose residual variance is least), ``additive``.
    """
    rows = []
    for panel, whole in fits.filter(pl.col("k") == pl.col("n")).group_by(PANEL, maintain_order=True):
        squares = whole.group_by("law").agg(((pl.col("y") - pl.col("prediction")) ** 2).sum(), n=pl.len())
        sigma, law = min((np.sqrt(rss / (n - len(get(law).parameters))), law) for law, rss, n in squares.rows())
        part = whole.filter(pl.col("law") == law)
        design = part.select("n_layers", "d_emb").cast(pl.String).to_dummies().to_numpy().astype(float)
        y = part["y"].to_numpy()
        rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        additive = np.sqrt(rest @ rest / max(len(y) - np.linalg.matrix_rank(design), 1))
        found = {"sigma": float(sigma), "best_law": law, "additive": float(additive)}
        rows.append(dict(zip(PANEL, panel, strict=True)) | found)
    return pl.DataFrame(rows)


def scores(fits: pl.DataFrame, whole: pl.DataFrame, level: pl.DataFrame) -> pl.DataFrame:
    """What each fit of some points is worth on the others: one row a panel, law and k < n.

    Args:
        fits: from `extrapolate`. whole: the same in the order ``"size"``, for its fits of all points.
        level: from `noise`.

    Returns:
        ``dataset, s_max, metric, law, k, n, sigma``; over the points not seen: ``rmse``, that of the `NAIVE` forecasts
        (``rmse_best, rmse_largest, rmse_mean, rmse_near``), ``z_best, …`` (difference of squared errors over its
        standard error from the noise of these points; negative where the law is better), ``correlation`` (Spearman,
        or None).
        Of choices among all configurations: ``best`` (is the law's the measured best?) and how far they lie below the
        best measurement: ``regret`` (of the law's), ``regret_seen`` (of the best so far), ``regret_largest``,
        ``regret_random`` (expected); ``new, new_largest, new_random`` among the points not seen; ``smooth,
        smooth_seen`` on the panel's best smooth law instead of the single measurements; ``around, around_seen`` by the
        mean of the neighbours in the grid, which the luck of the chosen run itself is not in.
    """
    best = level.select(*PANEL, "sigma", law="best_law")
    full = whole.filter(pl.col("k") == pl.col("n")).join(best, on=[*PANEL, "law"])
    surface = full.select(*PANEL, "n_layers", "d_emb", "sigma", surface="prediction")
    return scored(fits.join(surface, on=[*PANEL, "n_layers", "d_emb"], how="left", maintain_order="left"))


def scored(part: pl.DataFrame) -> pl.DataFrame:
    """`scores` of fits that bring their own ``sigma`` and ``surface``; rows with k = n are left out."""
    rows = []
    part = part.filter(pl.col("k") < pl.col("n")).with_row_index("place")
    for panel, whole in part.group_by(PANEL, maintain_order=True):
        columns = whole.select("law", "k", "place", "n_layers", "d_emb", "y", "prediction", "surface")
        fits = columns.group_by("law", "k", maintain_order=True).agg(pl.first("place"), pl.exclude("place"))
        points = fits[0].select("n_layers", "d_emb", "y").explode("n_layers", "d_emb", "y")
        label = dict(zip(PANEL, panel, strict=True))
        size, around = {"n": len(points), "sigma": whole["sigma"][0]}, neighbours(points)
        naive = {k: naive_forecasts(points, k) for k in fits["k"].unique()}
        for law, k, place, _, _, y, guess, surface in fits.iter_rows():
            measured = np.array(y), np.array(guess, dtype=float), np.array(surface, dtype=float)
            found = _score(k, size["sigma"], *measured, around, naive[k])
            rows.append((place, {**label, "law": law, "k": k, **size, **found}))
    return pl.DataFrame([row for _, row in sorted(rows, key=lambda one: one[0])], infer_schema_length=None)


def places(points: pl.DataFrame) -> np.ndarray:
    """ln N and ln d of every point, each over its standard deviation in the panel's design: ``(n, 2)``."""
    x = np.log(points.select("n_layers", "d_emb").to_numpy().astype(float))
    return x / np.where(x.std(0) > 0, x.std(0), 1.0)


def nearest(x: np.ndarray, y: np.ndarray, new: np.ndarray, count: int = 1) -> np.ndarray:
    """Mean of the `count` measured points nearest to each new one; equally distant ones all count: ``(m,)``."""
    distance = np.linalg.norm(new[:, None] - x[None], axis=2)
    reach = np.sort(distance, axis=1)[:, [min(count, len(x)) - 1]]
    taken = distance <= reach * (1 + 1e-9) + 1e-12
    return (taken * y).sum(1) / taken.sum(1)


def neighbours(points: pl.DataFrame) -> np.ndarray:
    """Mean measurement of the next smaller and larger depth at the same width, and of the next widths: ``(n,)``.

    The point's own measurement is not in it; NaN for a point without a neighbour.
    """
    rank = np.stack([np.unique(points[c].to_numpy(), return_inverse=True)[1] for c in ("n_layers", "d_emb")], axis=1)
    beside = np.abs(rank[:, None] - rank[None]).sum(2) == 1
    with np.errstate(invalid="ignore"):
        return (beside * points["y"].to_numpy()).sum(1) / beside.sum(1)


def naive_forecasts(points: pl.DataFrame, k: int) -> dict[str, np.ndarray]:
    """What the `NAIVE` forecasts say of the points after the first k, by name: ``(n − k,)`` each."""
    y, x = points["y"].to_numpy(), places(points)
    same = {"best": y[:k].max(), "largest": y[k - 1], "mean": y[:k].mean()}
    flat = {name: np.full(len(y) - k, value) for name, value in same.items()}
    return {**flat, "near": nearest(x[:k], y[:k], x[k:], 3)}


def _score(k: int, sigma: float, y, guess, surface, around, naive: dict[str, np.ndarray]) -> dict:
    """`scores` of one fit; `around` from `neighbours` and `naive` from `naive_forecasts` are the same for all laws."""
    new, wanted = y[k:], guess[k:]
    out: dict[str, float | None] = {"rmse": float(np.sqrt(np.mean((wanted - new) ** 2)))}
    for name, value in naive.items():
        out[f"rmse_{name}"] = float(np.sqrt(np.mean((value - new) ** 2)))
        # Σ(p − y)² − Σ(q − y)² is linear in y: its standard error is exact, 2σ |p − q|
        difference, apart = ((wanted - new) ** 2 - (value - new) ** 2).sum(), np.linalg.norm(wanted - value)
        out[f"z_{name}"] = float(difference / (2 * sigma * apart)) if apart > 0 else 0.0
    varied = len(new) > 2 and np.ptp(new) > 0 and np.ptp(wanted) > 0
    out["correlation"] = float(np.corrcoef(rankdata(wanted), rankdata(new))[0, 1]) if varied else None
    choice, seen, best, top = guess.argmax(), y[:k].argmax(), y.max(), new.max()
    lost = {"regret": y[choice], "regret_seen": y[seen], "regret_largest": y[-1], "regret_random": y.mean()}
    lost_new = {"new": new[wanted.argmax()], "new_largest": new[-1], "new_random": new.mean()}
    out |= {name: float(best - value) for name, value in lost.items()}
    out |= {name: float(top - value) for name, value in lost_new.items()}
    for name, truth in (("smooth", surface), ("around", around)):
        for end, i in (("", choice), ("_seen", seen)):  # None: the point has no neighbour in the grid
            out[f"{name}{end}"] = None if np.isnan(truth[i]) else float(np.nanmax(truth) - truth[i])
    return out | {"best": bool(y[choice] == best)}


def at_share(table: pl.DataFrame, share: float) -> pl.DataFrame:
    """The rows of `scores` with the smallest feasible k of at least this share of the panel's points."""
    enough = table.filter(pl.col("k") >= share * pl.col("n"))
    return enough.filter(pl.col("k") == pl.col("k").min().over(*PANEL, "law"))


def beyond_any(of: int = len(NAIVE)) -> float:
    """Standard errors beyond which the largest of several differences counts, the level of `BEYOND` shared by all."""
    return float(norm.isf(norm.sf(BEYOND) / of))


def judged(table: pl.DataFrame, noise_factor: float | pl.Expr = 1.0) -> pl.DataFrame:
    """Rows of `scores` with four verdicts; `noise_factor`, a number or a column, multiplies the noise.

    ``lower``: the error is below all naive ones; ``better``: beyond the noise; ``worse``: above one of them beyond the
    noise, at a level shared by all (Bonferroni), as the best of several is a high bar; ``near``: the choice is within
    the noise of the best (two single runs differ by less than 1.96 √2 σ).
    """
    limit, any_of = noise_factor * BEYOND, noise_factor * beyond_any()
    worst = pl.max_horizontal(f"z_{name}" for name in NAIVE)
    return table.with_columns(
        lower=pl.col("rmse") < pl.min_horizontal(f"rmse_{name}" for name in NAIVE),
        better=worst < -limit,
        worse=worst > any_of,
        near=pl.col("regret") < limit * np.sqrt(2) * pl.col("sigma"),
    )


def larger_noise(table: pl.DataFrame, level: pl.DataFrame) -> pl.DataFrame:
    """`judged` by the larger of the two estimates of the noise: of the best smooth law, and without a law (`noise`)."""
    rows = table.join(level.select(*PANEL, "additive"), on=PANEL, how="left", maintain_order="left")
    return judged(rows, pl.max_horizontal("additive", "sigma") / pl.col("sigma"))


def endures(table: pl.DataFrame, readings: Sequence[str], most: float = 3.0) -> float:
    """By which factor, up to `most`, σ could be larger with every reading still misleading in some data set; or 0."""
    factors = np.arange(1, most + 0.025, 0.05)
    holds = [misleads_somewhere(judged(table, float(factor)), list(readings)) for factor in factors]
    return round(float(factors[np.flatnonzero(holds)[-1]]), 2) if any(holds) else 0.0


def spare(rows: pl.DataFrame, readings: Sequence[str]) -> int:
    """The least number of panels that must no longer be ``worse`` for `misleads_somewhere` to end: 1 hangs on one.

    It takes as many as lose the majority in each data set where a reading misleads, of the reading that needs fewest;
    0 where some reading misleads nowhere.
    """
    needed = []
    for law in readings:
        sets = rows.filter(pl.col("law") == law).group_by("dataset").agg(pl.col("worse").sum(), of=pl.len())
        surplus = sets.select((pl.col("worse").cast(pl.Int64) - (pl.col("of") * MOST).floor()).clip(0).sum())
        needed.append(int(surplus.item()))
    return min(needed, default=0)


def paired(rows: pl.DataFrame) -> pl.DataFrame:
    """Is a law better than a naive predictor over the panels? Two-sided tests of ln(rmse / naive rmse), by law.

    Panels are not independent: metrics share runs, and s_max share a data set. The honest unit is the data set:
    ``data_sets`` counts those whose mean ln ratio is below 0, and ``p_data_sets`` is the sign test on them.

    Returns:
        ``law, naive, panels, wins, ties, ratio`` (median), ``p_sign, p_wilcoxon``, ``data_sets, of, p_data_sets``.
    """
    out = []
    for ((law,), part), (name, naive) in product(rows.group_by("law", maintain_order=True), NAIVE.items()):
        part = part.with_columns(gain=(pl.col("rmse") / pl.col(f"rmse_{name}")).log())
        gain, means = part["gain"].to_numpy(), part.group_by("dataset").agg(pl.col("gain").mean())["gain"]
        wins, ties, good = int((gain < 0).sum()), int((gain == 0).sum()), int((means < 0).sum())
        row = {"law": law, "naive": naive, "panels": len(gain), "wins": wins, "ties": ties}
        row |= {"ratio": float(np.exp(np.median(gain))), "p_sign": binomtest(wins, max(len(gain) - ties, 1)).pvalue}
        row |= {"p_wilcoxon": float(np.array(wilcoxon(gain, method="asymptotic"))[1]) if len(gain) > ties else 1.0}
        out.append(row | {"data_sets": good, "of": len(means), "p_data_sets": binomtest(good, len(means)).pvalue})
    return pl.DataFrame(out)


def onset(table: pl.DataFrame, unseen: int = 3) -> pl.DataFrame:
    """From which k on a law stays below all naive errors, while `unseen` points or more are left to predict.

    Returns ``dataset, s_max, metric, law, n, first`` (feasible k) and ``onset`` (None: not even at the last such k).
    """
    rows = judged(table.filter(pl.col("k") <= pl.col("n") - unseen))
    ends = {"first": pl.col("k").min(), "end": pl.col("k").max(), "last": pl.col("k").filter(~pl.col("lower")).max()}
    spans = rows.group_by([*PANEL, "law", "n"], maintain_order=True).agg(**ends)
    after = pl.max_horizontal("first", pl.col("last") + 1)  # `last`: the last k at which the error is not lower
    return spans.with_columns(onset=pl.when(after <= pl.col("end")).then(after)).drop("end", "last")


def deepest(points: pl.DataFrame, laws: Sequence[str], n_bootstrap: int, seed: int = 0, extra=None) -> pl.DataFrame:
    """The greatest depth predicted from the shallower ones, with 95% prediction intervals (residual bootstrap).

    `extra` has further measured points of the greatest depth, in the columns of `points`: ``n_layers, d_emb, y``.

    Returns:
        one row a law and width: ``law, k, n_layers, d_emb, y, prediction, low, high`` (of a single run: the bootstrap
        of the law plus a residual); nulls where the shallower points do not determine it), ``same_width``
        (measured at the next smaller depth; null if not), ``best`` (so far).
    """
    depths = points["n_layers"].unique().sort()
    points = ordered(points, "depth").select("n_layers", "d_emb", "y")
    small, large = (points.filter((pl.col("n_layers") == depths[-1]) == last) for last in (False, True))
    large = large if extra is None else pl.concat([large, extra.select(large.columns)], how="vertical_relaxed")
    before = small.filter(pl.col("n_layers") == depths[-2]).select("d_emb", same_width="y")
    large = large.sort("d_emb").join(before, on="d_emb", how="left", maintain_order="left")
    frames, rng = [], np.random.default_rng(seed)
    for name in laws:
        law, columns = get(name), dict.fromkeys(("prediction", "low", "high"), pl.lit(None, pl.Float64))
        if feasible(law, small, len(small)):
            result = fit(law, small, "y")
            noise = np.sqrt(result.n / (result.n - result.free)) * (result.residuals - result.residuals.mean())
            draws = bootstrap(result, n_bootstrap, seed=seed).predict(large)
            draws = draws + rng.choice(noise, draws.shape)
            low, high = np.nanquantile(draws, [0.025, 0.975], axis=0, method="nearest")
            columns = {"prediction": pl.Series(result.predict(large)), "low": pl.Series(low), "high": pl.Series(high)}
        columns |= {"law": pl.lit(name), "k": pl.lit(len(small)), "best": pl.lit(small["y"].max())}
        frames.append(large.with_columns(**columns))
    return pl.concat(frames, how="diagonal")


def by_evolution(points: pl.DataFrame, k: int, seed: int = 0) -> tuple[float, np.ndarray]:
    """Eq. (7), one p per term, fitted to the first k points by differential evolution over w3 and w4: a second route.

    Returns the sum of squares over the k points and the predictions at all points.
    """
    logs = [np.log(points[name].to_numpy() / points[name].mean()) for name in ("n_layers", "d_emb")]
    squares, curve = evolved([u[:k] for u in logs], points["y"].to_numpy()[:k], seed)
    return squares, curve(logs)
