"""Interaction logs as `Sequences`: registered data sets by name, and any CSV, TSV or Parquet file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from srlaw.datasets.columns import GUESSES, resolve
from srlaw.datasets.fetch import official_files
from srlaw.datasets.log import Duplicates, Log, encode, to_sequences
from srlaw.datasets.registry import REGISTRY, Dataset
from srlaw.datasets.tables import FORMATS, Table, column_names, read, table_at
from srlaw.datasets.values import Column, ids, ratings, times
from srlaw.errors import InputError
from srlaw.sequences import Sequences

__all__ = ["REGISTRY", "Dataset", "load"]


def load(
    name_or_path: str | Path,
    path: str | Path | None = None,
    *,
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    rating: str | None = None,
    sort: bool = False,
    duplicates: Duplicates = "error",
    progress: bool = True,
) -> Sequences:
    """Read a registered data set, or an interaction log from a file.

    Users and items are numbered in the order of their ids (integers by value, text by code point), so the same
    log gives the same codes whatever the order of its rows or its format. A user's events stand in the order of
    their times, ties in the order of the file.

    Args:
        name_or_path: a name in `REGISTRY`, or a .csv, .tsv (either may end in .gz) or .parquet file with a header.
        path: for a registered name, where its official files already lie: their folder, one of the files, or the
            official archive. Otherwise they are looked for in ``$SRLAW_DATA/<name>``, else downloaded to the
            user's cache and their checksum compared.
        user, item, time, rating: column names of a file, guessed from common ones where not given. Ids may be any
            64-bit integers or text; times integers, numbers with a fraction, or ISO date-times (see
            `values.times` and `values.stamps` for the unit they are stored in). A file needs no rating.
        sort: of a file, put each user's events in order of time instead of raising where they are not. Registered
            data sets are always put in order.
        duplicates: what to do with a file's events that repeat an earlier one (same user, item and time): raise
            (``"error"``), ``"keep"`` or ``"drop"`` them. Registered data sets are taken as they were published.
        progress: show a bar on standard error while downloading.

    Raises:
        InputError: for an unknown name, a file that cannot be used (with line and column), a failed download.
    """
    name = str(name_or_path)
    columns = {"user": user, "item": item, "time": time, "rating": rating}
    if name not in REGISTRY:
        return _load_file(Path(name_or_path), path, columns, sort, duplicates)
    given = [role for role, column in columns.items() if column is not None]
    if given:
        raise InputError(f"{name} has known columns; leave out {', '.join(given)}, or give the path of a file")
    layout = REGISTRY[name].layout
    if layout is None:
        return _load_synthetic(name, path)
    with official_files(REGISTRY[name], path, progress) as files:
        log = layout.select(_read_log(layout.tables(files), layout.columns))
        return to_sequences(log, name, sort=True, duplicates="keep")


def _load_synthetic(name: str, path: str | Path | None) -> Sequences:
    from srlaw.datasets.synthetic import synthetic

    if path is not None:
        raise InputError(f"{name} is generated, not read; leave out the path")
    return synthetic()


def _load_file(
    file: Path,
    path: str | Path | None,
    columns: dict[str, str | None],
    sort: bool,
    duplicates: Duplicates,
) -> Sequences:
    known = ", ".join(REGISTRY)
    if path is not None:
        raise InputError(f"{str(file)!r} is not a registered data set ({known}), so it takes no further path")
    if file.is_dir():
        raise InputError(f"{file} is a folder; give a file ({FORMATS}), or a registered name ({known}) with path=…")
    if not file.is_file():
        raise InputError(f"{str(file)!r} is neither a file nor a registered data set ({known})")
    table = table_at(file)
    found = resolve(column_names(table), columns, file.name)
    log = _read_log([table], found)
    return to_sequences(log, Path(file.name.removesuffix(".gz")).stem, sort, duplicates)


def _read_log(tables: list[Table], columns: dict[str, str]) -> Log:
    """All events of `tables`, one after the other; `columns` maps roles to column names."""
    roles = [role for role in GUESSES if role in columns]
    frames = [read(table, [columns[role] for role in roles]) for table in tables]
    place = _places(tables, [frame.height for frame in frames])
    raw = dict(zip(roles, pl.concat(frames).get_columns(), strict=True))
    del frames  # each raw column is dropped as soon as it is converted, which halves the peak of memory

    def convert(role: str, how: Callable[[Column], pl.Series]) -> pl.Series:
        return how(Column(raw.pop(role), place))

    users, user_ids = encode(convert("user", ids))
    items, catalogue = encode(convert("item", ids))
    stars = convert("rating", ratings).to_numpy() if "rating" in raw else None
    return Log(users, items, user_ids, catalogue, convert("time", times).to_numpy(), stars, place)


def _places(tables: list[Table], heights: list[int]) -> Callable[[int], str]:
    """Event number → file and line."""

    def place(row: int) -> str:
        for table, height in zip(tables, heights, strict=True):
            if row < height:
                return table.place(row)
            row -= height
        raise IndexError(row)

    return place
