"""Table 4: three frameworks in two precisions, from runs of our own or of a reader; the exponents of Eq. (7) by model.

A *cell* is a model in a precision at a depth and a width; its runs with other seeds are repeats. σ, the standard
deviation of one run, is pooled over the repeated cells of each model and precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from scipy import stats

from srlaw import paper, stored
from srlaw.errors import InputError, listed, quoted
from srlaw.laws import Fit, fit, get
from srlaw.laws.inference import percentiles, refit
from srlaw.laws.performance import EXPONENT
from srlaw.planner.noise import Noise, from_repeats
from srlaw.runs import finished_rows, read_runs

MODELS = {"hstu": "HSTU", "llama": "LLaMA", "sasrec": "SASRec", "gpt": "GPT"}
PRECISIONS = ("float32", "bfloat16")
UNTOLD = "unstated precision"
SIZE = ["n_layers", "d_emb"]
CELL = ["model", "precision", *SIZE]
RANKINGS = {
    "all items": ("hr10", "ndcg10"),
    "without the history": ("hr10_without_history", "ndcg10_without_history"),
    "as the authors' code": ("hr10_sampled", "ndcg10_sampled"),
}
EXPONENTS = ("w1", "w2", "w3", "w4")
TERMS = (("w1", "w3"), ("w2", "w4"))
"""Scale and exponent of the term in depth and of the term in width."""
LEVELS = 3  # depths, and widths, that a term of Eq. (7) with p held needs: a scale and an exponent
IDENTIFIED = ("ok", "saturated")
"""Status of a fit whose parameters are determined by the sizes."""
LEVEL = 0.95
RIVALS = {"a plane in logarithms": "log-linear", "a log-quadratic": "log-quadratic"}


@dataclass(frozen=True)
class Reading:
    """Eq. (7) as it can be fitted to one model: a law, and the parameters that are held."""

    name: str
    law: str
    fixed: dict[str, float]

    @property
    def free(self) -> int:
        return len(get(self.law).parameters) - len(self.fixed)


def readings(p_equation: float, p_code: float) -> list[Reading]:
    """Eq. (7) with its one p fitted or held, and the form of the authors' script with its p held."""
    return [
        Reading("Eq. (7), p fitted", "performance-shared", {}),
        Reading(f"Eq. (7), p = {p_equation:g}", "performance-shared", {"p1": p_equation}),
        Reading(f"code form, p = {p_code:g}", "performance-code", {"p": p_code}),
    ]


def rows(runs: str | None, dataset: str | None = None) -> pl.DataFrame:
    """The rows of a chapter: a reader's table of runs, or this project's own.

    Raises:
        InputError: as `reader_rows`; a data set without a table.
    """
    if runs is not None:
        return reader_rows(runs, dataset)
    if dataset is not None:
        raise InputError(f"dataset is {quoted(dataset)}, and there is no table of yours; give its path as runs")
    return own_rows()


def own_rows() -> pl.DataFrame:
    """The rows of sweep B with those of the sizes that were added to it, and of sweep A with the same settings.

    In each precision the sizes that all its models have, so that they are compared on the same ones.
    """
    rows = stored.sweeps("frameworks", "loss-scaling", "frameworks-sizes")
    same = ["model", "s_max", "max_epochs", "learning_rate", "dropout", "weight_decay", "n_heads"]
    recipes = stored.sweep("frameworks").select(same).unique()
    return common_sizes(rows.join(recipes, on=same, how="semi", maintain_order="left"))


def common_sizes(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of those sizes that all models of their precision have."""
    models = pl.col("model").n_unique()
    return rows.filter(models.over("precision", *SIZE) == models.over("precision"))


def in_both(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of those models and sizes that were run in both precisions."""
    rows = rows.filter(pl.col("precision").is_in(PRECISIONS))
    return rows.filter(pl.col("precision").n_unique().over("model", *SIZE) == len(PRECISIONS))


def all_sizes() -> pl.DataFrame:
    """HSTU in float32 at every size of sweep A, with the repeats of sweep B: more depths and widths than the others."""
    rows = stored.sweeps("loss-scaling", "frameworks")
    return rows.filter(model="hstu", precision="float32", s_max=stored.sweep("frameworks")["s_max"][0])


def reader_rows(path: str, dataset: str | None) -> pl.DataFrame:
    """A reader's table of runs: ``model, n_layers, d_emb, hr10, ndcg10``, and ``precision, seed, …`` where it has them.

    Args:
        dataset: which of the data sets of the table's column ``dataset`` is wanted, where it has several.

    Raises:
        InputError: as `srlaw.runs.read_runs`; several data sets and none of them named.
    """
    runs, _ = finished_rows(path, text=("model", "precision", "dataset"))
    frame = pl.DataFrame(runs, infer_schema_length=None)
    labels = [name for name in ("dataset", "precision") if name in frame.columns]
    read_runs(path, SIZE, ["hr10", "ndcg10"], by=["model", *labels], positive=SIZE)
    if "dataset" in frame.columns:
        known = frame["dataset"].unique(maintain_order=True).to_list()
        if len(known) > 1 and dataset not in known:
            raise InputError(f"{Path(path).name} has runs of {listed(known)}; name one of them as dataset")
        frame = frame.filter(pl.col("dataset") == dataset) if len(known) > 1 else frame
    if "precision" not in frame.columns:
        frame = frame.with_columns(precision=pl.lit(UNTOLD))
    return frame


def order_of(values: Sequence[str], known: Sequence[str]) -> list[str]:
    """Labels in the order of the paper, then others as they come."""
    present = list(dict.fromkeys(values))
    return [name for name in known if name in present] + [name for name in present if name not in known]


def groups(rows: pl.DataFrame) -> list[tuple[str, str]]:
    """(precision, model) of the rows, in the order of Table 4."""
    pairs = product(order_of(rows["precision"].to_list(), PRECISIONS), order_of(rows["model"].to_list(), list(MODELS)))
    there = set(rows.select("precision", "model").unique().iter_rows())
    return [pair for pair in pairs if pair in there]


def name_of(model: str) -> str:
    return MODELS.get(model, model)


def rankings(rows: pl.DataFrame) -> dict[str, tuple[str, str]]:
    """Those of `RANKINGS` that the rows have."""
    return {name: pair for name, pair in RANKINGS.items() if set(pair) <= set(rows.columns)}


def cells(rows: pl.DataFrame, metric: str) -> pl.DataFrame:
    """One row a cell: ``model, precision, n_layers, d_emb``, the mean as ``y``, ``se`` (NaN for one run), ``runs``."""
    y = pl.col(metric)
    table = rows.group_by(CELL, maintain_order=True).agg(y=y.mean(), se=y.std() / pl.len().sqrt(), runs=pl.len())
    return table.with_columns(pl.col("se").fill_null(float("nan"))).sort(CELL)


def noise(rows: pl.DataFrame, metric: str) -> Noise | None:
    """σ of one run, pooled over the repeated cells of the rows; None without a repeat."""
    table = cells(rows, metric)
    return from_repeats(table["se"].to_numpy(), table["runs"].to_numpy())


def of(rows: pl.DataFrame, precision: str, model: str) -> pl.DataFrame:
    return rows.filter(precision=precision, model=model)


def chosen_size(rows: pl.DataFrame) -> tuple[int, int]:
    """Depth and width of the best cell by mean validation NDCG@10, or by HR@10 where no validation is in the table."""
    by = "valid_ndcg10" if "valid_ndcg10" in rows.columns and rows["valid_ndcg10"].null_count() == 0 else "hr10"
    best = cells(rows, by).sort("y", descending=True).row(0, named=True)
    return best["n_layers"], best["d_emb"]


def best(rows: pl.DataFrame) -> pl.DataFrame:
    """The best size of each model and precision, with its test metrics under every ranking that the rows have.

    Returns:
        ``precision, model, n_layers, d_emb, sizes`` (tried), ``depths``, ``runs`` (of that size), ``ranking, hr10,
        ndcg10``; ``hr10_se, ndcg10_se``: σ of one run over √runs, None without repeats.
    """
    out = []
    for precision, model in groups(rows):
        part = of(rows, precision, model)
        depth, width = chosen_size(part)
        own = part.filter(n_layers=depth, d_emb=width)
        common = {"precision": precision, "model": model, "n_layers": depth, "d_emb": width}
        common |= {"sizes": part.select(SIZE).n_unique(), "depths": part["n_layers"].n_unique(), "runs": len(own)}
        for ranking, columns in rankings(rows).items():
            row = {**common, "ranking": ranking}
            for metric, column in zip(("hr10", "ndcg10"), columns, strict=True):
                sigma = noise(part, column)
                row |= {metric: own[column].mean(), f"{metric}_se": sigma and sigma.sigma / np.sqrt(len(own))}
            out.append(row)
    frame = pl.DataFrame(out, infer_schema_length=None)
    return frame.with_columns(pl.col("hr10_se", "ndcg10_se").cast(pl.Float64))


@dataclass(frozen=True, eq=False)
class Group:
    """One model in one precision under one reading.

    Attributes:
        fitted: the fit to the cell means, weighted by runs; None where the sizes do not suffice, as `why` says.
        sigma: of one run. draws: refits of a parametric bootstrap, parameters by name ``(n,)``; None without σ, and
            where the sizes leave a parameter free.
        peak: HR@10 of the chosen size in each draw, ``(n,)``. best: the same as measured.
    """

    precision: str
    model: str
    reading: Reading
    fitted: Fit | None
    why: str
    sigma: Noise | None
    draws: dict[str, np.ndarray] | None
    peak: np.ndarray | None
    best: float

    def interval(self, name: str) -> tuple[float, float] | None:
        return None if self.draws is None else percentiles(self.draws[name], LEVEL)

    def identified(self, name: str) -> bool:
        """Whether the runs determine a parameter of a term, that is, both of its parameters.

        Each has a standard error and lies in its interval, as it does not at a limit of the law; the interval of the
        exponent lies inside the search; and that of the scale does not hold 0, where the exponent would be free.
        """
        if self.fitted is None or self.draws is None:
            return False
        term = next(pair for pair in TERMS if name in pair)
        for each in term:
            low, high = percentiles(self.draws[each], LEVEL)
            if self.fitted.stderr[each] is None or not low <= self.fitted.params[each] <= high:
                return False
        scale, exponent = (percentiles(self.draws[each], LEVEL) for each in term)
        return scale[0] * scale[1] > 0 and exponent[0] > -EXPONENT and exponent[1] < EXPONENT

    @property
    def known(self) -> bool:
        return all(self.identified(name) for name in EXPONENTS)


def too_few(rows: pl.DataFrame, reading: Reading) -> str:
    """Why the sizes of a model do not suffice for a reading, in words; empty where they do."""
    depths, widths = (rows[name].unique().sort().to_list() for name in SIZE)
    said = f"{_numbers(depths)} {'block' if depths == [1] else 'blocks'} only"
    if len(depths) < LEVELS:
        return said
    if len(widths) < LEVELS:
        return f"width {_numbers(widths)} only"
    return "" if rows.select(SIZE).n_unique() > reading.free else "no more sizes than parameters"


def group(rows: pl.DataFrame, reading: Reading, metric: str, n: int, seed: Sequence[int]) -> Group:
    """Fit one model in one precision, with a parametric bootstrap: the fit plus noise of σ/√runs, fitted again."""
    table = cells(rows, metric)
    sigma, why = noise(rows, metric), too_few(rows, reading)
    size = chosen_size(rows)
    place = table.with_row_index().filter(n_layers=size[0], d_emb=size[1])["index"].item()
    names = (rows["precision"][0], rows["model"][0], reading)
    measured = float(table["y"][place])
    if why:
        return Group(*names, None, why, sigma, None, None, measured)
    runs = table["runs"].to_numpy().astype(float)
    fitted = fit(get(reading.law), table, "y", weights=runs, fixed=reading.fixed)
    if sigma is None or sigma.sigma == 0 or fitted.status not in IDENTIFIED:
        return Group(*names, fitted, "", sigma, None, None, measured)
    drawn = np.random.default_rng(seed).normal(size=(n, len(runs))) * sigma.sigma / np.sqrt(runs)
    drawn += fitted.y - fitted.residuals
    draws, _ = refit(fitted, drawn, np.broadcast_to(runs, drawn.shape))
    return Group(*names, fitted, "", sigma, draws, drawn[:, place], measured)


def fits(rows: pl.DataFrame, ways: Sequence[Reading], metric: str = "hr10", n: int = 200, seed: int = 0) -> list[Group]:
    """`group` of every precision, model and reading; models draw their noise independently of one another."""
    pairs = enumerate(groups(rows))
    return [group(of(rows, *pair), way, metric, n, (seed, i)) for i, pair in pairs for way in ways]


def exponent_table(found: Sequence[Group]) -> pl.DataFrame:
    """w1 … w4 of every group: ``precision, model, reading, name, value, low, high`` (None where not identified),
    ``identified, cells, free, dof`` (cells − free), ``sigma, repeats`` (degrees of freedom of σ), ``r2``.
    """
    out = []
    for g in found:
        common = {"precision": g.precision, "model": name_of(g.model), "reading": g.reading.name}
        common |= {"cells": g.fitted and g.fitted.n, "free": g.reading.free, "r2": g.fitted and g.fitted.r2}
        common |= {"dof": g.fitted and g.fitted.n - g.reading.free, "why": g.why}
        common |= {"sigma": g.sigma and g.sigma.sigma, "repeats": g.sigma.freedom if g.sigma else 0}
        for name in EXPONENTS:
            known = g.identified(name)
            low, high = (known and g.interval(name)) or (None, None)
            value = g.fitted.params[name] if known and g.fitted else None
            out.append({**common, "name": name, "value": value, "low": low, "high": high, "identified": known})
    numbers = pl.col("value", "low", "high", "r2", "sigma").cast(pl.Float64)
    return pl.DataFrame(out, infer_schema_length=None).with_columns(numbers, pl.col("cells", "dof").cast(pl.Int64))


def lack_of_fit(rows: pl.DataFrame, law: str, fixed: dict[str, float] | None = None, metric: str = "hr10"):
    """How a law fits the cell means beside the noise of repeats.

    Returns:
        ``r2, aicc, dof`` (cells − what the design lets the law choose), ``telling`` (whether the law is less than any
        sum of a term in depth and one in width there), ``p`` of the F test of the residuals against σ² of the
        repeats; p is None without repeats or residual degrees of freedom.
    """
    table, sigma = cells(rows, metric), noise(rows, metric)
    runs = table["runs"].to_numpy().astype(float)
    fitted = fit(get(law), table, "y", weights=runs, fixed=fixed or {})
    additive = 1 + sum(table[name].n_unique() - 1 for name in SIZE)  # a sum of two terms can tell no more
    dof = len(table) - min(fitted.free, additive)
    squares = float((runs * fitted.residuals**2).sum())
    ratio = None if sigma is None or sigma.sigma == 0 or dof <= 0 else squares / dof / sigma.sigma**2
    p = None if ratio is None or sigma is None else float(stats.f.sf(ratio, dof, sigma.freedom))
    return {"r2": fitted.r2, "aicc": fitted.aicc, "dof": dof, "telling": fitted.free < additive, "p": p}


def printed() -> pl.DataFrame:
    """Tables 4 of the paper and of its successor together: ``precision, model, w1, w2, w3, w4, hr10, ndcg10``."""
    there = paper.successor("4").select("precision", "model", "w1", "w2", "ndcg10")
    return paper.table(4).join(there, on=["precision", "model"], maintain_order="left")


def _numbers(values: Sequence[int]) -> str:
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}" if first else last
