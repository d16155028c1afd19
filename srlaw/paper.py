"""The paper's tables, printed equations and recovered measurements (`data/paper/README.md` has the provenance)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from srlaw.errors import InputError, quoted
from srlaw.files import repository
from srlaw.laws import Law, get

_HR = {"b": 628.12, "w1": 0.50, "p_n": 34, "w3": 0.0001, "w2": -19.01, "w4": 0.0365, "p2": 2.5, "w5": 12.74}
_NG = {"b": 743.9, "w1": 0.63, "p_n": 31, "w3": 0.0001, "w2": -24.85, "w4": 0.0395, "p2": 3, "w5": 0.0410}
EQUATIONS = {
    (2, "printed"): ("chinchilla", {"E": 1.61, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}),
    (2, "corrected"): ("chinchilla", {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}),
    (29, "printed"): ("performance-joint", {**_HR, "p_d": 3}),
    (29, "corrected"): ("performance-joint", {**_HR, "p_d": 34}),
    (30, "printed"): ("performance-joint", {**_NG, "p_d": 31}),
}
"""Law and parameters by equation and variant. Corrected: (2) has Hoffmann et al.'s E, (29) the 34 of its N term."""

METRICS = {"hr10": "HR@10", "ndcg10": "NDCG@10", "ndcg50": "NDCG@50", "mrr": "MRR"}
"""Column → what the paper calls it: the metrics of Table 3."""
FIGURE_METRICS = ("hr10", "ndcg10")
"""Those of Figures 3 and 5 and of Table 2."""
PANEL = ["dataset", "s_max", "metric"]
"""What names a panel, in tables a column each."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One metric of models of several sizes, all on one data set at one s_max; one training run a size.

    Attributes:
        dataset, s_max, metric: of the paper's or a reader's own runs (s_max 0 where it is not known).
        points: one row a size, with at least ``n_layers, d_emb`` and the metric, here also as ``y``.
    """

    dataset: str
    s_max: int
    metric: str
    points: pl.DataFrame

    def __post_init__(self) -> None:
        missing = {"n_layers", "d_emb", self.metric}.difference(self.points.columns)
        if missing:
            raise InputError(f"the points of a panel have no column {min(missing)!r}; add it, one value a size")
        object.__setattr__(self, "points", self.points.with_columns(y=pl.col(self.metric)))

    @property
    def key(self) -> tuple[str, int, str]:
        """(dataset, s_max, metric)"""
        return self.dataset, self.s_max, self.metric

    @property
    def label(self) -> dict[str, str | int]:
        """The same by the names in `PANEL`."""
        return dict(zip(PANEL, self.key, strict=True))


def _read(name: str) -> pl.DataFrame:
    return pl.read_csv(repository("data", "paper", name), infer_schema_length=None)


def table(number: int, corrected: bool = False) -> pl.DataFrame:
    """Table 1, 2, 3 or 4 as printed; `corrected` swaps back the token columns of Tables 1 and 2.

    KuaiRand-pure and MovieLens-1M have each other's tokens, in the order of s_max. ApEn per token or its inverse
    is rescaled with the tokens, so that the unrounded ApEn that the authors used is kept.

    Raises:
        InputError: another number.
    """
    if number not in (1, 2, 3, 4):
        raise InputError(f"the paper has Tables 1 to 4, not {number}")
    frame = _read(f"table{number}.csv")
    if not corrected or number > 2:
        return frame
    other = {"kuairand-pure": "ml-1m", "ml-1m": "kuairand-pure"}
    rank = pl.col("s_max").rank("ordinal").over("dataset").alias("rank")
    ranked = frame.with_row_index("order").with_columns(rank, pl.col("dataset").replace(other).alias("source"))
    tokens = ranked.select(pl.col("dataset").alias("source"), "rank", pl.col("tokens").alias("right"))
    joined = ranked.join(tokens, on=["source", "rank"], how="left").sort("order")
    ratio = pl.col("right") / pl.col("tokens")
    rescaled = pl.col("apen_over_tokens") / ratio if number == 1 else pl.col("tokens_over_apen") * ratio
    return joined.with_columns(rescaled, pl.col("right").alias("tokens")).select(frame.columns)


def grid() -> pl.DataFrame:
    """The 224 recovered points: ``dataset, s_max, n_layers, d_emb, hr10, ndcg10``."""
    return _read("performance_law_grid.csv")


def recovery() -> pl.DataFrame:
    """Every marker of the authors' four figures, as `srlaw.recover` found it: ``figure``, the columns of `grid` with
    ``z`` for the metric, its standard ``error``, and ``rms, miss, next`` in points of 1/72 inch."""
    return _read("recovery.csv")


def panels() -> list[Panel]:
    """The 20 panels of Figures 3 and 5."""
    groups = grid().group_by("dataset", "s_max", maintain_order=True)
    return [Panel(dataset, s_max, metric, points) for (dataset, s_max), points in groups for metric in FIGURE_METRICS]


def shapes() -> dict[str, list[pl.DataFrame]]:
    """The points of every panel by metric: what `srlaw.planner` knows of other data sets."""
    return {name: [panel.points for panel in panels() if panel.metric == name] for name in FIGURE_METRICS}


def panel(dataset: str, s_max: int, metric: str) -> Panel:
    """One of `panels`.

    Raises:
        InputError: if the paper has no such panel.
    """
    every = panels()
    found = [panel for panel in every if panel.key == (dataset, s_max, metric)]
    if not found:
        known = ", ".join(dict.fromkeys(f"{panel.dataset} {panel.s_max}" for panel in every))
        raise InputError(
            f"there is no panel {dataset}, s_max {s_max}, {metric}; the paper has {known}, "
            f"each with {' and '.join(FIGURE_METRICS)}"
        )
    return found[0]


def of_panel(frame: pl.DataFrame, panel: Panel) -> dict:
    """The one row that a table has for a panel, by data set and s_max, and by metric where the table has that."""
    keys = [name for name in PANEL if name in frame.columns]
    return frame.row(by_predicate=pl.all_horizontal(pl.col(name) == panel.label[name] for name in keys), named=True)


def figure_fits(law: str | None = None) -> pl.DataFrame:
    """R², D′ and b printed in the figures, by law (``performance_law``, ``scaling_law``), metric and panel."""
    frame = _read("figure_fits.csv")
    return frame if law is None else frame.filter(pl.col("law") == law)


def srt_runs() -> pl.DataFrame:
    """The 119 published runs of *Scaling Sequential Recommendation Models with Transformers*."""
    return _read("srt_runs.csv")


def successor(table: str) -> pl.DataFrame:
    """A table of the paper's successor (*P-Law*, NeurIPS 2025) as printed: ``"1"`` to ``"4"``, ``"6"`` or ``"7_8"``.

    Raises:
        InputError: another table.
    """
    known = ("1", "2", "3", "4", "6", "7_8")
    if table not in known:
        raise InputError(f"the successor's tables here are {', '.join(known)}, not {quoted(table)}")
    return _read(f"successor/table{'s' if '_' in table else ''}{table}.csv")


def full_ranking() -> pl.DataFrame:
    """Published HR@10 and NDCG@10 on MovieLens-1M, all items but the user's history ranked: ``source, key, model``."""
    return _read("ml-1m-full-ranking.csv")


def srt_curves() -> pl.DataFrame:
    """Their learning curves: ``run, step, train_train_loss, valid_eval_loss, valid_hit_at_5, valid_ndcg_at_5``."""
    return _read("srt_curves.csv")


def equation(number: int, variant: str = "printed") -> tuple[Law, dict[str, float]]:
    """Equation (2), (29) or (30) as a law and its parameters: ``law.predict(params, x)`` evaluates it.

    (29) and (30) are laws of n_layers, d_emb and D′ (argument ``tokens_over_apen``); `in_panel` absorbs D′.

    Raises:
        InputError: an equation or variant that does not exist.
    """
    if (number, variant) not in EQUATIONS:
        known = ", ".join(f"({n}) {v}" for n, v in EQUATIONS)
        raise InputError(f"equation ({number}) {variant} is not there; there are {known}")
    name, params = EQUATIONS[number, variant]
    return get(name), {key: float(value) for key, value in params.items()}


def in_panel(params: dict[str, float], d_prime: float = 1.0) -> tuple[Law, dict[str, float]]:
    """(29) or (30) at one D′ as the panel law `performance`: its D′ terms move into b. Optima do not depend on D′."""
    shift = np.log(d_prime) + params["p2"] * d_prime ** -params["w5"]
    kept = {name: params[name] for name in get("performance").parameters}
    return get("performance"), {**kept, "b": params["b"] + float(shift)}


def cancelling_p2(d_prime: float, w5: float) -> float:
    """The p2 with which ln D′ + p2 D′^−w5, all that D′ is to one panel of Eq. (7), vanishes."""
    return float(-np.log(d_prime) * d_prime**w5)
