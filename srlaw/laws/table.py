"""`fit_table`: the whole contract of ``srlaw fit``."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from srlaw.errors import InputError, quoted
from srlaw.laws import get
from srlaw.laws.fitting import Fit, fit_arrays
from srlaw.laws.inference import bootstrap as resample
from srlaw.runs import Runs, read_runs


def fit_table(
    table: str | Path | pl.DataFrame,
    law: str,
    y: str,
    x: dict[str, str] | None = None,
    by: list[str] | None = None,
    huber: float | None = None,
    bootstrap: int = 0,
    seed: int = 0,
    repeats: str = "mean",
) -> list[dict]:
    """Fit a law to a table of runs, one result per group, in order of appearance.

    Args:
        table, by, repeats: as `srlaw.runs.read_runs`; without a column ``seed`` there are no repeats.
        law: a law's name. y: the response's column. x: argument → column where names differ.
        huber: δ of a Huber loss of log residuals (`chinchilla`).
        bootstrap: resamples for 95% intervals; 0 for none. Residuals are redrawn; with Huber or weights, pairs.

    Returns:
        JSON-ready objects, no NaN: ``group, law, n, params, stderr, r2, adjusted_r2, aicc, objective, status,
        starts, reached``; with repeats averaged ``runs`` and ``repeats``; where runs have failed their number,
        ``failed``; with a bootstrap ``interval`` (parameter → [low, high]) and ``bootstrap``.

    Raises:
        InputError: a sentence naming the file, and the column and line or the group at fault.
    """
    form = get(law)
    if bootstrap < 0:
        raise InputError(f"bootstrap is {bootstrap}; it is a number of resamples, 0 for none")
    unknown = set(x or {}) - set(form.arguments)
    if unknown:
        raise InputError(f"{form.name} has no argument {quoted(min(unknown))}; it takes {', '.join(form.arguments)}")
    columns = {name: (x or {}).get(name, name) for name in form.arguments}
    runs = read_runs(table, columns, [y], by or (), repeats, form.positive)
    name = "the table" if isinstance(table, pl.DataFrame) else Path(table).name
    out = []
    for group, part in runs.groups():
        try:
            arrays = {key: part.x[key].to_numpy() for key in columns}
            result = fit_arrays(form, arrays, part.y[y].to_numpy(), part.weights, huber)
            out.append(_row(group, result, part, repeats, bootstrap, seed))
        except InputError as error:
            where = ", ".join(f"{key} = {value}" for key, value in group.items())
            raise InputError(f"{name}{': ' + where if where else ''}: {error}") from None
    return out


def _number(value) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _row(group: dict, result: Fit, runs: Runs, repeats: str, resamples: int, seed: int) -> dict:
    huge = next((name for name, value in result.params.items() if not math.isfinite(value)), None)
    if huge:
        raise InputError(f"{result.law.name} has no finite {huge} in these units; give its arguments in larger ones")
    row = {
        "group": group,
        "law": result.law.name,
        "n": result.n,
        "params": {name: _number(value) for name, value in result.params.items()},
        "stderr": {name: _number(value) for name, value in result.stderr.items()},
        "r2": _number(result.r2),
        "adjusted_r2": _number(result.adjusted_r2),
        "aicc": _number(result.aicc),
        "objective": _number(result.objective),
        "status": result.status,
        "starts": result.starts,
        "reached": result.reached,
    }
    if runs.repeated:
        row |= {"runs": int(runs.counts.sum()), "repeats": repeats}
    if runs.failed.height:
        row["failed"] = runs.failed.height
    if resamples:
        plain = result.huber is None and result.weights is None and result.n > result.free
        kind = "residual" if plain else "pairs"
        draws = resample(result, resamples, kind, seed)
        row["interval"] = {name: [_number(low), _number(high)] for name, (low, high) in draws.interval().items()}
        row["bootstrap"] = {"kind": kind, "resamples": resamples, "seed": seed}
    return row
