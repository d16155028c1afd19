"""Compute, size and data in the 119 published runs of *Scaling Sequential Recommendation Models with Transformers*.

NDCG@5 is the validation metric of the published logs unless a column says test. A run has one data set, one size and
one number of negatives; its 10 evaluations stand at different amounts of compute, under one learning rate schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise, product

import numpy as np
import polars as pl
from scipy import stats
from scipy.optimize import curve_fit, least_squares

from srlaw import paper
from srlaw.laws import fit, get

METRIC = "valid_ndcg_at_5"
SIZES = {
    "parameters": "model_total_params",
    "parameters without embeddings": "model_non_emb_params",
    "interactions": "n_inters",
}
SIGMOID = {"height": 0.396, "rate": 0.18, "middle": 24.44, "floor": -0.247}
"""The frontier of Zivic et al. (2024): NDCG@5 = height/(1 + exp(−rate (ln C − middle))) + floor, C in FLOPs."""
JOINT = {"E": 0.163, "A": 18.56, "alpha": 0.376, "B": 2.9, "beta": 0.364}
"""The joint law of Zivic et al. (2024): NDCG@5 = E − A/N^alpha − B/T^beta, N parameters, T interactions."""
BESIROGLU = {"E": 1.8172, "A": 477.83, "B": 2143.4, "alpha": 0.3473, "beta": 0.3672}
"""Chinchilla's law refitted by Besiroglu et al. (2024) to losses of language models."""
HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
"""The same as first published, by Hoffmann et al. (2022); both for `parabola_bias`."""
TRANSFER_LOGS = 1
"""Fine-tuning runs whose log was published: ``logs/test_finetune.log``. A comparison takes two."""
TRANSFER_EPOCHS = 2
"""Epochs of that run."""
BATCH_TOKENS = 128 * 50  # events of the batch that the logs' operations are counted for


def runs() -> pl.DataFrame:
    """The runs, smaller data sets first, with ``epoch_flops`` as the published notebook counts them:
    operations of a batch × interactions / batch size."""
    per_epoch = pl.col("total_flops") * pl.col("n_inters") / pl.col("train_batch_size")
    return paper.srt_runs().with_columns(epoch_flops=per_epoch.floor()).sort("n_inters", "run")


def evaluations() -> pl.DataFrame:
    """Every evaluation of every run, in the order of compute: the columns of `runs`, ``step`` (epochs from 0),
    ``flops`` spent until then, ``seen`` (interactions, with repeats), the metric and the validation loss of the curve.
    """
    curves = paper.srt_curves().drop_nulls(METRIC).select("run", "step", METRIC, "valid_eval_loss")
    joined = curves.join(runs().drop(METRIC, "valid_eval_loss"), on="run", how="inner")
    epochs = pl.col("step") + 1
    joined = joined.with_columns(flops=pl.col("epoch_flops") * epochs, seen=pl.col("n_inters") * epochs)
    return joined.sort("flops", "run")


def frontier(points: pl.DataFrame) -> pl.DataFrame:
    """The evaluations that are better than all others with as much compute or less, in the order of compute."""
    ordered = points.sort("flops", METRIC, descending=[False, True])
    best = ordered[METRIC].cum_max()
    return ordered.filter(best > best.shift(1, fill_value=-1.0))


def envelope(points: pl.DataFrame) -> pl.DataFrame:
    """The published notebook's "optimal performance": the greatest of all runs' curves, interpolated.

    Returns:
        ``flops`` of every evaluation and the greatest metric there, over runs that had begun and not ended.
    """
    at = points["flops"].unique().sort().to_numpy()
    best = np.full(len(at), -np.inf)
    for _, curve in points.sort("flops").group_by("run", maintain_order=True):
        x, y = curve["flops"].to_numpy(), curve[METRIC].to_numpy()
        inside = (at >= x[0]) & (at <= x[-1])
        best[inside] = np.maximum(best[inside], np.interp(at[inside], x, y))
    return pl.DataFrame({"flops": at, METRIC: best})


def sigmoid(ln_c, height, rate, middle, floor):
    """The published form, of ln C."""
    return height / (1 + np.exp(-rate * (ln_c - middle))) + floor


def fit_sigmoid(ln_c: np.ndarray, y: np.ndarray, top: float | None = None) -> dict[str, float]:
    """Least squares from the published parameters: these, ``top`` (height + floor, the limit) and ``r2``.

    Args:
        top: the limit, if it is held.
    """
    start = list(SIGMOID.values())
    if top is None:
        found, _ = curve_fit(sigmoid, ln_c, y, p0=start, maxfev=100_000)
    else:

        def gap(q):
            return sigmoid(ln_c, np.exp(q[0]), np.exp(q[1]), q[2], top - np.exp(q[0])) - y

        height, rate, middle = least_squares(
            gap, [np.log(start[0]), np.log(start[1]), start[2]], x_scale=[0.1, 0.1, 1.0], max_nfev=20_000, xtol=1e-12
        ).x
        found = [np.exp(height), np.exp(rate), middle, top - np.exp(height)]
    params = dict(zip(SIGMOID, map(float, found), strict=True))
    return params | {"top": params["height"] + params["floor"], "r2": r2(y, sigmoid(ln_c, **params))}


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 − Σ residual² / Σ (y − ȳ)²."""
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def frontier_fits() -> pl.DataFrame:
    """The published sigmoid and free fits of it, on the measured frontier, on the notebook's and without the last part.

    Returns:
        ``points`` (which), ``curve, n`` and the parameters, ``top, r2``; for the quadratic in ln C and the straight
        line only r2.
    """
    points = evaluations()
    measured, drawn = frontier(points), envelope(points)
    running = drawn.with_columns(pl.col(METRIC).cum_max())
    rows = []
    for name, part in (("measured", measured), ("interpolated", drawn), ("interpolated, rising", running)):
        x, y = _xy(part)
        published = SIGMOID | {"top": SIGMOID["height"] + SIGMOID["floor"], "r2": r2(y, sigmoid(x, **SIGMOID))}
        rows.append({"points": name, "curve": "published", "n": len(y)} | published)
        rows.append({"points": name, "curve": "sigmoid, refitted", "n": len(y)} | fit_sigmoid(x, y))
        for degree, curve in ((2, "quadratic in ln C"), (1, "line in ln C")):
            line = np.polynomial.Polynomial.fit(x, y, degree)
            rows.append({"points": name, "curve": curve, "n": len(y), "r2": r2(y, line(x))})
    return pl.DataFrame(rows, infer_schema_length=None)


def _xy(part: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return np.log(part["flops"].to_numpy()), part[METRIC].to_numpy()


def limits(tops: Sequence[float]) -> pl.DataFrame:
    """How well the sigmoid fits the measured frontier with its limit held: ``top, r2``."""
    x, y = _xy(frontier(evaluations()))
    return pl.DataFrame([{"top": top, "r2": fit_sigmoid(x, y, top)["r2"]} for top in tops])


def over_data_sets(statistic: Callable[[pl.DataFrame], dict[str, float]]) -> pl.DataFrame:
    """A statistic of the evaluations over every way to draw as many data sets as there are, with replacement.

    Drawing a data set twice adds nothing to a frontier, so a draw is the set of those in it; the 5⁵ draws of five
    make 31 such sets, each counted as often as it is drawn. Sets of one data set are left out.

    Returns:
        ``name, value, low, high`` (95%), and ``without_low, without_high``: the range with one data set left out.
    """
    points = evaluations()
    names = points["dataset"].unique().sort().to_list()
    counts = Counter(frozenset(draw) for draw in product(names, repeat=len(names)))
    drawn = {chosen: n for chosen, n in counts.items() if len(chosen) > 1}
    values = {chosen: statistic(points.filter(pl.col("dataset").is_in(list(chosen)))) for chosen in drawn}
    rows = []
    for name, value in values[frozenset(names)].items():
        all_draws = np.repeat([values[chosen][name] for chosen in drawn], list(drawn.values()))
        low, high = np.quantile(all_draws, [0.025, 0.975])
        left = [values[frozenset(names) - {out}][name] for out in names]
        rows.append((name, value, float(low), float(high), min(left), max(left)))
    return pl.DataFrame(rows, ["name", "value", "low", "high", "without_low", "without_high"], orient="row")


def top_of(points: pl.DataFrame) -> dict[str, float]:
    """``top``, the limit of the sigmoid fitted to the measured frontier of some evaluations."""
    return {"top": fit_sigmoid(*_xy(frontier(points)))["top"]}


def forecasts(share: float = 0.1) -> pl.DataFrame:
    """Curves fitted to the measured frontier up to `share` of the greatest compute, tested on the rest.

    Returns:
        ``curve, fitted, tested`` (points) and ``rmse`` on the tested, units of NDCG@5; "best so far" predicts the last
        fitted point for ever.
    """
    x, y = _xy(frontier(evaluations()))
    early = x <= x.max() + np.log(share)
    (ex, ey), (lx, ly) = (x[early], y[early]), (x[~early], y[~early])
    quadratic, line = (np.polynomial.Polynomial.fit(ex, ey, degree) for degree in (2, 1))
    found = fit_sigmoid(ex, ey)
    predicted = {
        "sigmoid": sigmoid(lx, **{name: found[name] for name in SIGMOID}),
        "quadratic in ln C": quadratic(lx),
        "line in ln C": line(lx),
        "best so far": np.full(len(lx), ey.max()),
    }
    rows = [(name, len(ex), len(lx), float(np.sqrt(((ly - p) ** 2).mean()))) for name, p in predicted.items()]
    return pl.DataFrame(rows, ["curve", "fitted", "tested", "rmse"], orient="row")


def _joint(n, t, E, A, alpha, B, beta):
    return E - A / n**alpha - B / t**beta


def _sizes(table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters with embeddings, interactions and validation NDCG@5 of each row."""
    n, t, y = (table[name].to_numpy().astype(float) for name in (SIZES["parameters"], "n_inters", METRIC))
    return n, t, y


def joint_on_frontier() -> float:
    """R² of the published joint law on the measured frontier alone, the reading kindest to it."""
    n, t, y = _sizes(frontier(evaluations()))
    return r2(y, _joint(n, t, **JOINT))


def joint_fits() -> pl.DataFrame:
    """The published joint law and rivals on the 119 runs.

    Returns:
        ``curve, coefficients, r2`` and ``left_out``, the root mean squared error on the runs of a data set when the
        curve is fitted to those of the others (that of the published law as it is), units of NDCG@5; for the two joint
        laws also ``alpha, beta``.
    """
    n, t, y = _sizes(runs())
    data_set = runs()["dataset"].to_numpy()
    ln, lt = np.log(n), np.log(t)
    one = np.ones_like(ln)
    designs = {
        "E − A/N^α + b ln T": None,
        "plane in logarithms": np.column_stack([one, ln, lt]),
        "quadratic in logarithms": np.column_stack([one, ln, lt, ln**2, lt**2]),
        "with the product": np.column_stack([one, ln, lt, ln**2, lt**2, ln * lt]),
    }
    published = _joint(n, t, **JOINT)
    error = float(np.sqrt(((y - published) ** 2).mean()))
    rows: list[tuple] = [("published", 5, r2(y, published), error, JOINT["alpha"], JOINT["beta"])]
    free = fit(get("chinchilla"), {"n_params": n, "tokens": t, "y": -y}, "y")
    rows.append(("published form, refitted", 5, free.r2, None, free.params["alpha"], free.params["beta"]))
    for name, design in designs.items():
        columns = design if design is not None else _log_in_data(n, lt, y)
        coef = np.linalg.lstsq(columns, y, rcond=None)[0]
        gaps = np.empty_like(y)
        for left in np.unique(data_set):
            out = data_set == left
            part = columns if design is not None else _log_in_data(n, lt, y, ~out)
            gaps[out] = y[out] - part[out] @ np.linalg.lstsq(part[~out], y[~out], rcond=None)[0]
        count = columns.shape[1] + (design is None)
        rows.append((name, count, r2(y, columns @ coef), float(np.sqrt((gaps**2).mean())), None, None))
    names = ["curve", "coefficients", "r2", "left_out", "alpha", "beta"]
    return pl.DataFrame(rows, names, orient="row", infer_schema_length=None)


def joint_predictions() -> pl.DataFrame:
    """NDCG@5 of each run by the published joint law and by E − A/N^α + b ln T.

    Returns:
        ``dataset, measured, predicted, curve``.
    """
    table = runs()
    n, t, y = _sizes(table)
    design = _log_in_data(n, np.log(t), y)
    curves = {
        "published": _joint(n, t, **JOINT),
        "logarithmic in T": design @ np.linalg.lstsq(design, y, rcond=None)[0],
    }
    return pl.concat(
        table.select("dataset", measured=pl.col(METRIC), predicted=pl.Series(values), curve=pl.lit(name))
        for name, values in curves.items()
    )


def _log_in_data(n, lt, y, keep=slice(None)) -> np.ndarray:
    """Columns 1, N^−α and ln T, with the α that fits the runs in `keep` best."""
    powers = np.linspace(0.05, 3, 296)
    misses = []
    for a in powers:
        design = np.column_stack([np.ones_like(lt), (n / n.min()) ** -a, lt])
        coef = np.linalg.lstsq(design[keep], y[keep], rcond=None)[0]
        misses.append(((y[keep] - design[keep] @ coef) ** 2).sum())
    best = powers[int(np.argmin(misses))]
    return np.column_stack([np.ones_like(lt), (n / n.min()) ** -best, lt])


def slopes(points: pl.DataFrame) -> dict[str, float]:
    """First approach: slope of the logarithm of each of `SIZES` on ln C over the measured frontier."""
    part = frontier(points)
    x = np.log(part["flops"].to_numpy())
    return {name: float(np.polyfit(x, np.log(part[column].to_numpy()), 1)[0]) for name, column in SIZES.items()}


def iso_compute(points: pl.DataFrame, budgets: Sequence[float], size: str = "parameters") -> pl.DataFrame:
    """Second approach: at each budget, a parabola in ln N through the best NDCG@5 of each depth and width.

    A run takes part in the budgets between its first and its last evaluation, interpolated in compute. Its learning
    rate there is that of a longer schedule.

    Args:
        points: of `evaluations`. budgets: FLOPs. size: a key of `SIZES`.

    Returns:
        ``flops, models`` (sizes compared), ``best`` (of the best model), ``vertex`` (of the parabola; null where
        it opens upwards or turns outside the sizes) and ``step`` (mean factor between sizes).
    """
    curves = []
    for _, curve in points.sort("flops").group_by("run", maintain_order=True):
        model = (curve["hidden_size"][0], curve["n_layers"][0])
        x, y = np.log(curve["flops"].to_numpy()), curve[METRIC].to_numpy()
        curves.append((model, float(curve[SIZES[size]][0]), x, y))
    rows = []
    for budget in budgets:
        at: dict[tuple, tuple[float, float]] = {}
        for model, n, x, y in curves:
            if x[0] <= np.log(budget) <= x[-1]:
                value = float(np.interp(np.log(budget), x, y))
                at[model] = max(at.get(model, (-np.inf, n)), (value, n))
        if len(at) < 4:
            continue
        values, sizes = (
            np.array(column) for column in zip(*sorted(at.values(), key=lambda pair: pair[1]), strict=True)
        )
        c = np.polyfit(np.log(sizes), values, 2)
        vertex = float(np.exp(-c[1] / (2 * c[0]))) if c[0] < 0 else None
        if vertex is not None and not sizes[0] <= vertex <= sizes[-1]:
            vertex = None
        step = float((sizes[-1] / sizes[0]) ** (1 / (len(sizes) - 1)))
        rows.append((float(budget), len(at), float(sizes[values.argmax()]), vertex, step))
    return pl.DataFrame(rows, ["flops", "models", "best", "vertex", "step"], orient="row", infer_schema_length=None)


def iso_exponent(table: pl.DataFrame, column: str = "vertex") -> float:
    """Slope of ln N on ln C over the budgets of `iso_compute` that have a value; NaN with fewer than three."""
    kept = table.drop_nulls(column)
    if len(kept) < 3:
        return np.nan
    return float(np.polyfit(np.log(kept["flops"].to_numpy()), np.log(kept[column].to_numpy()), 1)[0])


def approaches(budgets: Sequence[float]) -> pl.DataFrame:
    """The exponent a of N ∝ C^a for the best number of parameters, by the three approaches of Hoffmann et al.

    Returns:
        ``approach, size`` and the columns of `over_data_sets` for the first two; for the third, the published joint
        law and its refit, ``value`` alone.
    """
    sizes = list(SIZES)[:2]
    first = over_data_sets(slopes).rename({"name": "size"}).with_columns(approach=pl.lit("frontier"))

    def isoflop(points: pl.DataFrame) -> dict[str, float]:
        return {name: iso_exponent(iso_compute(points, budgets, name)) for name in sizes}

    second = over_data_sets(isoflop).rename({"name": "size"}).with_columns(approach=pl.lit("isoFLOP parabolas"))
    rows = joint_fits().filter(pl.col("alpha").is_not_null())
    third = rows.select(
        size=pl.lit("parameters"),
        value=pl.col("beta") / (pl.col("alpha") + pl.col("beta")),
        approach=pl.format("joint law, {}", "curve"),
    )
    order = ["approach", "size", "value", "low", "high", "without_low", "without_high"]
    return pl.concat([first, second, third], how="diagonal").select(order)


def parabola_bias(steps: Sequence[float], law: dict[str, float], each_side: int = 2, c: float = 1e21) -> pl.DataFrame:
    """What an isoFLOP parabola adds to the best size: a grid in N around the true one, a law without noise.

    Args:
        steps: factors between neighbouring sizes; law: ``A, B, alpha, beta`` of a loss A/N^alpha + B/D^beta;
        each_side: sizes on either side of the true one; c: FLOPs, 6·N·D.

    Returns:
        ``step, ratio``: vertex of the parabola in ln N over the true best N.
    """
    a, b, alpha, beta = law["A"], law["B"], law["alpha"], law["beta"]
    best = (alpha * a / (beta * b) * (c / 6) ** beta) ** (1 / (alpha + beta))
    rows = []
    for step in steps:
        z = np.arange(-each_side, each_side + 1) * np.log(step)
        n = best * np.exp(z)
        loss = a / n**alpha + b / (c / (6 * n)) ** beta
        q = np.polyfit(z, loss, 2)
        rows.append((float(step), float(np.exp(-q[1] / (2 * q[0])))))
    return pl.DataFrame(rows, ["step", "ratio"], orient="row")


def depth_by_width() -> pl.DataFrame:
    """At each data set, width and number of negatives with several depths, which is best: the mean of its repeats.

    Returns:
        ``dataset, negatives, width, depths`` (trained), ``shallowest, deepest, best`` (layers) and ``loss_at_most``:
        NDCG@5 of the best less that of the deepest.
    """
    means = runs().group_by("dataset", "nce_num_negatives", "hidden_size", "n_layers").agg(pl.col(METRIC).mean())
    rows = []
    keys = ["dataset", "nce_num_negatives", "hidden_size"]
    for key, part in means.sort("n_layers").group_by(keys):
        if len(part) > 1:
            depth, y = part["n_layers"].to_numpy(), part[METRIC].to_numpy()
            best = int(y.argmax())
            found = (len(part), int(depth[0]), int(depth[-1]), int(depth[best]))
            rows.append((*key, *found, float(y[best] - y[-1])))
    names = ["dataset", "negatives", "width", "depths", "shallowest", "deepest", "best", "loss_at_most"]
    return pl.DataFrame(rows, names, orient="row").sort("width", "dataset", "negatives")


def steps_up(column: str, by: str = "n_inters") -> pl.DataFrame:
    """From each size to the next larger in one column, all else the same: how NDCG@5 changes.

    Args:
        column: ``"n_layers"``, ``"hidden_size"`` or ``"n_inters"``; by: whose value is returned as well.

    Returns:
        ``before, after`` (values of the column), ``change, by``, one row a step; repeats are averaged.
    """
    keys = [name for name in ("n_inters", "nce_num_negatives", "hidden_size", "n_layers") if name != column]
    means = runs().group_by([*keys, column]).agg(pl.col(METRIC).mean())
    rows = []
    for _, part in means.sort(*keys, column).group_by(keys, maintain_order=True):
        for (a, x, _), (b, y, key) in pairwise(part.select(column, METRIC, by=by).iter_rows()):
            rows.append((a, b, y - x, key))
    return pl.DataFrame(rows, ["before", "after", "change", "by"], orient="row")


def repeats() -> float:
    """Standard deviation of NDCG@5 between runs of one configuration, pooled over those trained more than once."""
    groups = runs().group_by("dataset", "nce_num_negatives", "hidden_size", "n_layers", maintain_order=True)
    spread = groups.agg(n=pl.len(), v=pl.col(METRIC).var()).filter(pl.col("n") > 1)
    return float(np.sqrt(np.average(spread["v"].to_numpy(), weights=spread["n"].to_numpy() - 1)))


def loss_against_ranking() -> pl.DataFrame:
    """Spearman correlation of loss and NDCG@5 over the runs of one data set and number of negatives.

    Returns:
        ``dataset, n_inters, negatives, runs, test, validation``; losses with other negatives are other losses, so they
        are kept apart. A loss that ranks as the metric does gives −1.
    """
    rows = []
    for key, part in runs().group_by("dataset", "n_inters", "nce_num_negatives", maintain_order=True):
        found = [
            _statistic(stats.spearmanr(part[f"{half}_eval_loss"], part[f"{half}_ndcg_at_5"]))
            for half in ("test", "valid")
        ]
        rows.append((*key, len(part), *found))
    names = ["dataset", "n_inters", "negatives", "runs", "test", "validation"]
    return pl.DataFrame(rows, names, orient="row").sort("n_inters", "negatives")


def _statistic(result) -> float:
    return float(result.statistic)


def at_least_loss() -> pl.DataFrame:
    """Of each run, the share of its best NDCG@5 that it has at the evaluation with the least validation loss.

    Returns:
        ``run, dataset, n_inters, share, epoch_loss, epoch_ranking`` (epochs trained at the least loss and at the best
        NDCG@5).
    """
    rows = []
    for (run,), curve in evaluations().sort("n_inters", "run", "step").group_by("run", maintain_order=True):
        loss, metric, step = (curve[name].to_numpy() for name in ("valid_eval_loss", METRIC, "step"))
        low, high = int(loss.argmin()), int(metric.argmax())
        share = float(metric[low] / metric[high])
        rows.append((run, curve["dataset"][0], curve["n_inters"][0], share, int(step[low]) + 1, int(step[high]) + 1))
    names = ["run", "dataset", "n_inters", "share", "epoch_loss", "epoch_ranking"]
    return pl.DataFrame(rows, names, orient="row")


def shares_by_data(table: pl.DataFrame) -> pl.DataFrame:
    """`at_least_loss` by data set: ``dataset, runs, mean, median, least`` of the share and both mean epochs."""
    grouped = table.sort("n_inters").group_by("dataset", maintain_order=True)
    share = pl.col("share")
    return grouped.agg(
        runs=pl.len(), mean=share.mean(), median=share.median(), least=share.min(),
        epoch_loss=pl.col("epoch_loss").mean(), epoch_ranking=pl.col("epoch_ranking").mean(),
    )  # fmt: skip


def operations() -> pl.DataFrame:
    """The logged operations of a batch beside what a transformer's parameters say.

    Returns:
        ``run, ratio``: ``forward_flops`` over parameters without embeddings × events of a batch, 1 if one
        multiplication with its addition counts as one and there is no backward pass (training takes 6 by the usual
        count, 2 for each of a forward and two backward passes); ``loss_share``: the part of ``total_flops`` that is
        not the forward pass.
    """
    table = runs()
    ratio = pl.col("forward_flops") / (pl.col("model_non_emb_params") * BATCH_TOKENS)
    return table.select("run", ratio=ratio, loss_share=1 - pl.col("forward_flops") / pl.col("total_flops"))
