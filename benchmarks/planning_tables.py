"""The finished tables on which `benchmarks/planning.py` replays: cells, noise, other data sets, learning curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from srlaw import paper, stored
from srlaw.laws import get
from srlaw.planner.cells import Cells, forward_cost

SWEEPS = ("loss-scaling", "paper-panel", "frameworks")
METRICS = ("hr10", "ndcg10")


@dataclass(frozen=True, eq=False)
class Task:
    """A finished table.

    Attributes:
        label: ``dataset, s_max, metric, source``. cells: all of them known. sigma: noise of one run.
        priors: tables of other data sets. curves: validation along the training, ``(m, stages)``, the same
            number of FLOPs between two stages of a cell; None where none is known.
    """

    label: dict
    cells: Cells
    sigma: float
    priors: list[pl.DataFrame]
    curves: np.ndarray | None = None


def tasks() -> list[Task]:
    return [*panel_tasks(), *published_tasks(), *own_tasks()]


def panel_tasks() -> list[Task]:
    """The recovered panels; σ from the stored R² of every law."""
    found, fits = [], stored.panel_fits()
    for panel in paper.panels():
        y = panel.points["y"].to_numpy()
        rows = fits.filter(*[pl.col(name) == value for name, value in panel.label.items()])
        squares = ((y - y.mean()) ** 2).sum()
        left = [(1 - r2) * squares / (len(y) - len(get(law).parameters)) for law, r2 in rows.select("law", "r2").rows()]
        sizes = panel.points.select("n_layers", "d_emb").to_numpy().astype(float)
        cost = forward_cost(sizes[:, 0], sizes[:, 1], panel.s_max)
        cells = Cells(sizes, np.zeros(len(y), int), cost, np.arange(len(y)), y, np.ones(len(y), int))
        priors = [p.points for p in paper.panels() if p.dataset != panel.dataset and p.metric == panel.metric]
        found.append(Task(panel.label | {"source": "panels"}, cells, float(np.sqrt(min(left))), priors))
    return found


def published_tasks(metric: str = "ndcg_at_5") -> list[Task]:
    """The published runs: runs of a size and a number of negatives are repeats; σ is pooled over the five tables."""
    keys = ["dataset", "nce_num_negatives", "n_layers", "hidden_size"]
    runs = paper.srt_runs().with_columns(y=f"test_{metric}", cost="total_flops")
    curves = paper.srt_curves().select("run", valid=f"valid_{metric}", stage="step").drop_nulls()
    sigma = _pooled(runs, keys)
    priors = [p.points for p in paper.panels() if p.metric == "ndcg10" and not p.dataset.startswith("amazon")]
    found = []
    for (dataset,), part in runs.group_by("dataset", maintain_order=True):
        label = {"dataset": dataset, "s_max": 50, "metric": "ndcg5", "source": "published runs"}
        names = ["nce_num_negatives", "n_layers", "hidden_size"]
        found.append(Task(label, *_cells(part, names, curves, "run", sigma, priors)))
    return found


def own_tasks() -> list[Task]:
    """This project's sweeps over sizes, by the test event; repeated seeds are repeats, σ is pooled over a table.

    `frameworks` is a choice among models as well, in float32: its cells of HSTU that stand in `loss-scaling` are taken
    from there. Learning curves are of validation.
    """
    found = []
    for name in SWEEPS:
        rows = stored.sweeps(name).filter(precision="float32")
        curves = stored.sweep(f"{name}-curves")
        if name == "frameworks":
            rows = stored.sweeps(name, "loss-scaling").filter(
                pl.col("precision") == "float32", pl.col("n_layers") <= 4, pl.col("d_emb").is_between(16, 64)
            )
            curves = pl.concat([curves, stored.sweep("loss-scaling-curves")], how="diagonal_relaxed").unique(
                ["key", "epoch"], maintain_order=True
            )
        for metric in METRICS:
            runs = rows.with_columns(y=metric, cost=pl.col("flops"))
            valid = curves.select("key", valid=f"valid_{metric}", stage="epoch")
            dataset, s_max = rows.select("dataset", "s_max").row(0)
            priors = [p.points for p in paper.panels() if p.dataset != dataset and p.metric == metric]
            label = {"dataset": dataset, "s_max": s_max, "metric": metric, "source": name}
            names = ["model", "n_layers", "d_emb"]
            found.append(Task(label, *_cells(runs, names, valid, "key", _pooled(runs, names), priors)))
    return found


def _pooled(runs: pl.DataFrame, keys: list[str]) -> float:
    """Standard deviation of the runs of one configuration, pooled."""
    again = runs.group_by(keys).agg(v=pl.col("y").var(), runs=pl.len()).filter(pl.col("runs") > 1)
    return float(np.sqrt((again["v"] * (again["runs"] - 1)).sum() / (again["runs"] - 1).sum()))


def _cells(
    runs: pl.DataFrame, keys: list[str], curves: pl.DataFrame, key: str, sigma: float, priors: list[pl.DataFrame]
) -> tuple[Cells, float, list[pl.DataFrame], np.ndarray]:
    """The cells of a table: `keys` are the group, the depth and the width. Curves are means over repeats."""
    grouped = runs.group_by(keys, maintain_order=True)
    means = grouped.agg(pl.col("y", "cost").mean(), runs=pl.len()).with_row_index("cell")
    sizes = means.select(keys[1:]).to_numpy().astype(float)
    group = means[keys[0]].rank("dense").to_numpy().astype(int) - 1
    y, cost, counts = (means[name].to_numpy() for name in ("y", "cost", "runs"))
    cells = Cells(sizes, group, cost, np.arange(len(y)), y, counts.astype(int))
    joined = runs.select(key, *keys).join(means.select("cell", *keys), on=keys).join(curves, on=key)
    by_stage = joined.group_by("cell", "stage").agg(pl.col("valid").mean()).sort("cell", "stage")
    return cells, sigma, priors, by_stage["valid"].to_numpy().reshape(len(y), -1)
