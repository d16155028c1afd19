"""Does Eq. (7) carry from data set to data set? Fit it to some panels and predict the panels of a data set left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import minimize_scalar

from srlaw import paper
from srlaw.chapters.evolution import evolved
from srlaw.laws import fit, get

TERMS = {"tokens/ApEn": "tokens_over_apen", "tokens": "tokens", "one constant": None}
"""What stands for D′ in Eq. (7), and its column; without one, log D′ + p2 D′^−w5 is a constant."""
SLOPES = {"tokens/ApEn, free slope": "tokens_over_apen", "tokens, free slope": "tokens"}
"""Kinder than Eq. (7), whose ln D′ has the coefficient one: c ln D′ with c fitted, in place of its data term."""
MOVED = {"tokens/ApEn, own surface": "tokens_over_apen", "tokens, own surface": "tokens"}
"""Kinder still, for a panel left out: the surface that its data set has at other S_max, moved by c ln D′, with the c of
the other data sets. No parameter is forced on two data sets but c."""
HOLDOUTS = ("data set", "panel")
"""What is left out: all panels of a data set, or one of them, its other S_max staying in the fit."""


def measurements(metric: str) -> pl.DataFrame:
    """The points of all panels of a metric with their data: ``dataset, s_max, n_layers, d_emb, y, tokens, …``."""
    data = paper.table(2, corrected=True).select("dataset", "s_max", "tokens", "tokens_over_apen")
    grid = paper.grid().select("dataset", "s_max", "n_layers", "d_emb", y=metric)
    return grid.join(data, on=["dataset", "s_max"], maintain_order="left")


def predicted(seen: pl.DataFrame, new: pl.DataFrame, term: str) -> np.ndarray:
    """Eq. (7), one p per term, fitted to the points seen, at the new ones: ``(m,)``."""
    column = TERMS[term]
    if column is None:
        return fit(get("performance"), seen, "y").predict(new)
    result = fit(get("performance-joint"), seen, "y", x={"tokens_over_apen": column})
    return result.predict(new.with_columns(tokens_over_apen=column))


def sloped(seen: pl.DataFrame, new: pl.DataFrame, term: str) -> np.ndarray:
    """Eq. (7) with c ln D′ for its data term: the c of least squares, the rest fitted to what is left: ``(m,)``."""
    log_d = pl.col(SLOPES[term]).log()

    def at(c: float):
        return fit(get("performance"), seen.with_columns(left=pl.col("y") - c * log_d), "left", starts=3)

    logs = np.log(seen[SLOPES[term]].to_numpy())
    most = 3 * float(seen["y"].to_numpy().std() / logs.std())  # thrice the slope of a perfect correlation
    found: Any = minimize_scalar(lambda c: at(c).objective, bounds=(-most, most), method="bounded")
    return at(found.x).predict(new) + found.x * np.log(new[SLOPES[term]].to_numpy())


def growth(points: pl.DataFrame, column: str) -> float:
    """The c of y = c ln D′ + a level for each data set and configuration, by least squares."""
    keys = ["dataset", "n_layers", "d_emb"]
    log_d = pl.col(column).log()
    within = points.select(log_d - log_d.mean().over(keys), pl.col("y") - pl.col("y").mean().over(keys)).to_numpy()
    return float(within[:, 0] @ within[:, 1] / (within[:, 0] @ within[:, 0]))


def moved(seen: pl.DataFrame, new: pl.DataFrame, term: str, surface=predicted) -> np.ndarray:
    """Eq. (7) fitted to the other S_max of the new panel's data set, moved by c ln D′ with the c of the other data
    sets: ``(m,)``.

    Args:
        term: one of `MOVED`. surface: `predicted`, or the second route.
    """
    column, here = MOVED[term], pl.col("dataset") == new["dataset"][0]
    own = seen.filter(here)
    step = np.log(new[column].to_numpy()) - np.log(own[column].to_numpy()).mean()
    return surface(own, new, "one constant") + growth(seen.filter(~here), column) * step


def predicted_by_evolution(seen: pl.DataFrame, new: pl.DataFrame, term: str, seed: int = 0) -> np.ndarray:
    """`predicted` by differential evolution over the exponents, without `srlaw.laws`: a second route."""
    names = ["n_layers", "d_emb", *([TERMS[term]] if TERMS[term] else [])]
    centre = [np.log(seen[name]).mean() for name in names]

    def logs(part: pl.DataFrame) -> list[np.ndarray]:
        return [np.log(part[name].to_numpy()) - m for name, m in zip(names, centre, strict=True)]

    def offset(part: pl.DataFrame) -> np.ndarray:
        return np.log(part[names[2]].to_numpy()) if len(names) > 2 else np.zeros(len(part))

    _, curve = evolved(logs(seen), seen["y"].to_numpy() - offset(seen), seed, popsize=25, maxiter=300)
    return curve(logs(new)) + offset(new)


def holdouts(points: pl.DataFrame, kind: str) -> list[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """What is left out, the points seen and the new ones, for one of `HOLDOUTS`."""
    keys = ["dataset"] if kind == "data set" else ["dataset", "s_max"]
    parts = points.partition_by(keys, maintain_order=True, as_dict=True)
    out = []
    for key, new in parts.items():
        here = pl.all_horizontal(pl.col(name) == value for name, value in zip(keys, key, strict=True))
        out.append((" ".join(map(str, key)), points.filter(~here), new))
    return out


def baseline(seen: pl.DataFrame, new: pl.DataFrame, kind: str) -> np.ndarray:
    """Without a law: the mean of the other panels' means; or, of a panel, the same configuration at other S_max."""
    if kind == "data set":
        means = seen.group_by("dataset", "s_max", maintain_order=True).agg(pl.col("y").mean())["y"]
        return np.full(len(new), means.mean())
    same = seen.group_by("dataset", "n_layers", "d_emb").agg(mean=pl.col("y").mean())
    return new.join(same, on=["dataset", "n_layers", "d_emb"], how="left", maintain_order="left")["mean"].to_numpy()


def transfers(predict=predicted) -> pl.DataFrame:
    """Errors of predictions across data sets and S_max.

    Args:
        predict: `predicted`, or the second route.

    Returns:
        ``left out`` (data set or panel), ``name, dataset, metric, spread`` (standard deviation of the new points),
        ``baseline`` (root mean squared error without a law) and, for each of `TERMS`, that of Eq. (7); with
        `predicted`, for each of `SLOPES` and `MOVED` too (of the latter only where a panel is left out, else null).
    """
    rows = []
    for metric in paper.FIGURE_METRICS:
        points = measurements(metric)
        for kind in HOLDOUTS:
            for name, seen, new in holdouts(points, kind):
                y = new["y"].to_numpy()
                row = {"left out": kind, "name": name, "dataset": new["dataset"][0], "metric": paper.METRICS[metric]}
                row |= {"spread": float(y.std()), "baseline": _rmse(baseline(seen, new, kind), y)}
                row |= {term: _rmse(predict(seen, new, term), y) for term in TERMS}
                kinder = SLOPES if predict is predicted else {}
                row |= {term: _rmse(sloped(seen, new, term), y) for term in kinder}
                own = MOVED if kinder and kind == "panel" else {}
                rows.append(row | {term: _rmse(moved(seen, new, term), y) for term in own})
    return pl.DataFrame(rows, infer_schema_length=None)


def _rmse(prediction: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((prediction - y) ** 2)))


def evidence(table: pl.DataFrame) -> dict:
    """What the rule dataset-scales asks for, from `transfers`."""
    forms = [*TERMS, *SLOPES]
    sets, panels = (table.filter(pl.col("left out") == kind) for kind in HOLDOUTS)
    wins = {name: int((sets[name] < sets["baseline"]).sum()) for name in forms}
    eq7, slope, (own, own_tokens) = "tokens/ApEn", "tokens/ApEn, free slope", MOVED
    ratio = panels[own] / panels["baseline"]
    return {
        "cases": len(sets),
        "ahead": wins[eq7],
        "ahead_tokens": wins["tokens"],
        "ahead_constant": wins["one constant"],
        "ahead_slope": wins[slope],
        "error": (sets[eq7] / sets["baseline"]).median(),
        "panels": len(panels),
        "near": int((ratio < 1).sum()),
        "near_tokens": int((panels[own_tokens] < panels["baseline"]).sum()),
        "near_low": ratio.min(),
        "near_error": ratio.median(),
        "near_high": ratio.max(),
        "forms": len(forms),
        "near_any": int(panels.select((pl.min_horizontal(forms) < pl.col("baseline")).sum()).item()),
    }
