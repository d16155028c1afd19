"""How large a model is best for an amount of compute, by the 119 published runs: the joint law and three approaches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from srlaw.chapters.compute import METRIC, SIZES, evaluations, runs
from srlaw.chapters.compute_frontier import frontier, over_data_sets, r2
from srlaw.laws import fit, get

JOINT = {"E": 0.163, "A": 18.56, "alpha": 0.376, "B": 2.9, "beta": 0.364}
"""The joint law of Zivic et al. (2024): NDCG@5 = E − A/N^alpha − B/T^beta, N parameters, T interactions."""


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
