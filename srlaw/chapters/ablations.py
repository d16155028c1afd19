"""Parts of HSTU left out, and four models over depth, on MovieLens-100K with seeds (sweep D)."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw import stored
from srlaw.chapters.frameworks import LEVEL, MODELS, SIZE, name_of, order_of
from srlaw.chapters.orders import interval

PARTS = ["attention", "bias", "gate", "use_ratings"]
FULL = {"attention": "silu", "bias": "both", "gate": True, "use_ratings": False}
"""HSTU with everything, and without ratings."""
MEASURED = {"ndcg10": "NDCG@10", "hr10": "HR@10", "valid_ndcg10": "validation NDCG@10", "loss": "test loss"}
FEWEST = 2  # seeds from which a difference has an interval
BACKBONES = ("hstu", "llama", "gpt", "sasrec")


def rows() -> pl.DataFrame | None:
    """The finished rows of sweep D; None as long as there are none."""
    table = stored.sweeps("ablations")
    return table if len(table) else None


def variant(row: dict[str, Any]) -> str:
    """What a run of HSTU has changed, in words; empty for the whole model."""
    words = {
        "attention": str(row["attention"]),
        "bias": {"none": "no bias", "rotary": "rotary positions", "position": "position bias alone"}.get(
            row["bias"], f"{row['bias']} bias alone"
        ),
        "gate": "no gate",
        "use_ratings": "ratings interleaved",
    }
    return ", ".join(words[name] for name in PARTS if row[name] != FULL[name])


def effects(table: pl.DataFrame) -> pl.DataFrame:
    """Each variant less the whole model, of the same size and seed; those of `FEWEST` seeds or more.

    Returns:
        ``variant, metric, n_layers, d_emb, seeds, mean, low, high`` (95% t interval over seeds).
    """
    hstu = table.filter(model="hstu")
    names = [variant(row) for row in hstu.select(PARTS).iter_rows(named=True)]
    hstu = hstu.with_columns(variant=pl.Series(names, dtype=pl.String))
    whole = hstu.filter(variant="").select(*SIZE, "seed", *MEASURED)
    both = hstu.filter(pl.col("variant") != "").join(whole, on=[*SIZE, "seed"], suffix="_whole")
    out = []
    enough = both.filter(pl.len().over("variant", *SIZE) >= FEWEST)
    for (name, depth, width), part in enough.group_by("variant", *SIZE, maintain_order=True):
        for metric, label in MEASURED.items():
            change = (part[metric] - part[f"{metric}_whole"]).to_numpy()
            row = {"variant": name, "n_layers": depth, "d_emb": width, "metric": label, "seeds": len(change)}
            out.append({**row, **interval(change)})
    return _with_ends(out)


def backbones(table: pl.DataFrame) -> pl.DataFrame:
    """Mean and its standard error of each model at each depth: ``model, n_layers, seeds``, and ``NAME, NAME_se``."""
    plain = _plain(table)
    names = [name for name in MEASURED if name in table.columns]
    means = [pl.col(name).mean() for name in names]
    errors = [(pl.col(name).std() / pl.len().sqrt()).alias(f"{name}_se") for name in names]
    frame = plain.group_by("model", "n_layers").agg(pl.len().alias("seeds"), *means, *errors)
    return frame.with_columns(pl.col("model").map_elements(name_of, pl.String)).sort("model", "n_layers")


def slopes(table: pl.DataFrame, metric: str = "ndcg10") -> pl.DataFrame:
    """Slope of a metric in log₂ depth of each model, seed by seed: ``model, seeds, depths, mean, low, high``."""
    each = _each_slope(table, metric)
    out = []
    for model in order_of(list(each), BACKBONES):
        found, depths = each[model]
        out.append({"model": name_of(model), "seeds": len(found), "depths": depths, **interval(found)})
    return _with_ends(out)


def slopes_differ(table: pl.DataFrame, metric: str = "ndcg10") -> float | None:
    """p of the analysis of variance of the models' slopes over seeds; None unless two models have two seeds each."""
    found = [values for values, _ in _each_slope(table, metric).values() if len(values) >= FEWEST]
    return float(stats.f_oneway(*found).pvalue) if len(found) >= 2 else None


def _with_ends(out: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows with the ends of their intervals as numbers, also where single seeds leave none."""
    frame = pl.DataFrame(out, infer_schema_length=None)
    return frame.with_columns(pl.col("low", "high").cast(pl.Float64)) if len(frame) else frame


def left_out(table: pl.DataFrame) -> str:
    """What single seeds show at depths that have no part in the slope of their model; empty if there is none."""
    has = pl.concat([own.select("model", "n_layers") for own in _judged(table).values()])
    rest = _plain(table).join(has, on=["model", "n_layers"], how="anti").sort("n_layers", "model")
    parts = []
    for (depth,), part in rest.group_by("n_layers", maintain_order=True):
        values = [f"{name_of(one['model'])} {one['ndcg10']:.3f} ({one['loss']:.2f})" for one in part.to_dicts()]
        parts.append(f"at {depth} block{'s' * (depth > 1)} {', '.join(values)}")
    if not parts:
        return ""
    return (
        "Where a model has a depth with one seed alone, that run has no part in its slope. "
        f"NDCG@10, and test loss in brackets, of these runs: {'; '.join(parts)}."
    )


def _judged(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The runs of each model from which slopes are taken.

    A depth that fewer than `FEWEST` seeds have is left out, if two others are left: it would leave no interval.
    """
    plain, out = _plain(table), {}
    for model in order_of(plain["model"].to_list(), list(MODELS)):
        own = plain.filter(model=model)
        often = own.filter(pl.col("seed").n_unique().over("n_layers") >= FEWEST)
        out[model] = often if often["n_layers"].n_unique() >= 2 else own
    return out


def _each_slope(table: pl.DataFrame, metric: str) -> dict[str, tuple[np.ndarray, int]]:
    """Slopes by model, one a seed that has every depth of the model, and how many depths; two depths at least."""
    out = {}
    for model, own in _judged(table).items():
        depths = own["n_layers"].n_unique()
        found = []
        for _, part in own.group_by("seed", maintain_order=True):
            if depths >= 2 and part["n_layers"].n_unique() == depths:
                found.append(np.polyfit(np.log2(part["n_layers"].to_numpy()), part[metric].to_numpy(), 1)[0])
        if found:
            out[model] = (np.array(found), depths)
    return out


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    """Whole models without ratings, of the width that HSTU's depths share."""
    whole = pl.all_horizontal(pl.col(name) == value for name, value in FULL.items())
    return table.filter((pl.col("model") != "hstu") & ~pl.col("use_ratings") | (pl.col("model") == "hstu") & whole)


def parts_evidence(table: pl.DataFrame | None, metric: str = "ndcg10") -> dict[str, Any]:
    """Evidence on SiLU and the bias: what HSTU loses without each, the 95% interval, seeds; None without rows."""
    out: dict[str, Any] = {"seeds": 0, "level": LEVEL}
    for part, name in (("silu", "softmax"), ("bias", "no bias")):
        found = None
        if table is not None:
            every = effects(table)
            found = every.filter(variant=name, metric=MEASURED[metric]) if len(every) else None
        known = found is not None and len(found) > 0 and found["low"][0] is not None
        row = found.row(0, named=True) if found is not None and known else None
        out |= {part: row and -row["mean"], f"{part}_low": row and -row["high"], f"{part}_high": row and -row["low"]}
        out["seeds"] = max(out["seeds"], row["seeds"]) if row else out["seeds"]
    return out


def backbones_evidence(table: pl.DataFrame | None, metric: str = "ndcg10") -> dict[str, Any]:
    """Evidence on whether the models scale differently: slopes in log₂ depth, their test, None without rows."""
    found = slopes(table, metric) if table is not None else pl.DataFrame()
    found = found.drop_nulls("low") if len(found) else found
    if table is None or len(found) < 2:
        missing = dict.fromkeys(("steepest", "flattest", "least", "greatest", "p", "p_loss"))
        return missing | {"models": 0, "seeds": 0, "rising": 0}
    ranked = found.sort("mean", descending=True)
    return {
        "models": len(found),
        "seeds": found["seeds"].min(),
        "steepest": ranked["model"][0],
        "greatest": ranked["mean"][0],
        "flattest": ranked["model"][-1],
        "least": ranked["mean"][-1],
        "rising": int((found["low"] > 0).sum()),
        "p": slopes_differ(table, metric),
        "p_loss": slopes_differ(table, "loss"),
    }
