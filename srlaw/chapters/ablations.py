"""Parts of HSTU left out, and four models over depth, on MovieLens-100K with seeds (sweep D)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import statsmodels.api as sm
from scipy import stats

from srlaw import stored
from srlaw.chapters.frameworks import LEVEL, SIZE, name_of, order_of

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
    """Each variant less the whole model of the same size: Dunnett's comparison of several with one control.

    Runs of one seed are no more alike than others, so they are not paired. One error is pooled over all variants, and
    the intervals of a metric hold together.

    Returns:
        ``variant, metric, n_layers, d_emb, seeds`` (of the variant), ``mean, low, high`` (95% interval), ``p``; those
        of `FEWEST` seeds or more.
    """
    hstu = table.filter(model="hstu")
    names = [variant(row) for row in hstu.select(PARTS).iter_rows(named=True)]
    hstu = hstu.with_columns(variant=pl.Series(names, dtype=pl.String))
    often = hstu.filter(pl.len().over("variant", *SIZE) >= FEWEST)
    out = []
    for (depth, width), own in often.group_by(*SIZE, maintain_order=True):
        whole, rest = own.filter(variant=""), own.filter(pl.col("variant") != "")
        variants = rest["variant"].unique(maintain_order=True).to_list()
        if whole.is_empty() or not variants:
            continue
        for metric, label in MEASURED.items():
            samples = [rest.filter(variant=name)[metric].to_numpy() for name in variants]
            found = _against(samples, whole[metric].to_numpy())
            for name, sample, result in zip(variants, samples, found, strict=True):
                row = {"variant": name, "n_layers": depth, "d_emb": width, "metric": label, "seeds": len(sample)}
                out.append(row | result)
    return _with_ends(out)


def _against(samples: Sequence[np.ndarray], whole: np.ndarray) -> list[dict[str, float | None]]:
    """Mean of each sample less that of the whole model, with Dunnett's interval and p; None where nothing scatters."""
    means = [float(sample.mean() - whole.mean()) for sample in samples]
    if not any(np.ptp(values) for values in (*samples, whole)):
        return [{"mean": mean, "low": None, "high": None, "p": None} for mean in means]
    found = stats.dunnett(*samples, control=whole, rng=np.random.default_rng(0))
    ends = found.confidence_interval(LEVEL)
    columns = zip(means, ends.low, ends.high, found.pvalue, strict=True)
    return [{"mean": mean, "low": float(low), "high": float(high), "p": float(p)} for mean, low, high, p in columns]


def effects_words(found: pl.DataFrame) -> str:
    """Which variants differ from the whole model, and by which metric none does."""
    said, silent = [], []
    for (metric,), part in found.drop_nulls("low").group_by("metric", maintain_order=True):
        clear = part.filter((pl.col("low") > 0) | (pl.col("high") < 0)).to_dicts()
        for row in clear:
            sure = "p < 0.0001" if row["p"] < 1e-4 else f"p = {row['p']:.2g}"
            said.append(f"“{row['variant']}” changes {metric} by {row['mean']:+.4f} ({sure})")
        silent += [] if clear else [str(metric)]
    text = f"Clear of 0 are these: {'; '.join(said)}." if said else "No variant differs clearly from the whole model."
    if said and silent:
        text += f" In {' and '.join(silent)} no variant differs clearly."
    return text


def backbones(table: pl.DataFrame) -> pl.DataFrame:
    """Mean and its standard error of each model at each depth: ``model, n_layers, seeds``, and ``NAME, NAME_se``."""
    plain = _plain(table)
    names = [name for name in MEASURED if name in table.columns]
    means = [pl.col(name).mean() for name in names]
    errors = [(pl.col(name).std() / pl.len().sqrt()).alias(f"{name}_se") for name in names]
    frame = plain.group_by("model", "n_layers").agg(pl.len().alias("seeds"), *means, *errors)
    return frame.with_columns(pl.col("model").map_elements(name_of, pl.String)).sort("model", "n_layers")


def slopes(table: pl.DataFrame, metric: str = "ndcg10") -> pl.DataFrame:
    """Slope of a metric in log₂ depth of each model: least squares over all its runs, one error for all models.

    Returns:
        ``model, seeds`` (at each depth, at least), ``depths, runs, mean, low, high`` (95% t interval).
    """
    runs = _judged(table)
    if not runs:
        return pl.DataFrame()
    found = _lines(runs, metric, True)
    ends = found.conf_int(1 - LEVEL) if found.df_resid > 0 else None
    out = []
    for at, (model, own) in enumerate(runs.items(), start=len(runs)):
        low, high = (None, None) if ends is None else map(float, ends[at])
        counts = own.group_by("n_layers").agg(pl.col("seed").n_unique())
        row = {"model": name_of(model), "seeds": counts["seed"].min(), "depths": len(counts), "runs": len(own)}
        out.append({**row, "mean": float(found.params[at]), "low": low, "high": high})
    return _with_ends(out)


def slopes_differ(table: pl.DataFrame, metric: str = "ndcg10") -> float | None:
    """p of the F test that the slopes of `slopes` are one; None below two models or without an error."""
    runs = _judged(table)
    if len(runs) < 2:
        return None
    apart, alike = (_lines(runs, metric, each) for each in (True, False))
    if apart.df_resid <= 0 or apart.ssr == 0:
        return None
    return float(apart.compare_f_test(alike)[1])


def rests_on_one(table: pl.DataFrame, metric: str = "ndcg10") -> float | None:
    """Greatest p of `slopes_differ`, all models taken or one of them left out; of two models that of both."""
    models = list(_judged(table))
    parts = [table.filter(pl.col("model") != name) for name in models] if len(models) > 2 else []
    found = [slopes_differ(part, metric) for part in (table, *parts)]
    known = [p for p in found if p is not None]
    return max(known) if len(known) == len(found) else None


def _lines(runs: dict[str, pl.DataFrame], metric: str, apart: bool) -> Any:
    """Least squares of a metric in log₂ depth: a level for each model, then a slope for each or one for all."""
    every = pl.concat([own.select("model", "n_layers", metric) for own in runs.values()])
    levels = every["model"].to_numpy()[:, None] == np.array(list(runs))
    depth = np.log2(every["n_layers"].to_numpy())[:, None]
    return sm.OLS(every[metric].to_numpy(), np.hstack([levels, levels * depth if apart else depth])).fit()


def _with_ends(out: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows with the ends of their intervals as numbers, also where single seeds leave none."""
    frame = pl.DataFrame(out, infer_schema_length=None)
    return frame.with_columns(pl.col("low", "high").cast(pl.Float64)) if len(frame) else frame


def left_out(table: pl.DataFrame) -> str:
    """What single seeds show at depths that have no part in the slope of their model; empty if there is none."""
    judged = [own.select("model", "n_layers") for own in _judged(table).values()]
    if not judged:
        return ""
    plain = _plain(table).filter(pl.col("seed").n_unique().over("model", "n_layers") < FEWEST)
    rest = plain.join(pl.concat(judged), on=["model", "n_layers"], how="anti").sort("n_layers", "model")
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
    """The runs of each model from which slopes are taken, of two depths at least.

    A depth that fewer than `FEWEST` seeds have is left out, if two others are left: a single run may be an accident.
    """
    plain, out = _plain(table), {}
    for model in order_of(plain["model"].to_list(), BACKBONES):
        own = plain.filter(model=model)
        often = own.filter(pl.col("seed").n_unique().over("n_layers") >= FEWEST)
        own = often if often["n_layers"].n_unique() >= 2 else own
        if own["n_layers"].n_unique() >= 2:
            out[model] = own
    return out


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    """Whole models without ratings, of the width that HSTU's depths share."""
    whole = pl.all_horizontal(pl.col(name) == value for name, value in FULL.items())
    return table.filter((pl.col("model") != "hstu") & ~pl.col("use_ratings") | (pl.col("model") == "hstu") & whole)


YARDSTICKS = {"popularity": "most popular items", "next": "counts of the next item"}


def yardsticks(table: pl.DataFrame) -> dict[str, float]:
    """NDCG@10 of the two simple rankings of `YARDSTICKS` on the same test events."""
    return {name: table[f"baseline_{name}_ndcg10"].unique().item() for name in YARDSTICKS}


def protocol(table: pl.DataFrame) -> str:
    """How these runs were trained and tested, and what simple rankings reach on the same events."""
    one = {name: table[name].unique().item() for name in ("users", "s_max", "max_epochs", "learning_rate", "dropout")}
    counted = yardsticks(table)
    tried = stored.sweep("tuning-ml-100k")
    rates, dropouts = (tried[name].unique().sort().to_list() for name in ("learning_rate", "dropout"))
    models = ", ".join(name_of(m) for m in order_of(tried["model"].to_list(), BACKBONES))
    edge = [
        f"the {'least' if one[name] == values[0] else 'greatest'} {title}"
        for name, title, values in (("learning_rate", "learning rate", rates), ("dropout", "dropout", dropouts))
        if one[name] in (values[0], values[-1])
    ]
    those, were = ("These are", "were") if len(edge) > 1 else ("This is", "was")
    said = f". {those} {' and '.join(edge)} that {were} tried" if edge else ""
    return (
        f"*Protocol.* MovieLens-100K, which has real times; {one['users']} users, each one's last event the test; "
        f"histories of at most {one['s_max']} events, {one['max_epochs']} epochs, the epoch chosen by validation "
        f"NDCG@10, all items ranked. Learning rate {one['learning_rate']:g} and dropout {one['dropout']:g} were chosen "
        f"for {models} alone, at one size{said}. The other models have the same, so a model that fails may fail for "
        f"want of settings of its own. On the same events the most popular items reach an NDCG@10 of "
        f"{counted['popularity']:.3f}, and counts of which item follows which {counted['next']:.3f}."
    )


STANDARD = "softmax, rotary positions"
"""The variant of HSTU that has both parts as a standard transformer has them."""


def parts_evidence(table: pl.DataFrame | None, metric: str = "ndcg10") -> dict[str, Any]:
    """Evidence on SiLU and the bias: what HSTU loses without each, 95% intervals, seeds; None without rows.

    ``standard``: what it loses with both as a standard transformer has them.
    """
    out: dict[str, Any] = {"seeds": 0, "level": LEVEL}
    every = effects(table) if table is not None else pl.DataFrame()
    for part, name in (("silu", "softmax"), ("bias", "no bias"), ("standard", STANDARD)):
        found = every.filter(variant=name, metric=MEASURED[metric]).drop_nulls("low") if len(every) else every
        row = found.row(0, named=True) if len(found) else None
        out |= {part: row and -row["mean"], f"{part}_low": row and -row["high"], f"{part}_high": row and -row["low"]}
        out["seeds"] = max(out["seeds"], row["seeds"]) if row else out["seeds"]
    return out


def backbones_evidence(table: pl.DataFrame | None) -> dict[str, Any]:
    """Evidence on whether the models scale differently: slopes in log₂ depth, their tests, None without rows."""
    found = {name: slopes(table, name) if table is not None else pl.DataFrame() for name in ("ndcg10", "loss")}
    found = {name: part.drop_nulls("low") if len(part) else part for name, part in found.items()}
    if table is None or len(found["ndcg10"]) < 2:
        missing = dict.fromkeys(("steepest", "flattest", "least", "greatest", "p", "p_loss", "without", "without_loss"))
        return missing | {"models": 0, "seeds": 0, "rising": 0, "falling": 0}
    ranked = found["ndcg10"].sort("mean", descending=True)
    return {
        "models": len(ranked),
        "seeds": ranked["seeds"].min(),
        "steepest": ranked["model"][0],
        "greatest": ranked["mean"][0],
        "flattest": ranked["model"][-1],
        "least": ranked["mean"][-1],
        "rising": int((ranked["low"] > 0).sum()),
        "falling": int((found["loss"]["high"] < 0).sum()),
        "p": slopes_differ(table, "ndcg10"),
        "p_loss": slopes_differ(table, "loss"),
        "without": rests_on_one(table, "ndcg10"),
        "without_loss": rests_on_one(table, "loss"),
    }
