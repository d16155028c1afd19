"""What a plan trains, in which order and why, and what that takes: as runs, and as specifications of sweeps."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from srlaw.models import MODELS
from srlaw.planner.speed import Speed, batch
from srlaw.sweep import Run

# The first of these that fits into the minutes: epochs, depths, widths. A small grid of many epochs stands before a
# large one of few: what is not trained to its end tells nothing about sizes.
LADDER = (
    (30, (1, 2, 4, 8), (16, 32, 64, 128)),
    (30, (1, 2, 4), (16, 32, 64, 128)),
    (30, (1, 2, 4), (16, 32, 64)),
    (20, (1, 2, 4), (16, 32, 64)),
    (20, (1, 2, 4), (8, 16, 32)),
    (12, (1, 2, 4), (8, 16, 32)),
    (8, (1, 2, 4), (8, 16, 32)),
    (5, (1, 2, 4), (8, 16, 32)),
    (5, (1, 2), (8, 16, 32)),
)
LEAST_SIZES = 6  # to plan by, at two depths and two widths or more
GOOD = 20  # epochs: where the log's own s_max leaves fewer, a shorter one is taken
WIDTHS = (16, 32, 64, 128)  # whose speed is measured
RECIPES = ((0.003, 0.2), (0.012, 0.2))  # learning rate, dropout
FRACTIONS = (0.25, 0.5)
FRESH = 1000  # seed of the run that the test event is read for
CHOICE = 20.0, 0.2  # seconds of the laws, forecasts and files at the end; of few minutes, their share
RECENT = 6  # runs by which it is told how busy the machine is
STAGES = {
    "recipe": "the learning rate, checked at a small and at a large size",
    "sizes": "depths and widths that determine the laws, cheap ones first",
    "repeats": "other seeds of every second size: the noise of one run",
    "larger": "twice the depth or width, while the best size so far is at the edge of those tried",
    "checks": "at the best size so far twice the epochs, and random order of the events; shares of the users at two",
    "more": "other seeds of the three best sizes, while there is time",
    "chosen": "the chosen size with a fresh seed: the one model that meets the test event, and that is kept",
}


@dataclass(frozen=True)
class Design:
    """Cells of one plan: the groups (model, s_max), depths and widths, seeds, epochs; settings common to all runs."""

    groups: list[tuple[str, int]]
    cells: list[tuple[int, int]]
    epochs: int
    seeds: int
    settings: dict[str, Any]

    def run(self, group: tuple[str, int], cell: tuple[int, int], recipe: tuple[float, float], **more: Any) -> Run:
        model, s_max = group
        sizes = {"s_max": s_max, "n_layers": cell[0], "d_emb": cell[1], "dropout": recipe[1]}
        training = {"epochs": self.epochs, "learning_rate": recipe[0], "fraction": 1.0, "precision": "float32"}
        common = {"seed": 0, "patience": None, "judged_on": "validation"}
        return Run(model, sizes, {**self.settings, **training, **common, **more})

    def recipe(self) -> list[Run]:
        """Every recipe at the smallest size and at the largest but in both directions one, of each model."""
        first: dict[str, tuple[str, int]] = {}
        for group in self.groups:
            first.setdefault(group[0], group)
        depths, widths = (sorted({cell[i] for cell in self.cells}) for i in (0, 1))
        large = (depths[max(0, len(depths) - 2)], widths[max(0, len(widths) - 2)])
        both = dict.fromkeys([self.cells[0], large if large in self.cells else self.cells[-1]])
        return [self.run(group, cell, recipe) for cell in both for group in first.values() for recipe in RECIPES]

    def sizes(self, recipes: dict[str, tuple[float, float]]) -> list[Run]:
        return [self.run(group, cell, recipes[group[0]]) for cell in self.cells for group in self.groups]

    def repeats(self, recipes: dict[str, tuple[float, float]]) -> list[Run]:
        pairs = [(group, cell) for cell in self.cells[::2] for group in self.groups]
        return [self.run(g, c, recipes[g[0]], seed=seed) for seed in range(1, self.seeds) for g, c in pairs]

    def checks(self, group: tuple[str, int], best: tuple[int, int], recipe: tuple[float, float]) -> list[Run]:
        twice = self.run(group, best, recipe, epochs=2 * self.epochs)
        small = self.cells[0] if best != self.cells[0] else self.cells[1]
        shares = [self.run(group, cell, recipe, fraction=share) for cell in (small, best) for share in FRACTIONS]
        return [twice, self.run(group, best, recipe, order="random"), *shares]


def designs(speed: Speed, groups: list[tuple[str, int]], seeds: int, settings: dict, n_items: int, most: float | None):
    """The designs of `LADDER`, of sizes with at most so many parameters, cheapest cell first."""
    settings = settings | {"batch_events": batch(speed.events[groups[0][1]])}
    widest = min(max(speed.widths(*group)) for group in groups)
    for epochs, depths, widths in LADDER:
        cells = grid(depths, widths, groups, n_items, most)
        if max(widths) > widest or not cells:
            continue
        design = Design(groups, cells, epochs, seeds, settings)
        cells.sort(key=lambda cell, design=design: speed.seconds(design.run(groups[0], cell, RECIPES[0])))
        yield design


def grid(
    depths: Iterable[int], widths: Iterable[int], groups: list[tuple[str, int]], n_items: int, most: float | None
) -> list[tuple[int, int]]:
    """The sizes of a rung with at most so many parameters; none where they are too few to plan by."""
    sizes = [size for size in product(depths, widths) if all(allowed(group, size, n_items, most) for group in groups)]
    enough = len(sizes) >= LEAST_SIZES and all(len({size[i] for size in sizes}) > 1 for i in (0, 1))
    return sizes if enough else []


def ending(minutes: float) -> float:
    """Seconds that are kept for the laws, the forecasts and the files."""
    most, share = CHOICE
    return min(most, share * 60 * minutes)


def allowed(group: tuple[str, int], cell: tuple[int, int], n_items: int, most: float | None) -> bool:
    """Whether a size has at most so many parameters."""
    config = MODELS[group[0]].config(n_items=n_items, s_max=group[1], n_layers=cell[0], d_emb=cell[1])
    return most is None or config.about_parameters <= most


def larger(cell: tuple[int, int], tried: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sizes beyond those tried, the cheapest first, in each direction in which `cell` is the largest of them.

    Twice the depth at its width and at the next smaller one, twice the width likewise, and twice both.
    """
    (n, d), ends = cell, [max(axis) for axis in zip(*tried, strict=True)]
    below_n = max((one for one, _ in tried if one < n), default=n)
    below_d = max((one for _, one in tried if one < d), default=d)
    deeper = [(2 * n, below_d), (2 * n, d)] if n == ends[0] else []
    wider = [(below_n, 2 * d), (n, 2 * d)] if d == ends[1] else []
    both = [(2 * n, 2 * d)] if deeper and wider else []
    return sorted(dict.fromkeys([*deeper, *wider, *both]), key=lambda size: size[0] * size[1] ** 2)


@dataclass(frozen=True)
class Part:
    """One stage as it is shown before anything is trained; what depends on results is counted at the dearest cell."""

    stage: str
    why: str
    runs: int
    minutes: float
    detail: str


def parts(design: Design, speed: Speed, jobs: int) -> list[Part]:
    recipes = {model: RECIPES[0] for model, _ in design.groups}
    dearest = max(design.sizes(recipes), key=speed.seconds)
    group = (dearest.model, dearest.architecture["s_max"])
    cell = (dearest.architecture["n_layers"], dearest.architecture["d_emb"])
    known = {"recipe": design.recipe(), "sizes": design.sizes(recipes), "repeats": design.repeats(recipes)}
    known |= {"checks": design.checks(group, cell, RECIPES[0]), "chosen": [dearest]}
    found = []
    for stage, runs in known.items():
        seconds = [speed.seconds(run) for run in runs]
        together = max([sum(seconds) / jobs, *seconds]) if seconds else 0.0
        found.append(Part(stage, STAGES[stage], len(runs), together / 60, _detail(design, stage)))
    return found


def _detail(design: Design, stage: str) -> str:
    shares = ", ".join(f"{share:g}" for share in FRACTIONS)
    n, d = (", ".join(map(str, sorted({cell[i] for cell in design.cells}))) for i in (0, 1))
    return {
        "recipe": "; ".join(f"rate {rate:g}, dropout {dropout:g}" for rate, dropout in RECIPES),
        "sizes": f"{len(design.cells)} sizes: depths {n}; widths {d}; {design.epochs} epochs, seed 0",
        "repeats": f"seeds up to {design.seeds - 1}",
        "checks": f"{2 * design.epochs} epochs; random order; fractions {shares}",
        "chosen": f"seed {FRESH}",
    }[stage]


def specification(source: dict[str, Any], runs: Iterable[Run], why: str) -> str:
    """A YAML file for `srlaw sweep` that expands to these runs, in their order."""
    runs = list(runs)
    taken = {"epochs", "learning_rate", "fraction", "order", "precision", "seed"}
    common = {name: value for name, value in runs[0].training.items() if name not in taken}
    grids = [
        {
            "models": [run.model],
            **{name: [run.architecture[name]] for name in ("s_max", "n_layers", "d_emb")},
            "dropouts": [run.architecture["dropout"]],
            "learning_rates": [run.training["learning_rate"]],
            "epochs": [run.training["epochs"]],
            "fractions": [run.training["fraction"]],
            **({"training": {"order": order}} if (order := run.training.get("order")) else {}),
            "seeds": [run.training["seed"]],
        }
        for run in runs
    ]
    head = {**source, "precisions": ["float32"], "training": common}
    lines = [f"# {why}", yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip(), "grids:"]
    return "\n".join([*lines, *(f"  - {json.dumps(grid)}" for grid in grids)]) + "\n"


@dataclass(frozen=True)
class Clock:
    """Says whether a run may begin: whether it ends, by what runs took here so far, `reserve` s before the deadline.

    Attributes:
        deadline: as `time.time`. folder: of the sweep, whose rows tell how busy the machine is.
        reserve: seconds, on a machine as busy as it was when the speed was measured, for what comes later.
        later: times that what the run takes, for the same.
    """

    speed: Speed
    deadline: float
    folder: Path
    reserve: float
    later: float = 0.0

    def __call__(self, run: Run) -> bool:
        needed = (self.speed.seconds(run) * (1 + self.later) + self.reserve) * slower(self.speed, self.folder)
        return time.time() + needed <= self.deadline


def slower(speed: Speed, folder: Path) -> float:
    """How many times longer the last few runs took than was foretold; 1 without any."""
    rows = folder / "rows"
    files = [file for file in rows.glob("*.json") if not file.name.startswith(".")] if rows.exists() else []
    took, foretold = 0.0, 0.0
    for file in sorted(files, key=lambda file: file.stat().st_mtime)[-RECENT:]:
        row = json.loads(file.read_text(encoding="utf-8"))
        if row["status"] == "finished":
            sizes = {name: row[name] for name in ("s_max", "n_layers", "d_emb")}
            run = Run(row["model"], sizes, {"epochs": row["epochs"], "fraction": row["fraction"]})
            took, foretold = took + row["wall_s"], foretold + speed.epochs(run)
    return took / foretold if took else 1.0
