"""The folder of a sweep: one row a run, in spite of kill -9 and of other processes at work in it.

``OUT/rows/KEY.json`` holds one finished or failed run with its learning curve, KEY being a hash of its configuration
and of its data (`run_key`), and ``OUT/users/KEY.npz`` what became of each tested user. ``OUT/rows.csv`` and
``OUT/curves.csv`` gather them all; a half-finished run continues from ``OUT/checkpoints/KEY.pt``. A run is
trained by whoever holds ``OUT/locks/KEY``, a lock (flock) that the kernel releases when its process ends, however it
ends, so no lock is ever stale. On a network file system it is as good as the server's: NFS has it through its lock
manager and gives it up when a lost client's lease ends, Lustre must be mounted with ``flock`` (not ``localflock``),
and where there are no locks a sweep refuses to work.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import math
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from srlaw.datasets import load
from srlaw.errors import InputError
from srlaw.files import write_atomically
from srlaw.models import ModelConfig
from srlaw.sequences import Sequences
from srlaw.sweep.backends import backend_at_work
from srlaw.sweep.spec import Run, expand, read_spec
from srlaw.training import TrainConfig, train

ORDER = ("dataset", "s_max", "model", "n_layers", "d_emb", "precision", "seed", "key")


def run_sweep(
    spec_path: str | Path,
    out_dir: str | Path,
    backend: str = "loky",
    jobs: int | None = None,
    retry_failed: bool = False,
    known: str | Path | None = None,
) -> pl.DataFrame:
    """Train every configuration of a specification that has no row in `out_dir` yet.

    Start it again after a crash, or several times at once: nothing is trained twice, and each call returns when all
    runs of its specification have a row, after those that other processes are training. With ``loky`` and two or
    more jobs a run that kills its process, as for lack of memory, is a failed run; elsewhere it ends the sweep.

    Args:
        spec_path: a YAML file, see `expand`. Paths in it are relative to the working directory.
        out_dir: created if need be; for a cluster, a folder that all its machines see under this name.
        backend: ``loky`` for processes here; ``ray`` or ``dask`` for the cluster at ``RAY_ADDRESS`` or
            ``DASK_SCHEDULER_ADDRESS``, else for a new one on this machine.
        jobs: runs at a time; by default one here, on a cluster one a core. A Dask cluster that runs already uses
            all its workers whatever `jobs` says.
        retry_failed: first forget this specification's failed runs.
        known: a ``rows.csv`` of an earlier folder; its finished runs are taken over and not trained again, with the
            curves of the file beside it (`curves_beside`) if there is one.

    Returns:
        One row a run of this specification, in `ORDER`: ``key``, ``status`` (``finished`` or ``failed``), ``error``,
        ``data`` (hash) and the columns of `Trained.row`. A row's file also has its complete ``config``.

    Raises:
        InputError: for a specification, data or folder that cannot be used, or a missing backend.
    """
    spec = read_spec(spec_path)
    try:
        runs = expand(spec)
        sequences = load(spec["dataset"], spec.get("path"))
    except InputError as error:
        raise InputError(f"{spec_path}: {error}") from error
    work = {head["key"]: (head, run) for head, run in zip(_heads(runs, sequences), runs, strict=True)}
    with backend_at_work(backend, jobs, sequences) as threads:
        folder = _folder(Path(out_dir), work if retry_failed else ())
        if known:
            _take_over(Path(known), folder)
        try:
            with _progress(folder, work):
                _train_all(work, sequences, folder, threads)
        finally:
            rows = gather(folder)
    return rows.filter(pl.col("key").is_in(list(work)))


def train_once(
    dataset: str,
    model: str,
    n_layers: int,
    d_emb: int,
    s_max: int,
    epochs: int,
    precision: str,
    seed: int,
    path: str | Path | None = None,
) -> dict[str, Any]:
    """Train one model and return `Trained.row`, for ``synthetic`` with the known ``entropy_floor`` of the loss.

    Raises:
        InputError: for a value that cannot be, naming it, or data that cannot be used.
    """
    run = Run(
        model,
        {"s_max": s_max, "n_layers": n_layers, "d_emb": d_emb},
        {"epochs": epochs, "precision": precision, "seed": seed},
    )
    run.configs(n_items=2)
    sequences = load(dataset, path)
    row = train(sequences, *run.configs(sequences.n_items)).row()
    if dataset == "synthetic":
        from srlaw.datasets.synthetic import population  # compiles

        row["entropy_floor"] = population().entropy_rate
    return row


def data_hash(sequences: Sequences) -> str:
    """Hash of everything of a data set that training can see: histories, ratings, times, size of the catalogue."""
    digest = hashlib.sha256(str(sequences.n_items).encode())
    for array in (sequences.items, sequences.offsets, sequences.ratings, sequences.timestamps):
        digest.update(b"none" if array is None else f"{array.dtype.str}{len(array)}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _heads(runs: Iterable[Run], sequences: Sequences) -> Iterator[dict[str, Any]]:
    """What is known of each run before it is trained."""
    data = data_hash(sequences)
    for run in runs:
        model_config, train_config = run.configs(sequences.n_items)
        named = {"dataset": sequences.name, "model": run.model} | run.architecture | run.training
        yield {
            **{name: named[name] for name in ORDER if name in named},
            "key": run_key(sequences.name, data, run.model, model_config, train_config),
            "data": data,
            "config": {"model": run.model, "architecture": asdict(model_config), "training": asdict(train_config)},
        }


def run_key(dataset: str, data: str, model: str, model_config: ModelConfig, train_config: TrainConfig) -> str:
    """Hash of the data and of all settings that are not at their default.

    So a field added later, whose default is what was done before, changes no key. A default that is in use must
    therefore never change.
    """
    configs = {"architecture": model_config, "training": train_config}
    settings = {
        name: {f.name: value for f in fields(config) if (value := getattr(config, f.name)) != f.default}
        for name, config in configs.items()
    }
    whole = json.dumps({"dataset": dataset, "data": data, "model": model, **settings}, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def gather(folder: Path) -> pl.DataFrame:
    """All rows in `folder`, whatever specification they are from, also written to its ``rows.csv``.

    Their learning curves, a line an epoch, go to ``curves.csv``.

    Raises:
        InputError: for a row that is not whole, as after a power failure.
    """
    with _lock(folder / "locks" / "rows.csv", wait=True):  # or a process could overwrite the rows of a later one
        rows = [_read_row(file) for file in sorted((folder / "rows").glob("*.json"))]
        rows.sort(key=lambda row: [row[name] for name in ORDER])
        columns = dict.fromkeys([*ORDER, "status", "error", *itertools.chain(*rows)])  # each once, in this order
        curves = [{"key": row["key"]} | point for row in rows for point in row.pop("curve", ())]
        for name in ("config", "curve"):
            columns.pop(name, None)
        table = pl.DataFrame(rows, list(columns), schema_overrides={"error": pl.String}, infer_schema_length=None)
        write_atomically(folder / "rows.csv", table.write_csv)
        write_atomically(folder / "curves.csv", pl.DataFrame(curves, infer_schema_length=None).write_csv)
    return table


def _read_row(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file} is not a whole row; delete it and start the sweep again") from error


def _folder(folder: Path, forget_if_failed: Iterable[str]) -> Path:
    """The absolute path of `folder`, ready for work."""
    folder = folder.resolve()
    try:
        for name in ("rows", "users", "locks", "checkpoints"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "locks" / "rows.csv").touch()
    except OSError as error:
        raise InputError(f"{folder} cannot hold a sweep: {error.strerror}; name another folder") from error
    for key in forget_if_failed:
        file = _row_file(folder, key)
        if file.exists() and _read_row(file)["status"] == "failed":
            file.unlink(missing_ok=True)
    return folder


def curves_beside(rows: Path) -> Path:
    """``curves.csv`` for ``rows.csv``, ``NAME-curves.csv`` for ``NAME.csv``."""
    return rows.with_name("curves.csv" if rows.stem == "rows" else f"{rows.stem}-curves.csv")


def _take_over(known: Path, folder: Path) -> None:
    """Write the finished rows of a table, with their curves, as files of their own, where there are none yet."""
    try:
        rows = pl.read_csv(known, infer_schema_length=None)
        beside = curves_beside(known)
        curves = pl.read_csv(beside, infer_schema_length=None) if beside.exists() else pl.DataFrame({"key": []})
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{known} cannot be read as a table of rows; name a rows.csv of srlaw sweep") from error
    if not {"key", "status"} <= set(rows.columns):
        raise InputError(f"{known} has no columns key and status; name a rows.csv of srlaw sweep")
    curve_of = {key: part.drop("key").to_dicts() for (key,), part in curves.group_by("key", maintain_order=True)}
    for row in rows.filter(status="finished").iter_rows(named=True):
        if not _row_file(folder, row["key"]).exists():
            _write_row(folder, row | {"curve": curve_of.get(row["key"], [])})


def _row_file(folder: Path, key: str) -> Path:
    return folder / "rows" / f"{key}.json"


@contextmanager
def _lock(file: Path, wait: bool) -> Iterator[bool]:
    """Hold the lock `file` while open; without `wait`, yields False if another process holds it.

    The file is never deleted: it says who began, and is empty once they are done.
    """
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise InputError(f"{file} cannot be locked: {error.strerror}; put the sweep on another disk") from error
        lock.truncate(0)
        lock.write(f"{socket.gethostname()} {os.getpid()}\n")
        lock.flush()
        yield True
        lock.truncate(0)


def _train_all(work: dict[str, tuple[dict, Run]], sequences: Sequences, folder: Path, threads: int) -> None:
    """First the runs that nobody is training; then wait for the others, and take over what they leave undone."""

    def attempt(keys: Iterable[str], wait: bool) -> None:
        tasks = (delayed(_train_one)(sequences, *work[key], folder, threads, wait) for key in keys)
        Parallel(batch_size=1)(tasks)

    for wait in (False, True):
        while pending := [key for key in work if not _row_file(folder, key).exists()]:
            try:
                attempt(pending, wait)
                break
            except TerminatedWorkerError:  # which run it was shows when those that had begun are trained one by one
                begun = [key for key in pending if _has_begun(folder, key)]
            if not begun:
                raise InputError("the worker processes were killed before they began a run; use fewer jobs")
            for key in begun:
                try:
                    attempt([key], wait)
                except TerminatedWorkerError:
                    _record_killed(folder, work[key][0])


def _has_begun(folder: Path, key: str) -> bool:
    lock = folder / "locks" / key
    return lock.exists() and lock.stat().st_size > 0


def _record_killed(folder: Path, head: dict[str, Any]) -> None:
    with _lock(folder / "locks" / head["key"], wait=False) as held:
        if held and not _row_file(folder, head["key"]).exists():
            _write_row(folder, head | {"status": "failed", "error": "its process was killed, perhaps for its memory"})


def _train_one(sequences: Sequences, head: dict[str, Any], run: Run, folder: Path, threads: int, wait: bool) -> None:
    """Train a run and write its row, unless there is one or (without `wait`) another process is at it."""
    with _lock(folder / "locks" / head["key"], wait) as held:
        if not held or _row_file(folder, head["key"]).exists():
            return
        torch.set_num_threads(min(threads, torch.get_num_threads()))
        checkpoint = folder / "checkpoints" / f"{head['key']}.pt"
        try:
            trained = train(sequences, *run.configs(sequences.n_items), checkpoint=checkpoint, progress=False)
            row = head | {"status": "finished", "error": None} | trained.row()
            row["curve"] = trained.history.to_dicts()
            if undefined := [name for name, x in row.items() if isinstance(x, float) and not math.isfinite(x)]:
                raise ArithmeticError(f"not finite: {', '.join(undefined)}")
            _write_users(folder, head["key"], trained.outcomes)
        except Exception as error:  # whatever it is, it concerns this run alone
            row = head | {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        _write_row(folder, row)
        for leftover in [*checkpoint.parent.glob(f"*{head['key']}*"), *(folder / "rows").glob(f".{head['key']}*")]:
            leftover.unlink(missing_ok=True)


def _write_users(folder: Path, key: str, outcomes: dict[str, np.ndarray]) -> None:
    small = {name: x.astype(np.int32 if x.dtype.kind == "i" else np.float32) for name, x in outcomes.items()}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # by a name without .npz numpy would write to another file
            np.savez_compressed(file, **small)

    write_atomically(folder / "users" / f"{key}.npz", write)


def _write_row(folder: Path, row: dict[str, Any]) -> None:
    text = json.dumps(row, indent=1, ensure_ascii=False)
    write_atomically(_row_file(folder, row["key"]), lambda file: file.write_text(text, encoding="utf-8"))


@contextmanager
def _progress(folder: Path, work: Iterable[str]) -> Iterator[None]:
    """A bar on standard error: runs finished, also by other processes, of all; and the time left."""

    def finished() -> int:
        return sum(_row_file(folder, key).exists() for key in work)

    def watch() -> None:
        while not stop.wait(1):
            bar.update(finished() - bar.n)

    stop, start = threading.Event(), finished()
    with tqdm(total=len(list(work)), initial=start, unit="run", desc="sweep", smoothing=0) as bar:
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
            bar.update(finished() - bar.n)
