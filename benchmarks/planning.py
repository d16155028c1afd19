"""Does planning pay? A replay on finished tables: ``python benchmarks/planning.py [OUT.csv]``; needs extra `benchmark`.

Each strategy sees configurations one at a time until a share of the FLOPs of the whole table is spent, then names one;
its regret is how far that one lies below the best, in units of the noise. The tables (`planning_tables.py`) are the 20
recovered panels (noise: the least residual standard deviation of all laws fitted to all points), five of published
runs, and this project's sweeps over sizes (noise: repeats). FLOPs of a panel's runs are not published: those of its
blocks are taken, without the catalogue. Priors of a table are the panels of the same metric on other data sets,
whatever their s_max; Amazon's are left out for the published runs, which are of Amazon too.

The rivals stand in `planning_rivals.py`; Hyperband takes part where learning curves exist. ``--without-optuna``
leaves out those that need the extra.

``python benchmarks/planning.py settings [OUT.csv]`` replays `plan` at a quarter of the FLOPs with every one of
`SETTINGS`, for what comes of it when the setting for each data set is chosen by the others alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
from planning_rivals import HYPERBAND, PLAIN, SAMPLERS, hyperband, sampled
from planning_tables import Task, tasks

from srlaw import charts
from srlaw.chapters.planning import KEYS, by_setting, chosen_by_others, summary
from srlaw.planner import choose
from srlaw.planner.choose import named, next_cell
from srlaw.planner.forecast import LINEAR, Curves, carried_curves, forecasters

SHARES = (0.1, 0.25, 0.5)
SEEDS = {"random": 50, "Optuna TPE": 3, "Optuna GP": 1, HYPERBAND: 10}
SETTINGS = [
    (0.5, 0.5, 3, 0.0), (0.5, 0.8, 3, 0.5), (0.5, 0.8, 2, 1.0), (0.5, 1.0, 2, 1.0),
    (1.0, 0.8, 3, 0.5), (1.0, 1.0, 2, 1.0), (1.0, 0.8, 2, 0.5),
]  # fmt: skip
"""THRIFT, TRUST, PART and CAUTION of `srlaw.planner.choose`: all that were tried; the last is what it has."""


def plan(task: Task, budget: float, seed: int, curves: Curves) -> int:
    """What `srlaw.planner` runs and names; laws that take long to fit are left out while it runs."""
    every, ways, spent = task.cells, forecasters(curves, LINEAR), 0.0
    none = np.empty(0, int)
    known = replace(every, seen=none, y=np.empty(0), counts=none)
    while (cell := next_cell(known, ways, curves, budget - spent, budget)) is not None:
        spent += every.cost[cell]
        known = every.only(np.append(known.seen, cell))
    return named(known, ways) if len(known.seen) else int(every.cost.argmin())


def replay(task: Task, optional: Sequence[str] = ()) -> list[dict]:
    """Regret of every strategy at every share: one row each, over its seeds the median and the share within 2σ.

    `optional` names rivals beside those that need nothing.
    """
    top, total = task.cells.y.max(), task.cells.cost.sum()
    acts = {"plan": partial(plan, curves=carried_curves(task.priors)), **PLAIN}
    acts |= {name: partial(sampled, name=name) for name in SAMPLERS if name in optional}
    if HYPERBAND in optional and task.curves is not None:
        acts[HYPERBAND] = hyperband
    rows = []
    for share in SHARES:
        for name, act in acts.items():
            chosen = [act(task, share * total, seed) for seed in range(SEEDS.get(name, 1))]
            regret = (top - task.cells.y[chosen]) / task.sigma
            values = {"regret": float(np.median(regret)), "within": float((regret <= 2).mean())}
            rows.append({**task.label, "share": share, "strategy": name, **values})
    return rows


def settings(out: str | None) -> None:
    """Replay `plan` with every setting at a quarter of the FLOPs."""
    rows = []
    for task in tasks():
        curves, cells = carried_curves(task.priors), task.cells
        for setting in SETTINGS:
            choose.THRIFT, choose.TRUST, choose.PART, choose.CAUTION = setting
            chosen = plan(task, 0.25 * cells.cost.sum(), 0, curves)
            regret = float((cells.y.max() - cells.y[chosen]) / task.sigma)
            rows.append({**task.label, **dict(zip(KEYS, setting, strict=True)), "regret": regret})
    table = charts.rounded(pl.DataFrame(rows), 5)
    if out:
        table.write_csv(out)
    print(by_setting(table))
    print(by_setting(chosen_by_others(table).with_columns(pl.lit(None).alias(name) for name in KEYS)))


def main(out: str | None, optional: Sequence[str]) -> None:
    rows, start = [], time.perf_counter()
    for task in tasks():
        rows += replay(task, optional)
        print(*task.label.values(), f"{time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    table = pl.DataFrame(rows)
    if out:
        charts.rounded(table, 5).write_csv(out)
    with pl.Config(tbl_rows=50, tbl_cols=10):
        print(summary(table))


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if words[:1] == ["settings"]:
        sys.exit(settings(words[1] if len(words) > 1 else None))
    main(words[0] if words else None, () if "--without-optuna" in sys.argv else [*SAMPLERS, HYPERBAND])
