"""The panels of chapter 6: the paper's, or those of a reader's own table of runs, and what the page says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from srlaw import paper, stored, summary
from srlaw.baselines import METRICS, NAMES
from srlaw.chapters.extrapolation import BEYOND
from srlaw.errors import InputError, listed
from srlaw.metrics import SAMPLED_NEGATIVES
from srlaw.paper import Panel
from srlaw.runs import Runs, finished_rows, read_runs

COUNTED = "ml-1m"  # the one log of the paper whose yardsticks are stored
GROUPS = ("dataset", "model", "s_max")  # columns of a reader's table, each of whose combinations is a panel


def load(path: str | None, metrics: Sequence[str]) -> list[Panel]:
    """The paper's panels of these metrics, or those of a reader's own table of runs.

    A table has a panel for each metric and each combination of its columns ``dataset``, ``model`` and ``s_max``, where
    it has them; s_max is 0 where it has none. Repeats of a configuration, told by a column ``seed``, are averaged.

    Raises:
        InputError: as `read_runs`; a metric that the paper has not, other repeats, fewer than four depths.
    """
    if path is None:
        unknown = set(metrics) - set(paper.FIGURE_METRICS)
        if unknown:
            known = ", ".join(paper.FIGURE_METRICS)
            raise InputError(f"the paper's figures have no metric {min(unknown)!r}; they have {known}")
        return [panel for panel in paper.panels() if panel.metric in metrics]
    sizes = ("n_layers", "d_emb")
    by = [name for name in GROUPS if name in finished_rows(path)[0][0]]
    runs = read_runs(path, sizes, metrics, by, positive=sizes)
    found = [_own(path, label, runs.labels, part) for label, part in runs.groups()]
    return [Panel(name, s_max, metric, points) for name, s_max, points in found for metric in metrics]


def _own(path: str, label: dict, labels: pl.DataFrame, runs: Runs) -> tuple[str, int, pl.DataFrame]:
    """Name, s_max and points of a group of a reader's table; the model is in the name where there are several."""
    points = pl.concat([runs.x, runs.y], how="horizontal")
    several = [str(label[name]) for name in label if labels[name].n_unique() > 1]
    where = f"{path}{f' ({listed(several)})' if several else ''}"
    if points.select("n_layers", "d_emb").is_duplicated().any():
        raise InputError(f"{where} has several rows of one n_layers and d_emb; tell repeats by a column seed")
    if points["n_layers"].n_unique() < 4:
        raise InputError(f"{where} needs four depths or more: the greatest is predicted from three or more others")
    names = [str(label.get("dataset") or Path(path).stem)]
    names += [str(label["model"])] if "model" in label and labels["model"].n_unique() > 1 else []
    s_max = label.get("s_max")
    return ", ".join(names), int(s_max) if isinstance(s_max, (int, float)) else 0, points


def of_choice(rows: pl.DataFrame) -> str:
    """What choosing by a law is worth beside taking the largest, or the best so far: `judged` rows of one law."""
    own, best, largest = (_median(rows, name) for name in ("regret", "regret_seen", "regret_largest"))
    limit = BEYOND * 2**0.5
    if largest <= limit:
        mistake = f"Taking the largest is no mistake here: it loses {largest:.2f} σ in the median"
        return f"{mistake}, and two single runs differ by up to {limit:.2f} σ."
    if own > limit:
        return f"It does not avoid the mistake that taking the largest model is: {own:.2f} against {largest:.2f} σ."
    if best <= limit:
        return "It avoids the mistake of taking the largest model, but so does taking the best model one already has."
    return "It avoids the mistake of taking the largest model, which taking the best model one already has does not."


def _median(rows: pl.DataFrame, name: str) -> float:
    """In units of the noise, over the rows that have it."""
    return float(np.median((rows[name] / rows["sigma"]).drop_nulls().to_numpy()))


def by_three_measures(rows: pl.DataFrame) -> str:
    """Does the law's choice lose less by the fitted surface and by its neighbours than by its own measurement?"""
    known = {name: _median(rows, name) for name in ("regret", "smooth", "around") if rows[name].drop_nulls().len()}
    own, names = known.pop("regret"), {"smooth": "the fitted surface", "around": "the neighbours"}
    if not own:
        return "By its single measurement the law's choice loses nothing in the median."
    less = [names[name] for name, value in known.items() if value < own]
    if len(less) == len(known) and less:
        return f"By {' and by '.join(less)} the law's choice loses less in the median than by its single measurement."
    if less:
        return (
            f"By {less[0]} the law's choice loses less in the median than by its single measurement; else it does not."
        )
    return "By neither does the law's choice lose less in the median than by its single measurement."


def beside_yardsticks(panels: Sequence[Panel], path: str | None) -> str:
    """The best of the runs beside predictors that only count, where these are known; else that they are not."""
    if path is None:
        known, name = stored.yardsticks(COUNTED), COUNTED
        told = [_beside([p for p in panels if p.dataset == COUNTED], metric, known) for metric in METRICS]
        return (
            "*Yardsticks* are predictors that only count. Of the paper's logs only that of "
            f"{name} was at hand for them. All items are ranked for the last events of {known['users']:,} users, at "
            f"s_max {known['s_max']}. {' '.join(told)} The authors' code ranks among {SAMPLED_NEGATIVES:,} random "
            "items. If their runs were ranked so, they had the easier task. No log of the other data sets has the "
            "paper's selection of users, so their runs stand here without a yardstick."
        )
    rows, told = finished_rows(path)[0], []
    for metric in dict.fromkeys(panel.metric for panel in panels):
        names = [
            name for name in rows[0] if name.startswith("baseline_") and name.endswith((f"_{metric}", f"_{metric}_se"))
        ]
        values = {name: [row[name] for row in rows if isinstance(row[name], (int, float))] for name in names}
        known = {name: sum(each) / len(each) for name, each in values.items() if each}
        if known:
            told.append(_beside([panel for panel in panels if panel.metric == metric], metric, known))
    if not told:
        return (
            "*Yardsticks.* The table has none. `srlaw sweep` writes what predictors that only count reach beside every "
            "run: without them nobody knows whether any of these models is worth training."
        )
    return f"*Yardsticks*, predictors that only count, means over the table. {' '.join(told)}"


def _beside(panels: Sequence[Panel], metric: str, known: dict) -> str:
    """One sentence on the best run of some panels, and the best yardstick of the metric."""
    mine = {name: known[f"baseline_{name}_{metric}"] for name in NAMES if f"baseline_{name}_{metric}" in known}
    own = [float(panel.points["y"].to_numpy().max()) for panel in panels if panel.metric == metric]
    if not mine or not own:
        return ""
    name = max(mine, key=lambda one: mine[one])
    label = summary.METRICS.get(metric, metric)
    error = known.get(f"baseline_{name}_{metric}_se")
    told = f"{mine[name]:.4f}" + ("" if error is None else f" ± {error:.4f}")
    return f"In {label} the best yardstick ({NAMES[name]}) reaches {told}, the best run {max(own):.4f}."
