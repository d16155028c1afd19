"""Turning the raw columns of a table into ids, times and ratings, or into an error that names the line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import numpy as np
import polars as pl

from srlaw.errors import InputError, quoted

_MISSING = ("", "nan", "null", "none")
_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%#z")


class Column:
    """One raw column, with its name and the way from a row number to its place in a file."""

    def __init__(self, values: pl.Series, place: Callable[[int], str]) -> None:
        as_text = values.dtype in (pl.Categorical, pl.Enum, pl.Null)
        self.values = values.cast(pl.String) if as_text else values
        self.name, self.place = values.name, place

    def fail(self, row: int, what: str) -> NoReturn:
        raise InputError(f"{self.place(int(row))}: column {quoted(self.name)} {what}")

    def missing(self) -> np.ndarray:
        """Row numbers without a value: null, NaN, or the text of one of them."""
        values = self.values
        if values.dtype.is_float():
            return (values.is_null() | values.is_nan()).arg_true().to_numpy()
        if values.dtype != pl.String:
            return values.is_null().arg_true().to_numpy()
        stripped = pl.col("value").str.strip_chars().str.to_lowercase()
        rows = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "value": values}).lazy()
        short = rows.filter(pl.col("value").is_null() | (pl.col("value").str.len_bytes() <= 8))
        lost = short.filter(pl.col("value").is_null() | stripped.is_in(_MISSING))
        return lost.select("row").collect()["row"].to_numpy()

    def require(self) -> None:
        """Raise for the first missing value."""
        lost = self.missing()
        if len(lost):
            self.fail(
                lost[0],
                "is empty or NaN; every event needs a user, an item and a time, so fill it in or remove it",
            )


def ids(column: Column) -> pl.Series:
    """Ids as Int64, UInt64 or String, whichever of the three first holds every id unchanged.

    Never through floating point. Text that does not print back the same, such as ``007`` beside ``7``, stays text.

    Raises:
        InputError: at the first missing id, or if the column holds neither integers nor text.
    """
    values = column.values
    if values.dtype != pl.String and not values.dtype.is_integer():
        column.require()
        column.fail(0, f"holds ids of type {values.dtype}, which may have lost digits; store integers or text")
    if values.dtype != pl.String or not _padded(values):
        for dtype in (pl.Int64, pl.UInt64):
            numbers = values.cast(dtype, strict=False)
            if numbers.null_count() == 0:
                return numbers
    column.require()
    return values.cast(pl.String)


def _padded(values: pl.Series) -> bool:
    """Whether a number is written with leading zeros or a plus sign, which a cast would drop."""
    zero = values.str.starts_with("0") & (values != "0")
    return bool((zero | values.str.starts_with("+") | values.str.starts_with("-0")).any())


def times(column: Column) -> pl.Series:
    """Times as Int64, or Float64 where some have a fraction.

    Numbers keep their unit, dates stored as such theirs; ISO date-times are microseconds since 1970 UTC, those
    without an offset taken as UTC. A column of digits alone, such as 20240531, is one of numbers.

    Raises:
        InputError: at the first missing time, or the first that is neither a number nor an ISO date-time.
    """
    values = column.values
    if values.dtype in (pl.Date, pl.Datetime):
        values = values.to_physical()
    if not (values.dtype.is_numeric() or values.dtype == pl.String):
        column.fail(0, f"holds times of type {values.dtype}; store numbers, dates or ISO date-times")
    integers = values.cast(pl.Int64, strict=False) if not values.dtype.is_float() else None
    if integers is not None and integers.null_count() == 0:
        return integers
    column.require()
    values = values.str.strip_chars() if values.dtype == pl.String else values
    numbers = values.cast(pl.Float64, strict=False)
    numbers = numbers.set(numbers.is_infinite() | (numbers.abs() >= 2.0**63), None)
    dates = _iso(values) if values.dtype == pl.String and numbers.null_count() else numbers
    best = min(numbers, dates, key=pl.Series.null_count)
    if best.null_count():
        row = int(best.is_null().to_numpy().argmax())
        column.fail(
            row,
            f"holds {quoted(values[row])}, which is neither a number nor an ISO date-time like 2024-05-31T12:00:00",
        )
    whole = best.dtype == pl.Int64 or bool((best == best.floor()).all())
    return best.cast(pl.Int64) if whole else best


def _iso(values: pl.Series) -> pl.Series:
    """ISO 8601 date-times as microseconds since 1970 UTC, null where a text is none; UTC may also stand as a word."""
    text = values.str.replace(r"\s*(UTC|GMT|[Zz])$", "+00:00").str.replace(r"\s+([+-]\d\d)", "$1")
    frame = pl.DataFrame({"text": text.str.replace("T", " ", literal=True)})
    parsed = [
        pl.col("text").str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone(None).cast(pl.Int64)
        for form in _ISO
    ]
    found = frame.select(pl.coalesce(parsed))[:, 0]
    rest = text.filter(found.is_null()).unique()  # the rarer forms: week dates, no punctuation, no seconds
    rarer = {value: _iso_rarer(value) for value in rest if value is not None}
    return found.fill_null(text.replace_strict(rarer, default=None, return_dtype=pl.Int64)) if rarer else found


def _iso_rarer(text: str) -> int | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = time.replace(tzinfo=time.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)


def stamps(values: np.ndarray) -> np.ndarray:
    """Times as int64, shape unchanged; times with a fraction are multiplied by 10⁶ (10³ or 1 if 10⁶ overflows).

    Seconds become microseconds. The map never decreases, and events are put in order by the unscaled times, so
    that two times closer than a microsecond keep their order even where their stamps are equal.
    """
    if values.dtype == np.int64:
        return values
    top = np.abs(values).max(initial=0.0)
    scale = next(scale for scale in (1e6, 1e3, 1.0) if top * scale < 2.0**63)
    return np.rint(values * scale).astype(np.int64)


def ratings(column: Column) -> pl.Series:
    """Ratings as Float32; a missing one is NaN.

    Raises:
        InputError: at the first rating that is not a number.
    """
    if not (column.values.dtype.is_numeric() or column.values.dtype == pl.String):
        column.fail(0, f"holds ratings of type {column.values.dtype}; store numbers or rename the column")
    numbers = column.values.cast(pl.Float32, strict=False)
    if numbers.null_count():
        wrong = np.setdiff1d(numbers.is_null().arg_true().to_numpy(), column.missing())
        if len(wrong):
            column.fail(
                wrong[0],
                f"holds {quoted(column.values[int(wrong[0])])}, which is not a number; rename the column or fix it",
            )
    return numbers.fill_null(float("nan"))
