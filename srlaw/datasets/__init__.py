"""Interaction logs as `Sequences`: registered data sets by name, and any CSV, TSV or Parquet file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from srlaw.datasets.columns import GUESSES, NO_TIMES, resolve
from srlaw.datasets.fetch import holds, official_files, places_of
from srlaw.datasets.histories import read_histories
from srlaw.datasets.log import Duplicates, Log, encode, to_sequences
from srlaw.datasets.registry import REGISTRY, Dataset
from srlaw.datasets.tables import FORMATS, Table, column_names, kind_of, read, table_at, unpacked
from srlaw.datasets.values import Column, ids, ratings, times
from srlaw.errors import InputError, quoted
from srlaw.files import readable_file, status
from srlaw.sequences import Sequences

__all__ = ["REGISTRY", "Dataset", "input_files", "load"]


def load(
    name_or_path: str | Path,
    path: str | Path | None = None,
    *,
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    rating: str | None = None,
    separator: str | None = None,
    sort: bool = False,
    duplicates: Duplicates = "error",
    progress: bool = True,
) -> Sequences:
    """Read a registered data set, or an interaction log from a file.

    Users and items are numbered in the order of their ids (integers by value, text by code point), so the same
    log gives the same codes whatever the order of its rows or its format. A user's events stand in the order of
    their times, ties in the order of the file.

    Args:
        name_or_path: a name in `REGISTRY`; a table with a header line, by the end of its name .csv, .tsv, .inter
            (RecBole's, whose header may have types) or .parquet; or .txt without header or times (S3-Rec's and
            SASRec's, see `histories.read_histories`). Text files may end in .gz.
        path: for a registered name, where its official files already lie: their folder, one of the files, or the
            official archive. Otherwise they are looked for in ``$SRLAW_DATA/<name>``, else downloaded to the
            user's cache and their checksum compared.
        user, item, time, rating: column names of a table, guessed from common ones where not given. Ids may be any
            64-bit integers or text; times integers, numbers with a fraction, or ISO date-times (see
            `values.times` and `values.stamps` for the unit they are stored in). A table needs no rating.
            ``time="none"`` says that there are no times and each user's events stand in order, oldest first;
            ``timestamps`` is then None, as for .txt.
        separator: one character between the fields of a table in text, if it is not the one that the end of the
            file's name says; a file with any other ending, .txt too, is then such a table.
        sort: of a file, put each user's events in order of time instead of raising where they are not. Registered
            data sets are always put in order.
        duplicates: what to do with a file's events that repeat an earlier one (same user, item and time): raise
            (``"error"``), ``"keep"`` or ``"drop"`` them. Registered data sets are taken as they were published.
            Without times no event is a duplicate: a user may meet an item again and again, and every event is kept.
        progress: show a bar on standard error while downloading.

    Raises:
        InputError: for an unknown name, a file that cannot be used (with line and column), a failed download;
            for a setting that says nothing about this data set.
    """
    name = str(name_or_path)
    if duplicates not in ("error", "keep", "drop"):
        raise InputError(f"duplicates is {quoted(duplicates)}; it must be 'error', 'keep' or 'drop'")
    columns = {"user": user, "item": item, "time": time, "rating": rating}
    if name not in REGISTRY:
        return to_sequences(_file_log(Path(name), path, columns, separator), _stem(name), sort, duplicates)
    settings = {**columns, "separator": separator, "duplicates": "drop" if duplicates == "drop" else None}
    given = [setting for setting, value in settings.items() if value is not None]
    if given:
        raise InputError(f"{name} has a known layout; leave out {', '.join(given)}, or give the path of a file")
    layout = REGISTRY[name].layout
    if layout is None:
        return _load_synthetic(name, path)
    with official_files(REGISTRY[name], path, progress) as files:
        log = layout.select(_read_log(layout.tables(files), layout.columns))
        return to_sequences(log, name, sort=True, duplicates="keep")


def input_files(name_or_path: str | Path, path: str | Path | None = None) -> list[Path]:
    """Every file that `load` might read for these arguments, whether or not it is there: none may be overwritten."""
    dataset = REGISTRY.get(str(name_or_path))
    return [Path(name_or_path)] if dataset is None else places_of(dataset, path)


def _load_synthetic(name: str, path: str | Path | None) -> Sequences:
    from srlaw.datasets.synthetic import synthetic

    if path is not None:
        raise InputError(f"{name} is generated, not read; leave out the path")
    return synthetic()


def _stem(name: str) -> str:
    return unpacked(Path(name)).stem


def _file_log(file: Path, path: str | Path | None, columns: dict[str, str | None], separator: str | None) -> Log:
    """The events of a user's own file: a table, or plain text without header and times."""
    known = ", ".join(REGISTRY)
    if path is not None:
        raise InputError(f"{quoted(str(file))} is not a registered data set ({known}), so it takes no further path")
    status(file)  # a name that none can be ends here
    for name, dataset in REGISTRY.items():
        if holds(dataset, file):
            raise InputError(
                f"{quoted(str(file))} is the folder of {name}; give {name} in its place, and the folder as path=… "
                "(--path …)"
            )
    readable_file(file, f"a log ({FORMATS}), or a registered name ({known})")
    if kind_of(file) == ".txt" and separator is None:
        named = [role for role, column in columns.items() if column not in (None, NO_TIMES)]
        if named:
            raise InputError(
                f"{file.name}: a .txt file has no columns, so leave out {', '.join(named)}; if it is a table with a "
                "header line, pass separator=… (--separator …)"
            )
        return read_histories(file)
    table = table_at(file, separator)
    return _read_log([table], resolve(column_names(table), columns, file.name, table.separator))


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
    when = convert("time", times).to_numpy() if "time" in raw else None
    return Log(users, items, user_ids, catalogue, when, stars, place)


def _places(tables: list[Table], heights: list[int]) -> Callable[[int], str]:
    """Event number → file and line."""

    def place(row: int) -> str:
        for table, height in zip(tables, heights, strict=True):
            if row < height:
                return table.place(row)
            row -= height
        raise IndexError(row)

    return place
