"""What Table 4 says of the exponents, on runs: their order among the models, and what bfloat16 changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw.chapters.frameworks import (
    EXPONENTS,
    LEVEL,
    PRECISIONS,
    RIVALS,
    SIZE,
    Group,
    groups,
    lack_of_fit,
    name_of,
    noise,
    of,
    printed,
)
from srlaw.chapters.loss_scaling import spearman
from srlaw.planner.noise import Noise

CLAIMS = ("smaller", "larger")
NEEDED = 3  # models that a table of exponents compares
CHANCE = 1 / 6  # that three models in random order are ordered as an exponent says
DIFFERENCES = {
    "hr10": "HR@10",
    "ndcg10": "NDCG@10",
    "hr10_without_history": "HR@10, without the history",
    "ndcg10_without_history": "NDCG@10, without the history",
    "valid_ndcg10": "validation NDCG@10",
    "loss": "test loss",
    "least_valid_loss": "least validation loss",
}
"""What is compared between precisions, by column."""


def said(w: np.ndarray, peak: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """How each pair of models is ordered: +1 as `sign` asks, −1 the other way, 0 where it asks nothing.

    Args:
        w, peak: exponent and metric of each model, ``(models, draws)``. sign: +1 where the better model is to have the
            larger exponent, −1 the smaller; a pair whose signs differ is not compared.

    Returns:
        ``(pairs, draws)``.
    """
    first, second = np.triu_indices(len(w), 1)
    asked = np.where(sign[first] == sign[second], sign[first], 0)
    return (np.sign(w[first] - w[second]) * np.sign(peak[first] - peak[second]) * asked).astype(int)


def both_said(values: dict[str, np.ndarray], peak: np.ndarray) -> dict[str, np.ndarray]:
    """`said` of the two claims, ``(2 · pairs, draws)``.

    ``smaller``: of two models with positive w1 the better has the smaller w3, and the larger where both are negative,
    as Section 5.4.2 has it; likewise w2 and w4. ``larger``: the better of two models has the larger w1, and w2.
    """
    falls = [said(values[exponent], peak, -np.sign(values[w])) for w, exponent in (("w1", "w3"), ("w2", "w4"))]
    rises = [said(values[w], peak, np.ones_like(peak)) for w in ("w1", "w2")]
    return {"smaller": np.concatenate(falls), "larger": np.concatenate(rises)}


def orders(found: Sequence[Group]) -> pl.DataFrame:
    """How the exponents of the models stand to their best HR@10, one row a reading and precision.

    Returns:
        ``reading, precision, models`` (with a fit and draws), ``known`` (all exponents of three models identified),
        ``positive`` (w1 and w2 of all), ``w1 … w4`` (Spearman's correlation with HR@10, None below three models). For
        each claim of `both_said`: ``NAME`` (whether the fits are ordered as it says), ``NAME_share`` (of draws that
        are), ``NAME_against`` (greatest share, over pairs of models and exponents, of draws with that pair the other
        way).
    """
    out = []
    for reading in dict.fromkeys(g.reading.name for g in found):
        for precision in dict.fromkeys(g.precision for g in found):
            own = [g for g in found if (g.reading.name, g.precision) == (reading, precision) and g.draws is not None]
            row: dict[str, Any] = {"reading": reading, "precision": precision, "models": len(own)}
            row |= {"known": len(own) >= NEEDED and all(g.known for g in own)}
            shares = [f"{claim}{end}" for claim in CLAIMS for end in ("", "_share", "_against")]
            row |= dict.fromkeys(("positive", *EXPONENTS, *shares))
            if len(own) >= NEEDED:
                row |= _compared(own)
            out.append(row)
    return pl.DataFrame(out, infer_schema_length=None)


def _compared(own: Sequence[Group]) -> dict[str, Any]:
    values = {name: np.array([[g.fitted.params[name]] for g in own if g.fitted]) for name in EXPONENTS}
    heights = np.array([[g.best] for g in own])
    row: dict[str, Any] = {"positive": bool((values["w1"] > 0).all() and (values["w2"] > 0).all())}
    row |= {name: spearman(values[name][:, 0], heights[:, 0]) for name in EXPONENTS}
    peak = np.stack([g.peak for g in own if g.peak is not None])
    drawn = {name: np.stack([g.draws[name] for g in own if g.draws is not None]) for name in EXPONENTS}
    fitted, draws = both_said(values, heights), both_said(drawn, peak)
    for claim in CLAIMS:
        row[claim] = bool((fitted[claim] == 1).all())
        row[f"{claim}_share"] = float((draws[claim] == 1).all(0).mean())
        row[f"{claim}_against"] = float((draws[claim] == -1).mean(1).max())
    return row


def missing(found: Sequence[Group]) -> str:
    """Which models have no fit in which precision, and why; empty where all have."""
    parts = []
    for precision in dict.fromkeys(g.precision for g in found):
        names: dict[str, list[str]] = {}
        for g in found:
            if g.precision == precision and g.fitted is None and name_of(g.model) not in names.get(g.why, []):
                names.setdefault(g.why, []).append(name_of(g.model))
        parts += [f"{' and '.join(own)} in {precision} ({why})" for why, own in names.items()]
    return "; ".join(parts)


def evidence(table: pl.DataFrame, found: Sequence[Group], claim: str) -> dict[str, Any]:
    """Evidence on a claim of `both_said`, from `orders`."""
    names, side = (("w3", "w4"), -1) if claim == "smaller" else (("w1", "w2"), 1)
    judged = table.filter("known")
    paper = printed()
    there = [
        spearman(part[name].to_numpy(), part["hr10"].to_numpy())
        for _, part in paper.group_by("precision", maintain_order=True)
        for name in names
    ]
    shares = {name: judged[f"{claim}_{name}"] for name in ("share", "against")}
    return {
        "asked": len(table),
        "judged": len(judged),
        "readings": judged["reading"].n_unique(),
        "holds": int(judged[claim].sum() or 0) if len(judged) else 0,
        "low": shares["share"].min() if len(judged) else None,
        "high": shares["share"].max() if len(judged) else None,
        "against_low": shares["against"].min() if len(judged) else None,
        "against_high": shares["against"].max() if len(judged) else None,
        "printed": side * min(side * rho for rho in there),
        "least": float(paper.select(pl.min_horizontal("w1", "w2").min()).item()),
        "chance": CHANCE,
        "absent": missing(found) or None,
    }


def differences(rows: pl.DataFrame) -> pl.DataFrame:
    """bfloat16 less float32, of the same cell and seed, by model and over all.

    Returns:
        ``model, metric, pairs, mean, low, high`` (95% t interval of the mean), ``expected`` (half width that the
        noise of repeats alone would give: z σ √(2/pairs), σ pooled over both precisions), ``scatter`` (standard
        deviation over √2 σ of the pairs of sizes that were run once, which σ does not come from) and ``p`` (that it is
        no more than that of repeats, F test); the last three None without repeats.
    """
    if "seed" not in rows.columns or set(PRECISIONS) - set(rows["precision"]):
        return pl.DataFrame()
    out = []
    again = rows.group_by("model", "precision", *SIZE).len().filter(pl.col("len") > 1).select("model", *SIZE).unique()
    for metric, label in DIFFERENCES.items():
        if metric not in rows.columns:
            continue
        both = pairs(rows, metric)
        if both.is_empty():
            continue
        models = [m for m in dict.fromkeys(m for _, m in groups(rows)) if m in set(both["model"])]
        for model in [*models, None]:
            part = both if model is None else both.filter(model=model)
            once = part.join(again, on=["model", *SIZE], how="anti")["change"].to_numpy()
            own = rows if model is None else rows.filter(model=model)
            change = part["change"].to_numpy()
            sigma = noise(own.filter(pl.col("precision").is_in(PRECISIONS)), metric)
            half = sigma and float(stats.norm.ppf((1 + LEVEL) / 2)) * sigma.sigma * np.sqrt(2 / len(change))
            row = {"model": "all" if model is None else name_of(model), "metric": label, "pairs": len(change)}
            out.append({**row, **interval(change), "expected": half, **_scatter(once, sigma)})
    numbers = pl.col("mean", "low", "high", "expected", "scatter", "p").cast(pl.Float64)
    return pl.DataFrame(out, infer_schema_length=None).with_columns(numbers) if out else pl.DataFrame()


def _scatter(change: np.ndarray, sigma: Noise | None) -> dict[str, float | None]:
    if sigma is None or not sigma.sigma or len(change) < 2:
        return {"scatter": None, "p": None}
    ratio = float(np.var(change, ddof=1) / (2 * sigma.sigma**2))
    return {"scatter": ratio**0.5, "p": float(stats.f.sf(ratio, len(change) - 1, sigma.freedom))}


def pairs(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Runs of one model, size and seed in both precisions: ``float32, bfloat16`` of the first column, ``change`` of
    numbers, and ``NAME_float32, NAME_bfloat16`` of the other columns."""
    keys, (first, *others) = ["model", *SIZE, "seed"], columns
    sides = [
        rows.filter(precision=p).select(*keys, pl.col(first).alias(p), *(pl.col(c).alias(f"{c}_{p}") for c in others))
        for p in PRECISIONS
    ]
    both = sides[0].join(sides[1], on=keys, maintain_order="left")
    if not rows.schema[first].is_numeric():
        return both
    return both.with_columns(change=pl.col("bfloat16") - pl.col("float32")).drop_nulls("change")


def other_machines(rows: pl.DataFrame) -> int:
    """Pairs of `differences` whose runs were trained on different devices, which draw other random numbers."""
    if "device" not in rows.columns:
        return 0
    both = pairs(rows, "device")
    return int((both["float32"] != both["bfloat16"]).sum())


def farthest(rows: pl.DataFrame, metric: str = "loss") -> dict[str, Any] | None:
    """The pair that differs most: its row of `pairs`, and ``mean, low, high`` of the rest; None without the metric."""
    beside = [name for name in ("best_epoch", "device") if name in rows.columns]
    if metric not in rows.columns or not len(both := pairs(rows, metric, *beside)):
        return None
    both = both.sort(pl.col("change").abs(), descending=True, maintain_order=True)
    return both.row(0, named=True) | (interval(both["change"][1:].to_numpy()) if len(both) > 1 else {})


def interval(values: np.ndarray) -> dict[str, float | None]:
    """Mean of the values with its 95% t interval; no interval for a single one."""
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return {"mean": mean, "low": None, "high": None}
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def same_spread(rows: pl.DataFrame, metric: str = "hr10") -> tuple[float, float] | None:
    """σ of bfloat16 over that of float32, pooled over the models, and the two-sided p of the F test; None without."""
    both = [_pooled(rows.filter(precision=p), metric) for p in PRECISIONS]
    if None in both:
        return None
    (wide, many), (narrow, few) = both[1] or (0, 0), both[0] or (0, 0)
    ratio = wide / narrow
    tail = float(stats.f.sf(ratio, many, few))
    return float(np.sqrt(ratio)), 2 * min(tail, 1 - tail)


def _pooled(rows: pl.DataFrame, metric: str) -> tuple[float, int] | None:
    """Variance of one run and its degrees of freedom."""
    sigma = noise(rows, metric) if len(rows) else None
    return (sigma.sigma**2, sigma.freedom) if sigma and sigma.sigma else None


def exponents_changed(found: Sequence[Group]) -> pl.DataFrame:
    """Exponents of a model in bfloat16 less those in float32, where both are identified under a reading.

    Returns:
        ``reading, model, name, change, low, high`` (95% of the draws, which are independent between precisions).
    """
    out = []
    names = dict.fromkeys((g.reading.name, g.model) for g in found)
    for reading, model in names:
        own = {g.precision: g for g in found if (g.reading.name, g.model) == (reading, model)}
        if set(PRECISIONS) - set(own):
            continue
        a, b = (own[p] for p in PRECISIONS)
        for name in EXPONENTS:
            if a.identified(name) and b.identified(name) and a.draws and b.draws and a.fitted and b.fitted:
                low, high = np.quantile(b.draws[name] - a.draws[name], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                change = b.fitted.params[name] - a.fitted.params[name]
                row = {"reading": reading, "model": name_of(model), "name": name}
                out.append({**row, "change": change, "low": float(low), "high": float(high)})
    return pl.DataFrame(out)


def applies(rows: pl.DataFrame, models: Sequence[str] = ("llama", "sasrec"), metric: str = "hr10") -> dict[str, Any]:
    """Evidence on whether Eq. (7) applies to models other than HSTU: fits of all with a grid, in either precision.

    The law is fitted with its p free; on few depths and widths it can be any sum of a term in depth and one in width,
    and such a fit cannot lead. The rivals are a plane and a log-quadratic surface in ln N and ln d.
    """
    parts = [of(rows, *pair) for pair in groups(rows) if pair[1] in models]
    parts = [p for p in parts if all(p[name].n_unique() >= 3 for name in SIZE) and p.select(SIZE).n_unique() > 6]
    laws = ("performance-shared", *RIVALS.values())
    found = [{law: lack_of_fit(p, law, metric=metric) for law in laws} for p in parts]
    own = [f["performance-shared"] for f in found]
    tested = [f["p"] for f in own if f["p"] is not None]
    telling = [f for f, o in zip(found, own, strict=True) if o["telling"] and o["p"] is not None]
    ahead = [f["performance-shared"]["aicc"] < min(f[law]["aicc"] for law in RIVALS.values()) for f in telling]
    return {
        "models": len({p["model"][0] for p in parts}),
        "asked": len(models),
        "fits": len(tested),
        "r2": min((f["r2"] for f in own), default=None),
        "p": min(tested, default=None),
        "telling": len(telling),
        "ahead": sum(ahead),
    }
