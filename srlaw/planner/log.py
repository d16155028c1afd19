"""From an interaction log to a decision, in the minutes that are granted: check, measure, train, decide, write."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from srlaw.errors import InputError
from srlaw.files import write_atomically
from srlaw.models import MODELS
from srlaw.planner import folder, page, schedule, screen
from srlaw.planner.decide import decide
from srlaw.planner.extras import SIZE, split_rows
from srlaw.planner.request import S_MAX, Request, chosen_s_max, facts, read_log
from srlaw.planner.rows import LEAST, Priors
from srlaw.planner.schedule import FRESH, RECIPES, WIDTHS, Clock, Design, allowed, ending, slower
from srlaw.planner.speed import Speed, measure_together
from srlaw.sequences import Sequences
from srlaw.sweep import Run, run_sweep
from srlaw.training import loss_for
from srlaw.training.room import BYTES_PER_PARAMETER

OVERTIME = 1.08  # of the minutes, up to which the chosen size may still be trained
MEASURED = 0.25  # of the minutes: a width at which even a run of one layer takes longer is not measured further
FIRST = 2  # repeats that come before the other sizes
BEST = 3  # sizes that have further repeats
CHECKS = 4  # times a run of the best size, that its checks take together
MORE = 4  # of them at most, beyond the seeds of other sizes
Tell = Callable[[str], None]


@dataclass(eq=False)
class Plan:
    """A plan at work in its folder."""

    request: Request
    priors: Priors
    out: Path
    deadline: float
    speed: Speed
    design: Design
    recipes: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def sweep(self) -> Path:
        return self.out / "sweep"

    def train(self, stage: str, runs: list[Run], reserve: float, keep: bool = False, later: float = 0.0) -> None:
        """The runs of a stage that the time allows, through `run_sweep`; their specification stays in the folder.

        `reserve` seconds, and `later` times what the run itself takes, are kept for what comes after it.
        """
        if not runs:
            return
        number = list(schedule.STAGES).index(stage) + 1
        spec = self.out / f"{number}-{stage}.yml"
        text = schedule.specification(self.request.source, runs, schedule.STAGES[stage])
        write_atomically(spec, lambda file: file.write_text(text, encoding="utf-8"))
        into = self.out / "chosen" if keep else self.sweep
        clock = Clock(self.speed, self.deadline, self.sweep, reserve, later)
        run_sweep(spec, into, jobs=self.request.jobs, keep_best=keep, may_begin=clock)

    def rows(self) -> pl.DataFrame:
        """All finished runs so far."""
        frames = [frame.filter(pl.col("status") == "finished") for frame in self._tables()]
        frames = [frame for frame in frames if len(frame)]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def failed(self) -> int:
        return sum(len(frame.filter(pl.col("status") == "failed")) for frame in self._tables())

    def _tables(self) -> list[pl.DataFrame]:
        files = [at / "rows.csv" for at in (self.sweep, self.out / "chosen")]
        frames = [pl.read_csv(file, infer_schema_length=None) for file in files if file.exists()]
        return [frame for frame in frames if len(frame)]


def plan_log(
    request: Request, out: Path | None, priors: Priors | None, dry_run: bool = False, tell: Tell = lambda text: None
) -> dict[str, Any]:
    """`decide` on the runs that the minutes allow, with ``before`` (facts, speed, schedule), ``command`` and files.

    Started again with the same folder and request it goes on; what the runs there took is taken off the minutes.

    Raises:
        InputError: for a log, a request or a folder that cannot be used, or minutes that suffice for nothing.
    """
    begin = time.time()
    sequences = read_log(request)
    lengths = list(request.s_max) or [chosen_s_max(sequences)]
    settings = loss_for(sequences.n_items)
    groups = [(model, s_max) for model in request.models for s_max in lengths]
    if not any(schedule.grid(n, d, groups, sequences.n_items, request.max_params) for _, n, d in schedule.LADDER):
        least = f"fewer than {schedule.LEAST_SIZES} sizes have at most {request.max_params:g} parameters"
        raise InputError(f"{least}; allow more")
    known = folder.stored(out, request, sequences) if out and not dry_run else None
    if known:
        speed = Speed(known["rates"], {int(s_max): events for s_max, events in known["events"].items()})
    else:
        speed = Speed({}, {})
        for model, s_max in groups:
            most = MEASURED * 60 * request.minutes
            found = measure_together(sequences, model, s_max, WIDTHS, settings, most, request.jobs)
            speed.rates.update(found.rates)
            speed.events.update(found.events)
    seconds = 60 * request.minutes
    left = known["left"] if known else seconds - ending(request.minutes) - (time.time() - begin)
    design, parts = _fitting(request, sequences, speed, lengths, settings, left)
    before = facts(sequences, max(s_max for _, s_max in design.groups))
    before |= _machine(speed, design, sequences.n_items) | {"schedule": [asdict(part) for part in parts]}
    before |= {"minutes": request.minutes, "epochs": design.epochs, "preparation_s": time.time() - begin}
    tell(screen.before(before))
    if dry_run or out is None:
        reason = "nothing was trained, since only the schedule was asked for"
        return {"recommendation": None, "reason": reason, "evidence": {}, "before": before}
    folder.store(out, request, sequences, speed, left)
    spent = sum(folder.wall(out / name) for name in ("sweep", "chosen")) / request.jobs if known else 0.0
    plan = Plan(request, priors or {}, out, begin + seconds - spent, speed, design)
    answer = _carried_out(plan)
    answer["before"], answer["minutes"] = before, (time.time() - begin + spent) / 60
    answer["command"] = screen.command(request.source, answer.get("train"))
    page.write(out, answer, plan.rows())
    return answer


def _fitting(
    request: Request, sequences: Sequences, speed: Speed, lengths: list[int], settings: dict, seconds: float
) -> tuple[Design, list[schedule.Part]]:
    """The first design of the ladder whose schedule fits into the time, at a shorter s_max than the log's if need be.

    Raises:
        InputError: if none does; says what the smallest would take.
    """
    cuts = [lengths] if request.s_max else [[cut] for cut in reversed(S_MAX) if cut <= lengths[0]]
    fitting, least = None, math.inf
    for cut in cuts:
        groups = [(model, s_max) for model in request.models for s_max in cut]
        for model, s_max in groups:
            if f"{model}/{s_max}/{WIDTHS[0]}" not in speed.rates:
                speed.shorter(sequences, model, lengths[0], s_max)
        for design in schedule.designs(speed, groups, request.seeds, settings, sequences.n_items, request.max_params):
            parts = schedule.parts(design, speed, request.jobs)
            takes = 60 * sum(part.minutes for part in parts)
            least = min(least, takes)
            if takes <= seconds:
                fitting = design, parts
                break
        if fitting and fitting[0].epochs >= schedule.GOOD:
            break
    if fitting:
        return fitting
    need = (60 * request.minutes - seconds + least) / 60
    need = "several times as many" if math.isinf(need) else f"at least {np.ceil(10 * need) / 10:g}"
    raise InputError(f"{request.minutes:g} minutes are too few for anything on this log and machine; give {need}")


def _machine(speed: Speed, design: Design, n_items: int) -> dict[str, Any]:
    model, s_max = design.groups[0]
    n, d = design.cells[-1]
    config = MODELS[model].config(n_items=n_items, s_max=s_max, n_layers=n, d_emb=d)
    ends = {f"{n}x{d}": speed.events_per_s(model, s_max, n, d) for n, d in (design.cells[0], design.cells[-1])}
    need = BYTES_PER_PARAMETER * config.about_parameters / 2**20
    return {"events_per_s": ends, "largest_mib": need, "memory_mib": psutil.virtual_memory().total / 2**20}


def _carried_out(plan: Plan) -> dict[str, Any]:
    request, design = plan.request, plan.design
    dearest = max(plan.speed.seconds(run) for run in design.sizes(dict.fromkeys(request.models, RECIPES[0])))
    last = dearest + ending(request.minutes)
    checks = last + CHECKS * dearest / min(2, request.jobs)
    plan.train("recipe", design.recipe(), checks)
    plan.recipes = _best_recipes(plan)
    sizes, repeats = design.sizes(plan.recipes), design.repeats(plan.recipes)
    plan.train("sizes", sizes[: LEAST * len(design.groups)], last)  # without so many nothing can be told,
    plan.train("repeats", repeats[:FIRST], last)  # nor without the noise
    plan.train("sizes", sizes, checks)
    plan.train("repeats", repeats, checks)
    _larger(plan)
    best = _best(plan)
    if best:
        group, cell = best[0]
        last = max(map(plan.speed.seconds, _candidates(plan, best))) + ending(request.minutes)
        plan.train("checks", design.checks(group, cell, plan.recipes[group[0]]), last)
        more = [
            design.run(group, cell, plan.recipes[group[0]], seed=seed)
            for seed in range(1, request.seeds + MORE)
            for group, cell in best[:BEST]
        ]
        plan.train("more", more, last)
    rows = plan.rows()
    if not len(rows):
        raise InputError("no run finished in the time; grant more minutes, and start again to go on")
    priors = plan.priors
    answer = decide(_here(plan, rows), request.metric, priors, request.models, request.max_params)
    if chosen := answer["recommendation"]:
        group = (chosen["model"], chosen["s_max"])
        fresh = {"seed": FRESH, "judged_on": "test"}
        run = design.run(group, (chosen["n_layers"], chosen["d_emb"]), plan.recipes[group[0]], **fresh)
        plan.deadline += (OVERTIME - 1) * 60 * request.minutes
        plan.train("chosen", [run], 0.0, keep=True)
        answer = decide(_here(plan, plan.rows()), request.metric, priors, request.models, request.max_params)
        hours = plan.speed.seconds(run) * slower(plan.speed, plan.sweep) / 3600
        config = run.configs(int(rows["n_items"][0]))[0]
        answer["full_run"] = {"hours": hours, "params": config.about_parameters}
        answer["train"] = {
            "model": run.model,
            **{name: run.architecture[name] for name in ("n_layers", "d_emb", "s_max", "dropout")},
            **{name: run.training[name] for name in ("epochs", "learning_rate", "batch_events")},
        }
    answer["evidence"]["failed"] = plan.failed()
    answer["recipes"] = {model: {"learning_rate": r, "dropout": p} for model, (r, p) in plan.recipes.items()}
    return answer


def _larger(plan: Plan) -> None:
    """Larger sizes, as long as the best one is at an edge of those tried and the minutes last.

    A size is tried only if there would be time to make its checks and to train it once more.
    """
    request, runs = plan.request, []
    while best := _best(plan):
        group, cell = best[0]
        tried = {size for own, size in best if own == group}
        n_items = int(plan.rows()["n_items"][0])
        steps = schedule.larger(cell, tried)
        new = [size for size in steps if allowed(group, size, n_items, request.max_params)]
        wanted = [plan.design.run(group, size, plan.recipes[group[0]]) for size in new]
        plan.train("larger", [*runs, *wanted], ending(request.minutes), later=1 + CHECKS / min(2, request.jobs))
        ran = {size for own, size in _best(plan) if own == group}
        made = [run for run in wanted if _cell(run) in ran - tried]
        runs += made
        if not made:
            break


def _candidates(plan: Plan, tried: list[tuple[tuple[str, int], tuple[int, int]]]) -> list[Run]:
    """What may be chosen, as runs: every combination of the depths and of the widths that a group has, run or not."""
    runs, n_items = [], int(plan.rows()["n_items"][0])
    for group in dict.fromkeys(own for own, _ in tried):
        depths, widths = ({cell[i] for own, cell in tried if own == group} for i in (0, 1))
        sizes = [size for size in product(depths, widths) if allowed(group, size, n_items, plan.request.max_params)]
        runs += [plan.design.run(group, size, plan.recipes[group[0]]) for size in sizes]
    return runs


def _here(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """Without the runs of recipes that were not taken."""
    kept = pl.lit(False)
    for model, (rate, dropout) in plan.recipes.items():
        own = (pl.col("model") == model) & (pl.col("learning_rate") == rate) & (pl.col("dropout") == dropout)
        kept |= own
    return rows.filter(kept)


def _best_recipes(plan: Plan) -> dict[str, tuple[float, float]]:
    """Of each model the recipe that is best on average over the two sizes; the first where none was run at both."""
    rows, found = plan.rows(), {}
    for model in plan.request.models:
        means = {}
        for rate, dropout in RECIPES if len(rows) else ():
            runs = [run for run in plan.design.recipe() if run.model == model]
            sizes = {(run.architecture["s_max"], *_cell(run)) for run in runs}
            usual = {"seed": 0, "fraction": 1.0, "max_epochs": plan.design.epochs}
            mine = rows.filter(model=model, learning_rate=rate, dropout=dropout, **usual).to_dicts()
            reached = [r[plan.request.metric] for r in mine if (r["s_max"], r["n_layers"], r["d_emb"]) in sizes]
            if len(reached) == len(sizes):
                means[rate, dropout] = float(np.mean(reached))
        found[model] = max(means, key=lambda recipe: means[recipe]) if means else RECIPES[0]
    return found


def _cell(run: Run) -> tuple[int, int]:
    return run.architecture["n_layers"], run.architecture["d_emb"]


def _best(plan: Plan) -> list[tuple[tuple[str, int], tuple[int, int]]]:
    """Sizes by what their runs reached, the best first."""
    rows = plan.rows()
    if not len(rows):
        return []
    sizes = split_rows(_here(plan, rows)).sizes
    means = sizes.group_by(SIZE).agg(pl.col(plan.request.metric).mean()).sort(plan.request.metric, descending=True)
    return [((m, s), (n, d)) for m, s, n, d in means.select(SIZE).iter_rows()]
