"""What else chooses a size when only a part of the FLOPs may be spent: the rivals of `srlaw plan` in its replay."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from planning_tables import Task

SAMPLERS = {"Optuna TPE": "TPESampler", "Optuna GP": "GPSampler"}
HYPERBAND = "Optuna Hyperband"
START = 4  # random trials of a sampler before its model


def visited(task: Task, budget: float, order) -> int:
    """The best of the cells in an order, each run if it is affordable."""
    spent, best = 0.0, -1
    for cell in order:
        if spent + task.cells.cost[cell] <= budget:
            spent += task.cells.cost[cell]
            best = cell if best < 0 or task.cells.y[cell] > task.cells.y[best] else best
    return int(best) if best >= 0 else int(task.cells.cost.argmin())


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


def sampled(task: Task, budget: float, seed: int, name: str) -> int:
    """Optuna's sampler until nothing is affordable, then its best.

    A proposal that is not in the table, was run before or is not affordable is answered by the nearest cell that can
    be run, which is told to the study in its place.
    """
    optuna = _optuna()
    sampler = getattr(optuna.samplers, SAMPLERS[name])(seed=seed, n_startup_trials=START)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    cells, spent, run = task.cells, 0.0, []
    places = np.column_stack([cells.sizes, cells.group])
    axes = [np.unique(column) for column in places.T]
    steps = np.column_stack([np.searchsorted(axis, column) for axis, column in zip(axes, places.T, strict=True)])
    spaces = {
        f"x{j}": optuna.distributions.IntDistribution(0, len(axis) - 1) for j, axis in enumerate(axes) if len(axis) > 1
    }
    while free := [i for i in range(len(cells.y)) if i not in run and spent + cells.cost[i] <= budget]:
        trial = study.ask(spaces)
        wanted = np.array([trial.params.get(f"x{j}", 0) for j in range(len(axes))])
        cell = min(free, key=lambda i: np.abs(steps[i] - wanted).sum())
        spent += cells.cost[cell]
        run.append(cell)
        if (steps[cell] == wanted).all():
            study.tell(trial, cells.y[cell])
            continue
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        params = {name: int(steps[cell, int(name[1:])]) for name in spaces}
        study.add_trial(optuna.create_trial(params=params, distributions=spaces, value=cells.y[cell]))
    return max(run, key=lambda i: cells.y[i]) if run else int(cells.cost.argmin())


def hyperband(task: Task, budget: float, seed: int) -> int:
    """Optuna's Hyperband over cells in a random order, by their validation along the training.

    A run that is stopped early has cost its part of the FLOPs. Named is the best of those that ran to their end, or,
    without one, the one whose last validation was best.
    """
    if task.curves is None:
        raise ValueError("Hyperband needs learning curves")
    optuna = _optuna()
    stages = task.curves.shape[1]
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=stages, reduction_factor=3)
    study = optuna.create_study(direction="maximize", pruner=pruner, study_name=f"seed {seed}")
    spent, ended, last = 0.0, [], {}
    for cell in map(int, np.random.default_rng(seed).permutation(len(task.cells.y))):
        trial, step = study.ask(), task.cells.cost[cell] / stages
        for stage in range(stages):
            if spent + step > budget * (1 + 1e-12):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                break
            spent += step
            last[cell] = float(task.curves[cell, stage])
            trial.report(last[cell], stage + 1)
            if stage + 1 < stages and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            ended.append(cell)
            study.tell(trial, last[cell])
    if ended:
        return max(ended, key=lambda i: task.cells.y[i])
    return max(last, key=lambda i: last[i]) if last else int(task.cells.cost.argmin())


def _optuna():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna


PLAIN: dict[str, Callable[[Task, float, int], int]] = {
    "random": random, "cheapest first": cheapest, "largest affordable": largest, "best so far": climbing,
}  # fmt: skip
