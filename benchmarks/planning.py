"""Does planning pay? A replay on finished tables: ``python benchmarks/planning.py [OUT.csv [SAMPLER]...]``.

Each strategy sees configurations one at a time until a share of the FLOPs of the whole table is spent, then names one;
its regret is how far that one lies below the best, in units of the noise. The tables are the 20 recovered panels
(noise: the least residual standard deviation of all laws fitted to all points) and five tables of published runs
(noise: repeats of a size, which differ in their heads at most, pooled over the tables; two numbers of negatives are
two groups of a table). FLOPs of a panel's runs are not published: those of its blocks are taken, without the catalogue.

Priors of a table are the panels of the same metric on other data sets; Amazon's are left out for the published runs.
Samplers of Optuna (the extra ``benchmark``) are TPE, or those named; they start with four random trials; a proposal
that is not in the table or not affordable is told as failed, one that was run before costs nothing.

``python benchmarks/planning.py settings [OUT.csv]`` replays `plan` at a quarter of the FLOPs with every one of
`SETTINGS`, and says what comes of it when the setting for each data set is chosen by the others alone.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from joblib import Parallel, delayed

from srlaw import charts, paper, stored
from srlaw.laws import get
from srlaw.planner import choose
from srlaw.planner.cells import Cells, forward_cost
from srlaw.planner.choose import named, next_cell
from srlaw.planner.forecast import LINEAR, Curves, carried_curves, forecasters

SHARES = (0.25, 0.5)
SEEDS = {"random": 50, "Optuna TPE": 3, "Optuna GP": 2}
ASKS = 60  # proposals of a sampler
SETTINGS = [
    (0.5, 0.5, 3, 0.0), (0.5, 0.8, 3, 0.5), (0.5, 0.8, 2, 1.0), (0.5, 1.0, 2, 1.0),
    (1.0, 0.8, 3, 0.5), (1.0, 1.0, 2, 1.0), (1.0, 0.8, 2, 0.5),
]  # fmt: skip
"""THRIFT, TRUST, PART and CAUTION of `srlaw.planner.choose`: all that were tried; the last is what it has."""
KEYS = ("thrift", "trust", "part", "caution")


@dataclass(frozen=True, eq=False)
class Task:
    """A finished table: all cells known, the noise of one run, and what other data sets look like."""

    label: dict
    cells: Cells
    sigma: float
    priors: list[pl.DataFrame]


def panel_tasks() -> list[Task]:
    """The recovered panels; σ from the stored R² of every law."""
    tasks, fits = [], stored.panel_fits()
    for panel in paper.panels():
        y = panel.points["y"].to_numpy()
        rows = fits.filter(*[pl.col(name) == value for name, value in panel.label.items()])
        squares = ((y - y.mean()) ** 2).sum()
        left = [(1 - r2) * squares / (len(y) - len(get(law).parameters)) for law, r2 in rows.select("law", "r2").rows()]
        sizes = panel.points.select("n_layers", "d_emb").to_numpy().astype(float)
        cost = forward_cost(sizes[:, 0], sizes[:, 1], panel.s_max)
        cells = Cells(sizes, np.zeros(len(y), int), cost, np.arange(len(y)), y, np.ones(len(y), int))
        priors = [p.points for p in paper.panels() if p.dataset != panel.dataset and p.metric == panel.metric]
        tasks.append(Task(panel.label, cells, float(np.sqrt(min(left))), priors))
    return tasks


def published_tasks(metric: str = "test_ndcg_at_5") -> list[Task]:
    """The published runs: runs of a size and a number of negatives are repeats."""
    keys = ["dataset", "nce_num_negatives", "n_layers", "hidden_size"]
    grouped = paper.srt_runs().group_by(keys, maintain_order=True)
    response = pl.col(metric)
    runs = grouped.agg(y=response.mean(), v=response.var(), len=pl.len(), cost=pl.col("total_flops").mean())
    again = runs.filter(pl.col("len") > 1)
    sigma = float(np.sqrt((again["v"] * (again["len"] - 1)).sum() / (again["len"] - 1).sum()))
    priors = [p.points for p in paper.panels() if p.metric == "ndcg10" and not p.dataset.startswith("amazon")]
    tasks = []
    for (dataset,), part in runs.group_by("dataset", maintain_order=True):
        sizes = part.select("n_layers", "hidden_size").to_numpy().astype(float)
        group = (part["nce_num_negatives"] == 300).cast(pl.Int64).to_numpy()
        cost, y, counts = (part[name].to_numpy() for name in ("cost", "y", "len"))
        cells = Cells(sizes, group, cost, np.arange(len(part)), y, counts)
        tasks.append(Task({"dataset": dataset, "s_max": 50, "metric": "ndcg5"}, cells, sigma, priors))
    return tasks


def plan(task: Task, budget: float, seed: int, curves: Curves) -> int:
    """What `srlaw.planner` runs and names; laws that take long to fit are left out while it runs."""
    every, ways, spent = task.cells, forecasters(curves, LINEAR), 0.0
    none = np.empty(0, int)
    known = replace(every, seen=none, y=np.empty(0), counts=none)
    while (cell := next_cell(known, ways, curves, budget - spent, budget)) is not None:
        spent += every.cost[cell]
        known = every.only(np.append(known.seen, cell))
    return named(known, ways)


def visited(task: Task, budget: float, order) -> int:
    """The best of the cells in an order, each run if it is affordable."""
    spent, best = 0.0, -1
    for cell in order:
        if spent + task.cells.cost[cell] <= budget:
            spent += task.cells.cost[cell]
            best = cell if best < 0 or task.cells.y[cell] > task.cells.y[best] else best
    return int(best)


def random(task: Task, budget: float, seed: int) -> int:
    return visited(task, budget, np.random.default_rng(seed).permutation(len(task.cells.y)))


def cheapest(task: Task, budget: float, seed: int) -> int:
    """The cheapest first, then the best of them."""
    return visited(task, budget, np.argsort(task.cells.cost, kind="stable"))


def largest(task: Task, budget: float, seed: int) -> int:
    """The one dearest that is affordable, by itself."""
    return int(np.where(task.cells.cost <= budget, task.cells.cost, -np.inf).argmax())


def climbing(task: Task, budget: float, seed: int) -> int:
    """From the cheapest, always the nearest cell to the best so far that is affordable: its best."""
    cells, run, spent = task.cells, [], 0.0
    where = np.column_stack([cells.places, cells.group])
    best = int(cells.cost.argmin())
    cell: int | None = best
    while cell is not None:
        run.append(cell)
        spent += cells.cost[cell]
        best = max(run, key=lambda i: cells.y[i])
        free = [i for i in range(len(cells.y)) if i not in run and spent + cells.cost[i] <= budget]
        cell = min(free, key=lambda i: np.linalg.norm(where[i] - where[best]), default=None)
    return best


def optuna_best(task: Task, budget: float, seed: int, name: str) -> int:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    samplers: dict[str, Callable] = {"Optuna TPE": optuna.samplers.TPESampler, "Optuna GP": optuna.samplers.GPSampler}
    study = optuna.create_study(direction="maximize", sampler=samplers[name](seed=seed, n_startup_trials=4))
    cells, spent, run = task.cells, 0.0, {}
    axes = [np.unique(column) for column in (*cells.sizes.T, cells.group)]
    place = {(*size, group): i for i, (size, group) in enumerate(zip(cells.sizes.tolist(), cells.group, strict=True))}
    for _ in range(ASKS):
        if not any(i not in run and spent + cost <= budget for i, cost in enumerate(cells.cost)):
            break
        trial = study.ask()
        point = [axis[trial.suggest_int(f"x{j}", 0, len(axis) - 1)] for j, axis in enumerate(axes) if len(axis) > 1]
        cell = place.get(tuple(point) if len(point) == 3 else (*point, 0))
        if cell is None or (cell not in run and spent + cells.cost[cell] > budget):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        spent += 0.0 if cell in run else cells.cost[cell]
        run[cell] = cells.y[cell]
        study.tell(trial, run[cell])
    return max(run, key=lambda i: run[i]) if run else int(cells.cost.argmin())


STRATEGIES: dict[str, Callable] = {
    "plan": plan, "random": random, "cheapest first": cheapest, "largest affordable": largest, "best so far": climbing,
}  # fmt: skip


def replay(task: Task, samplers: Sequence[str] = ()) -> list[dict]:
    """Regret of every strategy at every share: one row each, over its seeds the median and the share within 2σ."""
    rows, curves = [], carried_curves(task.priors)
    top, total = task.cells.y.max(), task.cells.cost.sum()
    names = [*STRATEGIES, *samplers]
    for share in SHARES:
        for name in names:
            more = {"curves": curves} if name == "plan" else {}
            act = STRATEGIES.get(name) or (lambda *given, name=name: optuna_best(*given, name))
            chosen = [act(task, share * total, seed, **more) for seed in range(SEEDS.get(name, 1))]
            regret = (top - task.cells.y[chosen]) / task.sigma
            values = {"regret": float(np.median(regret)), "within": float((regret <= 2).mean())}
            rows.append({**task.label, "share": share, "strategy": name, **values})
    return rows


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """By share and strategy: tables, share of choices within the noise, median regret; the same by data set."""
    sets = rows.group_by("share", "strategy", "dataset", maintain_order=True).agg(pl.col("within", "regret").mean())
    named_ = {"within": pl.col("within").mean(), "regret": pl.col("regret").median()}
    by_set = sets.group_by("share", "strategy", maintain_order=True).agg(
        within_by_set=pl.col("within").mean(), regret_by_set=pl.col("regret").median()
    )
    whole = rows.group_by("share", "strategy", maintain_order=True).agg(tables=pl.len(), **named_)
    return whole.join(by_set, on=["share", "strategy"], maintain_order="left")


def settings(out: str | None) -> None:
    """Replay `plan` with every setting at a quarter of the FLOPs."""
    rows = []
    for task in [*panel_tasks(), *published_tasks()]:
        curves, cells = carried_curves(task.priors), task.cells
        for setting in SETTINGS:
            choose.THRIFT, choose.TRUST, choose.PART, choose.CAUTION = setting
            chosen = plan(task, SHARES[0] * cells.cost.sum(), 0, curves)
            regret = float((cells.y.max() - cells.y[chosen]) / task.sigma)
            rows.append({**task.label, **dict(zip(KEYS, setting, strict=True)), "regret": regret})
    table = charts.rounded(pl.DataFrame(rows), 5)
    if out:
        table.write_csv(out)
    print(by_setting(table))
    print(by_setting(chosen_by_others(table).with_columns(pl.lit(None).alias(name) for name in KEYS)))


def by_setting(table: pl.DataFrame) -> pl.DataFrame:
    """Share of the tables within the noise, and the median regret, of every setting."""
    within = (pl.col("regret") <= 2).mean()
    return table.group_by(KEYS, maintain_order=True).agg(pl.len(), within=within, regret=pl.col("regret").median())


def chosen_by_others(table: pl.DataFrame) -> pl.DataFrame:
    """Every table with the setting that does best on the other data sets; the published runs are one data set."""
    owner = pl.when(pl.col("metric") == "ndcg5").then(pl.lit("published runs")).otherwise("dataset").alias("owner")
    table, parts = table.with_columns(owner), []
    for (name,), own in table.group_by("owner", maintain_order=True):
        others = by_setting(table.filter(pl.col("owner") != name))
        first = others.sort("within", "regret", descending=[True, False], maintain_order=True).select(KEYS)[:1]
        parts.append(own.join(first, on=KEYS, maintain_order="left"))
    return pl.concat(parts).drop("owner")


def main(out: str | None, samplers: Sequence[str]) -> None:
    tasks = [*panel_tasks(), *published_tasks()]
    parts = Parallel(n_jobs=2)(delayed(replay)(task, samplers) for task in tasks)
    rows = pl.DataFrame([row for part in parts for row in part])
    if out:
        charts.rounded(rows, 5).write_csv(out)
    with pl.Config(tbl_rows=50, tbl_cols=10):
        print(summary(rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["settings"]:
        sys.exit(settings(sys.argv[2] if len(sys.argv) > 2 else None))
    main(sys.argv[1] if len(sys.argv) > 1 else None, sys.argv[2:] or ["Optuna TPE"])
