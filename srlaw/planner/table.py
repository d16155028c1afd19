"""A table of runs as a plan needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from srlaw.datasets.registry import REGISTRY
from srlaw.datasets.tables import column_names, table_at
from srlaw.errors import InputError, listed, quoted
from srlaw.planner import noise
from srlaw.planner.cells import Cells, forward_cost
from srlaw.runs import Runs, finished_rows, read_runs

METRICS = ("hr10", "ndcg10")
GROUPS = ("model", "s_max")
SIZES = ("n_layers", "d_emb")
SINGLE = ("dataset", "data", "fraction")  # columns of which a table to plan by has one value


@dataclass(frozen=True, eq=False)
class Table:
    """Name of the data set, if told; labels of the groups; cells, noise and yardsticks of each metric; what is allowed.

    The candidates are all combinations of the depths and widths that a group has, run or not.
    """

    dataset: str | None
    groups: list[dict[str, Any]]
    cells: dict[str, Cells]
    repeats: dict[str, noise.Noise | None]
    yardsticks: dict[str, dict[str, float]]
    allowed: np.ndarray
    runs: int
    failed: int

    def chosen_by(self, metric: str) -> str:
        """The column to choose by: the metric on validation, where the table has it."""
        return f"valid_{metric}" if f"valid_{metric}" in self.cells else metric


def is_rows(name: str, separator: str | None = None) -> bool:
    """Whether a file is a table of runs, with both sizes; a registered name, or no table, is a log."""
    file = Path(name)
    if name in REGISTRY or not file.is_file():
        return False
    try:
        columns = column_names(table_at(file, separator))
    except InputError:  # reading the log says what is wrong
        return False
    return set(SIZES) <= set(columns)


def read_table(
    table: str | Path | pl.DataFrame, metric: str, models: Sequence[str] = (), max_params: float | None = None
) -> Table:
    """Read the runs of one data set; groups are told by the columns ``model`` and ``s_max``, repeats by ``seed``.

    Raises:
        InputError: as `srlaw.runs.read_runs`; several data sets or shares of one, several rows of a configuration
            without a seed, a model that is not there, or no cell with so few parameters.
    """
    rows, failed = finished_rows(table, text=("dataset", "model"))
    columns = list(rows[0])
    for name in SINGLE:
        values = list(dict.fromkeys(str(row[name]) for row in rows)) if name in columns else []
        if len(values) > 1:
            raise InputError(f"the table has runs of several values of {name!r} ({listed(values, 4)}); keep one")
    wanted = dict.fromkeys([metric, f"valid_{metric}", *METRICS])
    own = [name for name in wanted if name in columns or name == metric]
    extra = [] if max_params is None else ["params_total"]
    runs = read_runs(table, SIZES, [*own, *extra], [name for name in GROUPS if name in columns], positive=SIZES)
    groups, parts = _groups(runs, models)
    sizes = [part.x.to_numpy().astype(float) for part in parts]
    if any(len(np.unique(one, axis=0)) < len(one) for one in sizes):
        raise InputError("the table has several rows of one n_layers and d_emb; tell repeats by a column seed")
    every, group, seen = _designs(sizes)
    s_max = np.array([_number(label.get("s_max")) for label in groups])[group]
    cost = forward_cost(every[:, 0], every[:, 1], s_max)
    counts = np.concatenate([part.counts for part in parts])
    ys = {name: np.concatenate([part.y[name].to_numpy() for part in parts]) for name in [*own, *extra]}
    cells = {name: Cells(every, group, cost, seen, ys[name], counts) for name in own}
    repeats = {name: noise.from_repeats(_errors(parts, name), counts) for name in own}
    allowed = np.ones(len(every), bool)
    if max_params is not None:
        allowed = _parameters(cells[metric], ys["params_total"]) <= max_params
        if not allowed.any():
            raise InputError(f"no size of the table has at most {max_params:g} parameters; allow more")
    yardsticks = {name: _yardsticks(rows, name) for name in own}
    name = rows[0].get("dataset")
    return Table(name, groups, cells, repeats, yardsticks, allowed, int(counts.sum()), failed)


def _groups(runs: Runs, models: Sequence[str]) -> tuple[list[dict[str, Any]], list[Runs]]:
    pairs = list(runs.groups())
    if models:
        if "model" not in runs.labels.columns:
            raise InputError(f"the table has no column 'model', so it cannot be asked for {quoted(models[0])}")
        known = list(dict.fromkeys(str(label["model"]) for label, _ in pairs))
        if missing := [name for name in models if name not in known]:
            raise InputError(f"the table has no model {quoted(missing[0])}; it has {listed(known)}")
        pairs = [pair for pair in pairs if str(pair[0]["model"]) in models]
    return [{name: _plain(value) for name, value in label.items()} for label, _ in pairs], [part for _, part in pairs]


def _plain(label: Any) -> Any:
    """A label as JSON has it: whole numbers without a point."""
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _number(label: Any) -> float:
    return float(label) if isinstance(label, (int, float)) else 0.0


def _designs(sizes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All combinations of each group's depths and widths, their groups, and which of them were run."""
    designs = [np.array(list(product(*[np.unique(column) for column in one.T]))) for one in sizes]
    group = np.repeat(np.arange(len(designs)), [len(design) for design in designs])
    every = np.concatenate(designs)
    place = {(int(g), *size): i for i, (g, size) in enumerate(zip(group, every.tolist(), strict=True))}
    return every, group, np.array([place[g, *size] for g, one in enumerate(sizes) for size in one.tolist()])


def _errors(parts: list[Runs], name: str) -> np.ndarray:
    return np.concatenate([part.errors[name].fill_null(np.nan).to_numpy() for part in parts])


def _yardsticks(rows: list[dict], metric: str) -> dict[str, float]:
    """Mean of each ``baseline_NAME_METRIC`` that the table has."""
    names = [name for name in rows[0] if name.startswith("baseline_") and name.endswith(f"_{metric}")]
    found = {}
    for name in names:
        values = [row[name] for row in rows if isinstance(row[name], (int, float))]
        if values:
            found[name.removeprefix("baseline_").removesuffix(f"_{metric}")] = float(np.mean(values))
    return found


def _parameters(cells: Cells, known: np.ndarray) -> np.ndarray:
    """Parameters of every cell: as the table has them, else by what 1, d, N d and N d² make of them in its group."""
    n, d = cells.sizes.T
    columns = np.column_stack([np.ones_like(n), d, n * d, n * d**2])
    out = np.empty(len(n))
    for number in range(cells.groups):
        mine, own = cells.group == number, cells.group[cells.seen] == number
        scale = columns[cells.seen[own]].max(0)
        found = np.linalg.lstsq(columns[cells.seen[own]] / scale, known[own], rcond=1e-10)[0]
        out[mine] = columns[mine] / scale @ found
    out[cells.seen] = known
    return out
