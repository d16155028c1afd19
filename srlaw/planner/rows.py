"""From a finished table of runs to a recommendation with an interval, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from srlaw.baselines import NAMES
from srlaw.laws import PANEL_LAWS
from srlaw.laws.inference import percentiles
from srlaw.planner import noise as noises
from srlaw.planner.cells import Cells
from srlaw.planner.forecast import Forecast, Weighed, carried_curves, draws, forecasters, weigh
from srlaw.planner.table import METRICS, SIZES, Table, read_table
from srlaw.summary import size_words

LEAST = 6  # configurations below which nothing is recommended
DRAWS = 200
WITHIN = 2.0  # times σ: differences below it are within the noise
LITTLE = f"{WITHIN:g} × the noise of one run"  # in sentences
Priors = dict[str, list[pl.DataFrame]]
DIRECTIONS = {"n_layers": "depth", "d_emb": "width"}


@dataclass(frozen=True, eq=False)
class View:
    """One column of a table, all its forecasts, what the noise of one run is, and what follows for every cell."""

    cells: Cells
    ways: list[Forecast]
    found: Weighed
    noise: noises.Noise | None
    surface: np.ndarray
    drawn: np.ndarray


def plan_rows(
    table: str | Path | pl.DataFrame,
    metric: str = "ndcg10",
    priors: Priors | None = None,
    models: Sequence[str] = (),
    max_params: float | None = None,
    laws: Sequence[str] = PANEL_LAWS,
    count: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """What a finished table of runs recommends: ``recommendation`` (or None), ``reason``, ``evidence``.

    The choice is by ``valid_METRIC`` where the table has it; what is expected, by the metrics themselves. Intervals
    are of 95%: those of the recommendation hold one new run, those of differences the expected values.

    Args:
        table: rows of a sweep or a reader's own, with ``n_layers``, ``d_emb`` and the metric.
        priors: tables of other data sets (``n_layers, d_emb, y``) by metric, whose shape is carried
            over; one whose column ``dataset`` is that of the table is left out.
        models: those among which to choose; all by default. max_params: at most so many (column ``params_total``).
        laws: those that take part, beside the process and the carried shape. count: draws behind the intervals.

    Raises:
        InputError: as `srlaw.planner.table.read_table`.
    """
    read = read_table(table, metric, models, max_params)
    priors, by = of_others(priors, read.dataset), read.chosen_by(metric)
    cells = read.cells[by]
    n = len(cells.seen)
    evidence: dict[str, Any] = {"metric": metric, "chosen_by": by, "configurations": n, "runs": read.runs}
    evidence["failed"] = read.failed
    evidence["s_max"] = sorted({label["s_max"] for label in read.groups if label.get("s_max") is not None})
    if n < LEAST:
        return _nothing(f"the table has {n} configurations, and {LEAST} are the least that can tell", evidence)
    if np.ptp(cells.y) == 0:
        return _nothing("all configurations reach the same, so none can be preferred", evidence)
    view = view_of(read, by, priors.get(metric, []), laws, count, seed)
    evidence["cells"] = _cells(read, view)
    if view.noise is None:
        return _nothing("the configurations determine no law; try more depths and widths", evidence)
    evidence |= {"noise": asdict(view.noise), "forecasts": _forecasts(view, read.allowed)}
    tests = {"shuffled": noises.shuffled(cells, seed)}
    if view.noise.source == "repeats":
        tests["between"] = noises.between(cells, view.noise)
    evidence["p"] = tests
    if min(tests.values()) > noises.LEVEL / len(tests):
        own = view if by == metric else view_of(read, metric, priors.get(metric, []), laws, count, seed)
        evidence |= {"yardsticks": read.yardsticks, "alike": _alike(read, own)}
        why = f"the differences between the {n} configurations are below the noise: {_p(tests)}"
        return _nothing(f"{why}; more repeats, or a wider range of sizes, could tell", evidence)
    views = {by: view}
    for name in dict.fromkeys([metric, *(name for name in METRICS if name in read.cells)]):
        if name != by:
            views[name] = view_of(read, name, priors.get(name, []), laws, count, seed)
    return _recommend(read, by, metric, views, evidence, seed)


def of_others(priors: Priors | None, dataset: str | None) -> Priors:
    """Without the tables whose column ``dataset`` names this one: a data set is no prior of itself."""

    def other(table: pl.DataFrame) -> bool:
        return "dataset" not in table.columns or dataset not in table["dataset"].to_list()

    return {name: [table for table in tables if other(table)] for name, tables in (priors or {}).items()}


def view_of(read: Table, name: str, priors: list[pl.DataFrame], laws: Sequence[str], count: int, seed: int) -> View:
    """What the runs say of one column, by all forecasts; the arguments are those of `plan_rows`."""
    cells, ways = read.cells[name], forecasters(carried_curves(priors), laws)
    found = weigh(cells, ways)
    noise = read.repeats[name] or noises.from_residuals(found.residual, found.freedom)
    drawn = draws(cells, ways, found, count, seed)
    surface = np.broadcast_to(found.surface, len(cells.sizes)).copy()
    if noise is None:
        return View(cells, ways, found, noise, surface, drawn)
    trust, rng = _trust(cells, surface, noise), np.random.default_rng([seed, 2])
    measured = cells.y + noise.sigma / np.sqrt(cells.counts) * rng.normal(size=(len(drawn), len(cells.seen)))
    surface[cells.seen] += trust * (cells.y - surface[cells.seen])
    drawn[:, cells.seen] += trust * (measured - drawn[:, cells.seen])
    return View(cells, ways, found, noise, surface, drawn)


def _trust(cells: Cells, surface: np.ndarray, noise: noises.Noise) -> np.ndarray:
    """How far each measured cell is moved from the forecasts to its own mean: ``(n,)``, between 0 and 1.

    m²/(m² + σ²/runs), where m² is what the forecasts miss the means by beyond the noise σ: nothing where they fit.
    """
    own = noise.sigma**2 / cells.counts
    missed = max(0.0, float(((cells.y - surface[cells.seen]) ** 2 - own).mean()))
    return missed / (missed + own) if missed else np.zeros(len(own))


def _nothing(reason: str, evidence: dict) -> dict[str, Any]:
    return {"recommendation": None, "reason": reason, "evidence": evidence}


def _p(tests: dict[str, float]) -> str:
    words = {"shuffled": "shuffled measurements look as smooth", "between": "repeats of one size differ as much"}
    return " and ".join(f"{words[name]} with p = {value:.2g}" for name, value in tests.items())


def _forecasts(view: View, allowed: np.ndarray) -> list[dict]:
    """Each forecast, the heaviest first: weight, error on the dearest cells, and the size that it would choose."""
    rows = []
    for name, weight in sorted(view.found.weights.items(), key=lambda pair: -pair[1]):
        chosen = view.cells.sizes[best(view.found.surfaces[name], allowed)]
        row = {"forecast": name, "weight": weight, "error_on_dearest": view.found.errors[name]}
        rows.append(row | dict(zip(SIZES, map(int, chosen), strict=True)))
    return rows


def best(surface: np.ndarray, allowed: np.ndarray) -> int:
    """The allowed cell at which a surface is highest."""
    return int(np.where(allowed, surface, -np.inf).argmax())


def _recommend(read: Table, by: str, metric: str, views: dict[str, View], evidence: dict, seed: int) -> dict[str, Any]:
    view = views[by]
    cells, surface, sigma = view.cells, view.surface, view.noise.sigma if view.noise else 0.0
    chosen = best(surface, read.allowed)
    winners = np.where(read.allowed, view.drawn, -np.inf).argmax(1)
    smallest = _cheapest(cells, read.allowed)
    enough = _cheapest(cells, read.allowed & (surface >= surface[chosen] - WITHIN * sigma))
    edges = cells.edges(chosen)
    answer = _label(read, chosen) | {"bounded": "upper" not in edges.values(), "interval": {}}
    for name, other in views.items():
        if name in (metric, *METRICS):
            answer[name], answer["interval"][name] = expected(other, chosen, seed)
    evidence |= {
        "agree": float((winners == chosen).mean()),
        "expected_interval": list(percentiles(view.drawn[:, chosen])),
        "gain_over_smallest": _label(read, smallest) | _difference(view, chosen, smallest),
        "smaller": None if enough == chosen else _label(read, enough) | _difference(view, enough, chosen),
        "yardsticks": read.yardsticks,
        "edges": edges,
    }
    yardstick = max(read.yardsticks[metric].items(), key=lambda pair: pair[1], default=None)
    if yardstick and answer[metric] <= yardstick[1]:
        name = NAMES.get(yardstick[0], yardstick[0])
        reason = f"no size is expected to beat the yardstick {name}, whose {metric} is {yardstick[1]:.4f}"
        return _nothing(f"{reason}; the best is expected to reach {answer[metric]:.4f}", evidence)
    return {"recommendation": answer, "reason": _reason(answer, evidence, metric), "evidence": evidence}


def _cells(read: Table, view: View) -> list[dict[str, Any]]:
    """Every cell with what it is expected to reach, what its runs reached on average, and how many there are."""
    cells, rows = view.cells, []
    runs, means = np.zeros(len(cells.sizes), int), np.full(len(cells.sizes), np.nan)
    runs[cells.seen], means[cells.seen] = cells.counts, cells.y
    surface = np.broadcast_to(view.surface, len(cells.sizes))
    for i in range(len(cells.sizes)):
        reached = {"expected": float(surface[i]), "runs": int(runs[i]), "mean": float(means[i]) if runs[i] else None}
        rows.append(_label(read, i) | reached)
    return rows


def _cheapest(cells: Cells, among: np.ndarray) -> int:
    return int(np.where(among, cells.cost, np.inf).argmin())


def _alike(read: Table, view: View) -> dict[str, Any] | None:
    """Where no size stands out: the cheapest that was run, and what all reach as one, with its interval."""
    cells, noise = view.cells, view.noise
    run = np.zeros(len(cells.sizes), bool)
    run[cells.seen] = read.allowed[cells.seen]
    if noise is None or not run.any():
        return None
    mean = float(np.average(cells.y, weights=cells.counts))
    half = float(stdtrit(noise.freedom, 0.975)) * noise.sigma / float(np.sqrt(cells.counts.sum()))
    reached = {"mean": mean, "interval": [mean - half, mean + half], "groups": len(read.groups)}
    return _label(read, _cheapest(cells, run)) | reached


def _label(read: Table, cell: int) -> dict[str, Any]:
    cells = next(iter(read.cells.values()))
    none = dict.fromkeys(("model", "s_max"))
    return none | read.groups[cells.group[cell]] | dict(zip(SIZES, map(int, cells.sizes[cell]), strict=True))


def _difference(view: View, a: int, b: int) -> dict[str, Any]:
    spread = percentiles(view.drawn[:, a] - view.drawn[:, b])
    return {"difference": float(view.surface[a] - view.surface[b]), "interval": list(spread)}


def expected(view: View, cell: int, seed: int) -> tuple[float, list[float]]:
    """A metric at a cell, and the 95% interval of one new run there: of forecasts, points and noise."""
    sigma = view.noise.sigma if view.noise else 0.0
    new = view.drawn[:, cell] + sigma * np.random.default_rng([seed, 1]).normal(size=len(view.drawn))
    return float(view.surface[cell]), list(percentiles(new))


def _reason(answer: dict, evidence: dict, metric: str) -> str:
    low, high = answer["interval"][metric]
    reached = f"{metric} {answer[metric]:.4f} (95% of new runs: {low:.4f} to {high:.4f})"
    parts = [f"a model of {size_words(answer)} is expected to reach {reached}"]
    parts.append(f"{evidence['agree']:.0%} of the draws choose the same")
    for end, bound, other in (("upper", "at least", "larger"), ("lower", "at most", "smaller")):
        if names := [DIRECTIONS[name] for name, edge in evidence["edges"].items() if edge == end]:
            parts.append(f"{bound} this {' and '.join(names)}: {other} was not tried")
    if smaller := evidence["smaller"]:
        parts.append(f"what {size_words(smaller)} loses is less than {LITTLE} ({-smaller['difference']:.4f})")
    return "; ".join(parts)
