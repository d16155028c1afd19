"""The folder of a sweep: one row a run, in spite of kill -9 and of other processes at work in it.

``OUT/rows/KEY.json`` holds one finished or failed run with its learning curve, KEY being a hash of its configuration
and of its data (`run_key`), and ``OUT/users/KEY.npz`` what became of each tested user. ``OUT/rows.csv`` and
``OUT/curves.csv`` gather them all; a half-finished run continues from ``OUT/checkpoints/KEY.pt``. A run is
trained by whoever holds ``OUT/locks/KEY``, a lock (flock; LockFileEx on Windows) that the kernel releases when its
process ends, however it ends, so no lock is ever stale; ``OUT/locks/KEY.begun``, beside it, says who began and is
left behind only by a process that was killed. On a network file system a lock is as good as the server's: NFS has it
through its lock manager and gives it up when a lost client's lease ends, Lustre must be mounted with ``flock`` (not
``localflock``), and where there are no locks a sweep refuses to work.

A table of rows from elsewhere (`known_rows`) is read by `srlaw.runs`, as every table of runs is; the rows of the
folder itself, failed ones among them and known by their keys, are read here.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from filelock import FileLock, Timeout

from srlaw.errors import InputError, quoted
from srlaw.files import readable_file, safe_folder, write_atomically
from srlaw.runs import curves_beside, finished_rows

ORDER: dict[str, type] = {
    "dataset": str,
    "s_max": int,
    "model": str,
    "n_layers": int,
    "d_emb": int,
    "precision": str,
    "seed": int,
    "key": str,
}
STATUSES = ("finished", "failed")
FULL = (errno.ENOSPC, errno.EDQUOT)


def prepare(folder: Path) -> Path:
    """The absolute path of `folder`, ready for work."""
    folder = safe_folder(folder).resolve()
    try:
        for name in ("rows", "users", "locks", "checkpoints"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(f"{folder} cannot hold a sweep: {error.strerror}; name another folder") from error
    return folder


def forget_failed(folder: Path, keys: Iterable[str]) -> None:
    """Delete the rows of those runs that have failed."""
    for key in keys:
        file = row_file(folder, key)
        if file.exists() and _read_row(file).get("status") == "failed":
            file.unlink(missing_ok=True)


def gather(folder: Path) -> pl.DataFrame:
    """All rows in `folder`, whatever specification they are from, also written to its ``rows.csv``.

    Their learning curves, a line an epoch, go to ``curves.csv``.

    Raises:
        InputError: for anything in ``rows`` that is not a whole row, as after a power failure.
    """
    with lock(folder / "locks" / "rows.csv", wait=True):  # or a process could overwrite the rows of a later one
        table, curves = _tables(_read_rows(folder), folder)
        for name, part in (("rows.csv", table), ("curves.csv", curves)):
            text = part.write_csv()  # polars forgets the number of an error, which a full disk is known by
            write_atomically(folder / name, lambda file, text=text: file.write_text(text, encoding="utf-8", newline=""))
    return table


def _tables(rows: list[dict[str, Any]], folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = sorted(rows, key=lambda row: [row[name] for name in ORDER])
    columns = dict.fromkeys([*ORDER, "status", "error", *itertools.chain(*rows)])  # each once, in this order
    for name in ("config", "curve"):
        columns.pop(name, None)
    types = {"error": pl.String}
    try:
        curves = [{"key": row["key"]} | point for row in rows for point in row.get("curve", ())]
        table = pl.DataFrame(rows, list(columns), schema_overrides=types, infer_schema_length=None)
        for name in columns:
            kinds = {isinstance(row[name], str) for row in rows if row.get(name) is not None}
            if table.schema[name].is_nested() or len(kinds) > 1:
                raise TypeError(f"{name} holds a list or a mapping, or both text and numbers")
        schema = None if curves else {"key": pl.String}  # a file without any column cannot be read
        return table, pl.DataFrame(curves, schema, infer_schema_length=None)
    except (TypeError, pl.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the rows in {folder / 'rows'} do not make one table ({reason}); take the odd one out"
        ) from error


def _read_rows(folder: Path) -> list[dict[str, Any]]:
    try:
        files = sorted(file for file in (folder / "rows").iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder / 'rows'} cannot be read: {error.strerror}; name another folder") from error
    return [row for file in files if (row := _read_row(file))]


def _read_row(file: Path) -> dict[str, Any]:
    """A row; an empty one if another process has just taken it away."""
    foreign = f"{file} does not hold the row that it is named for; move it out of the folder"
    if file.suffix != ".json":
        raise InputError(foreign)
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; move it out of the folder") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not a whole row; delete it and start the sweep again") from error
    if not isinstance(row, dict) or file.name != f"{row.get('key')}.json":
        raise InputError(foreign)
    if row.get("status") not in STATUSES or any(type(row.get(name)) is not kind for name, kind in ORDER.items()):
        wanted = ", ".join([*ORDER, "status"])
        raise InputError(f"{file} is not a row of a sweep, with {wanted}; delete it and start the sweep again")
    return row


def known_rows(known: Path) -> tuple[list[dict[str, Any]], int]:
    """The finished rows of a table, each with its ``curve``, and how many others the table has.

    It is read as every table of runs is, by `finished_rows`. A sweep asks more of it than a fit does: all of `ORDER`,
    each of its type, since it goes on with these rows as if it had made them.

    Raises:
        InputError: if it is no table of rows, has no finished one, or one that no sweep has written.
    """
    cure = "name a rows.csv of srlaw sweep"
    texts = [name for name, kind in ORDER.items() if kind is str] + ["data"]
    readable_file(known, "a rows.csv of srlaw sweep")
    try:
        finished, others = finished_rows(known, texts)
        beside = curves_beside(known)
        curve_of = _curves(beside) if beside.exists() else {}
    except InputError as error:
        raise InputError(f"{error}; {cure}") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{beside} cannot be read as the learning curves of {known.name}; take it away") from error
    if missing := [name for name in (*ORDER, "status") if name not in finished[0]]:
        raise InputError(f"{known} has no column {quoted(missing[0])}; {cure}")
    for row in finished:
        if not (row["key"] or "").isalnum() or any(type(row[name]) is not kind for name, kind in ORDER.items()):
            raise InputError(f"{known} has a row that no sweep has written, of key {quoted(row['key'])}; take it out")
    return [row | {"curve": curve_of.get(row["key"], [])} for row in finished], others


def _curves(file: Path) -> dict[str, list[dict[str, Any]]]:
    """The points of each run's learning curve, by the key of the run."""
    curves = pl.read_csv(file, infer_schema_length=None, schema_overrides={"key": pl.String})
    return {key: part.drop("key").to_dicts() for (key,), part in curves.group_by("key", maintain_order=True)}


def take_over(rows: Iterable[dict[str, Any]], folder: Path) -> None:
    """Write the `known_rows` of another folder, where this one has none of their runs yet."""
    for row in rows:
        if not row_file(folder, row["key"]).exists():
            write_row(folder, row)


def row_file(folder: Path, key: str) -> Path:
    return folder / "rows" / f"{key}.json"


def checkpoint_file(folder: Path, key: str) -> Path:
    return folder / "checkpoints" / f"{key}.pt"


@contextmanager
def hold(folder: Path, key: str, wait: bool) -> Iterator[bool]:
    """Hold the lock of a run while open, and say so to `has_begun`; see `lock`."""
    begun = _begun_file(folder, key)
    with lock(folder / "locks" / key, wait) as held:
        if held:
            begun.write_text(f"{socket.gethostname()} {os.getpid()}\n", encoding="utf-8")
        try:
            yield held
        finally:
            if held:
                begun.unlink(missing_ok=True)


def has_begun(folder: Path, key: str) -> bool:
    return _begun_file(folder, key).exists()


def _begun_file(folder: Path, key: str) -> Path:
    return folder / "locks" / f"{key}.begun"


@contextmanager
def lock(file: Path, wait: bool) -> Iterator[bool]:
    """Hold the lock `file` while open; without `wait`, yields False if somebody else holds it.

    The file is never deleted, or two could hold it, one by its old and one by its new name; nor is it written to,
    since on Windows nobody else may then read it.
    """
    kernels = FileLock(file, preserve_lock_file=True)  # which also rules out locks that the kernel does not keep
    try:
        kernels.acquire(blocking=wait)
    except Timeout:
        yield False
        return
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(f"{file} cannot be locked: {error.strerror}; put the sweep on another disk") from error
    try:
        yield True
    finally:
        kernels.release()


def write_users(folder: Path, key: str, outcomes: dict[str, np.ndarray]) -> None:
    """What became of each tested user, as 32-bit numbers."""
    small = {name: x.astype(np.int32 if x.dtype.kind == "i" else np.float32) for name, x in outcomes.items()}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # by a name without .npz numpy would write to another file
            np.savez_compressed(file, **small)  # pyright: ignore[reportArgumentType]  # none is called allow_pickle

    write_atomically(folder / "users" / f"{key}.npz", write)


def write_row(folder: Path, row: dict[str, Any]) -> None:
    text = json.dumps(row, indent=1, ensure_ascii=False)
    write_atomically(row_file(folder, row["key"]), lambda file: file.write_text(text, encoding="utf-8"))


@contextmanager
def stop_when_full(folder: Path) -> Iterator[None]:
    """Turn whatever a full disk makes fail in here into the one sentence that is due."""
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise InputError(
            f"the disk of {folder} is full; make room and start the sweep again, it goes on where it stopped"
        ) from error


def is_full_disk(error: BaseException | None) -> bool:
    """Whether a full disk, or a spent quota, is at the bottom of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False
