"""`fit_table`: the whole contract of ``srlaw fit``."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from srlaw.errors import InputError
from srlaw.laws import get
from srlaw.laws.fitting import Fit, fit
from srlaw.laws.forms import Law
from srlaw.laws.inference import bootstrap as resample


def fit_table(
    path: str | Path,
    law: str,
    y: str,
    x: dict[str, str] | None = None,
    by: list[str] | None = None,
    huber: float | None = None,
    bootstrap: int = 0,
    seed: int = 0,
) -> list[dict]:
    """Fit a law to a CSV table, one result per group, in order of appearance.

    Args:
        path: the table. law: a law's name. y: the response's column. x: argument → column where names differ.
        by: grouping columns. huber: δ of a Huber loss of log residuals (`chinchilla`).
        bootstrap: resamples for 95% intervals; 0 for none. Residuals are redrawn; with Huber, pairs.

    Returns:
        JSON-ready objects, no NaN: ``group, law, n, params, stderr, r2, adjusted_r2, aicc, objective, status,
        starts, reached`` and with a bootstrap ``interval`` (parameter → [low, high]) and ``bootstrap``.

    Raises:
        InputError: a sentence naming the file, and the column and line or the group at fault.
    """
    form, path = get(law), Path(path)
    if bootstrap < 0:
        raise InputError(f"bootstrap is {bootstrap}; it is a number of resamples, 0 for none")
    by = list(by or [])
    frame = _read(path, form, y, dict(x or {}), by)
    groups = frame.group_by(by, maintain_order=True) if by else [((), frame)]
    out = []
    for key, part in groups:
        label = dict(zip(by, map(_value, key), strict=True))
        try:
            result = fit(form, part, "y", huber=huber)
            out.append(_row(label, result, bootstrap, seed))
        except InputError as error:
            where = ", ".join(f"{name} = {value}" for name, value in label.items())
            raise InputError(f"{path.name}{': ' + where if where else ''}: {error}") from None
    return out


def _read(path: Path, law: Law, y: str, x: dict[str, str], by: list[str]) -> pl.DataFrame:
    """The groups as text, the law's arguments and ``y`` as floats, every cell checked."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        text = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as a CSV table: {str(error).splitlines()[0]}") from None
    unknown = set(x) - set(law.arguments)
    if unknown:
        raise InputError(f"{law.name} has no argument {min(unknown)!r}; it takes {', '.join(law.arguments)}")
    columns = {**{name: x.get(name, name) for name in law.arguments}, "y": y}
    for name in [*columns.values(), *by]:
        if name not in text.columns:
            raise InputError(f"{path.name} has no column {name!r}; its columns are {', '.join(text.columns)}")
    if not len(text):
        raise InputError(f"{path.name} has no rows below its header")
    numbers = {name: _numbers(path, text[source], name) for name, source in columns.items()}
    return text.select(by).with_columns(**numbers) if by else pl.DataFrame(numbers)


def _numbers(path: Path, text: pl.Series, argument: str) -> pl.Series:
    values = text.str.strip_chars().cast(pl.Float64, strict=False).rename(argument)
    good = (values.is_not_null() & values.is_finite()).fill_null(False)
    if not good.all():
        row = int((~good).arg_true()[0])
        shown = "empty" if text[row] is None or not text[row].strip() else f"{text[row]!r}, not a finite number"
        raise InputError(f"{path.name}, line {row + 2}: column {text.name!r} is {shown}")
    if argument not in ("y", "loss") and values.min() <= 0:
        row = int((values <= 0).arg_true()[0])
        raise InputError(f"{path.name}, line {row + 2}: column {text.name!r} is {values[row]:g}, it must be above 0")
    return values


def _value(text: str | None):
    """A group's value: a number where it is one."""
    for kind in (int, float):
        try:
            number = kind(text)
            return number if math.isfinite(number) else text
        except (TypeError, ValueError):
            continue
    return text


def _number(value) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _row(group: dict, result: Fit, resamples: int, seed: int) -> dict:
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
    if resamples:
        kind = "residual" if result.huber is None and result.n > result.free else "pairs"
        draws = resample(result, resamples, kind, seed)
        row["interval"] = {name: [_number(low), _number(high)] for name, (low, high) in draws.interval().items()}
        row["bootstrap"] = {"kind": kind, "resamples": resamples, "seed": seed}
    return row
