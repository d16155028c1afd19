"""The runs of a sweep: which there are, who trains them, what becomes of each; their folder is `srlaw.sweep.folder`."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from srlaw.models import ModelConfig
from srlaw.recommender import Recommender
from srlaw.saved import row_of, safe_model_folder, save
from srlaw.sequences import Sequences, data_hash
from srlaw.sweep import folder as files
from srlaw.sweep.backends import backend_at_work
from srlaw.sweep.folder import ORDER
from srlaw.sweep.spec import READING, Run, expand, read_spec
from srlaw.training import ForeignCheckpoint, TrainConfig, Trained, loss_for, require_room, train
from srlaw.training.result import training_flops, versions

BEST = "best"  # the folder of the model that a sweep keeps


def run_sweep(
    spec_path: str | Path,
    out_dir: str | Path,
    backend: str = "loky",
    jobs: int | None = None,
    retry_failed: bool = False,
    known: str | Path | None = None,
    keep_best: bool = False,
    may_begin: Callable[[Run], bool] | None = None,
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
        keep_best: save the model with the highest validation NDCG@10 of those trained from now on, and of those kept
            there before, in ``OUT/best``, see `srlaw.saved.save`.
        may_begin: asked before each run, in the process that would train it; one that it refuses gets no row.

    Returns:
        One row a run of this specification, in `ORDER`: ``key``, ``status`` (``finished`` or ``failed``), ``error``,
        ``data`` (hash) and the columns of `Trained.row`. A row's file also has its complete ``config``.

    Raises:
        InputError: for a specification, data or folder that cannot be used, a missing backend, or a full disk, after
            which the sweep can be started again.
    """
    spec = read_spec(spec_path)
    try:
        runs = expand(spec)
        sequences = load(spec["dataset"], spec.get("path"), **{key: spec[key] for key in READING if key in spec})
        if backend == "loky":  # a cluster's machines are not known here
            for run in runs:
                require_room(*run.configs(sequences.n_items))
    except InputError as error:
        raise InputError(f"{spec_path}: {error}") from error
    if not str(out_dir):
        raise InputError("the folder of the results has an empty name; say where they are to go, as in --out results")
    earlier, others = files.known_rows(Path(known)) if known else ([], 0)
    if others:
        tqdm.write(f"srlaw: {others} rows of {known} have not finished and are not taken over", file=sys.stderr)
    work = {head["key"]: (head, run) for head, run in zip(_heads(runs, sequences), runs, strict=True)}
    with backend_at_work(backend, jobs, sequences) as threads, files.stop_when_full(Path(out_dir)):
        folder = files.prepare(Path(out_dir))
        if retry_failed:
            files.forget_failed(folder, work)
        files.take_over(earlier, folder)
        _name_other_versions(files.gather(folder))
        if keep_best:
            _refuse_other_best(folder, data_hash(sequences))
        try:
            with _progress(folder, {key: _expected_flops(run, sequences) for key, (_, run) in work.items()}):
                _train_all(work, sequences, folder, threads, keep_best, may_begin)
        finally:
            rows = files.gather(folder)
    rows = rows.filter(pl.col("key").is_in(list(work))) if len(rows) else rows
    if keep_best:
        _name_better_ones(folder, rows)
    return rows


def train_once(
    dataset: str, run: Run, path: str | Path | None = None, save_to: Path | None = None, **reading: Any
) -> dict[str, Any]:
    """Train one model and return `Trained.row`, for ``synthetic`` with the known ``entropy_floor`` of the loss.

    Args:
        run: without a loss among its settings, that of `srlaw.training.loss_for`; a sampled one has the correction.
        path, reading: as `srlaw.datasets.load`.
        save_to: a folder for the model, see `srlaw.saved.save`.

    Raises:
        InputError: for a value that cannot be, naming it, or data or a folder that cannot be used.
    """
    run.configs(n_items=2)
    if save_to is not None:
        safe_model_folder(save_to)
    sequences = load(dataset, path, **reading)
    run = run._replace(training=_settled(run.training, sequences))
    trained = train(sequences, *run.configs(sequences.n_items))
    more: dict[str, Any] = {"data": data_hash(sequences)}
    if dataset == "synthetic":
        from srlaw.datasets.synthetic import population  # compiles

        more["entropy_floor"] = population().entropy_rate
    if save_to is not None:
        save(Recommender.of(trained, sequences, **more), save_to)
    return trained.row() | more


def _settled(training: dict[str, Any], sequences: Sequences) -> dict[str, Any]:
    """The settings of a run with its loss, told on standard error where the size of the catalogue decides."""
    loss = {"loss": training["loss"]} if "loss" in training else loss_for(sequences.n_items)
    if loss["loss"] == "full" and "negatives" in training:
        raise InputError(f"negatives is {training['negatives']}, but the loss is full; pass --loss sampled as well")
    if loss["loss"] == "sampled":
        loss["log_correction"] = True
        if "loss" not in training:
            why = f"{sequences.n_items:,} items, so it trains with the sampled softmax; --loss full takes all items"
            tqdm.write(f"srlaw: {sequences.name} has {why}", file=sys.stderr)
    return training | loss


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


def _train_all(
    work: dict[str, tuple[dict, Run]],
    sequences: Sequences,
    folder: Path,
    threads: int,
    keep_best: bool = False,
    may_begin: Callable[[Run], bool] | None = None,
) -> None:
    """First the runs that nobody is training; then wait for the others, and take over what they leave undone."""

    def attempt(keys: Iterable[str], wait: bool) -> None:
        tasks = (
            delayed(_train_one)(sequences, *work[key], folder, threads, wait, keep_best, may_begin) for key in keys
        )
        Parallel(batch_size=1)(tasks)  # pyright: ignore[reportArgumentType]  # "auto" is its default alone

    for wait in (False, True):
        while pending := [key for key in work if not files.row_file(folder, key).exists()]:
            try:
                attempt(pending, wait)
                break
            except TerminatedWorkerError:  # which run it was shows when those that had begun are trained one by one
                begun = [key for key in pending if files.has_begun(folder, key)]
            if not begun:
                raise InputError("the worker processes were killed before they began a run; use fewer jobs")
            for key in begun:
                try:
                    attempt([key], wait)
                except TerminatedWorkerError:
                    _record_killed(folder, work[key][0])


def _record_killed(folder: Path, head: dict[str, Any]) -> None:
    with files.hold(folder, head["key"], wait=False) as held:
        if held and not files.row_file(folder, head["key"]).exists():
            error = "its process was killed, perhaps for its memory"
            files.write_row(folder, head | {"status": "failed", "error": error})


def _train_one(
    sequences: Sequences,
    head: dict[str, Any],
    run: Run,
    folder: Path,
    threads: int,
    wait: bool,
    keep_best: bool,
    may_begin: Callable[[Run], bool] | None,
) -> None:
    """Train a run and write its row, unless there is one, (without `wait`) another process is at it, or it may not."""
    key = head["key"]
    with files.stop_when_full(folder), files.hold(folder, key, wait) as held:
        if not held or files.row_file(folder, key).exists():
            return
        if may_begin is not None and not may_begin(run):
            return
        torch.set_num_threads(min(threads, torch.get_num_threads()))
        checkpoint = files.checkpoint_file(folder, key)
        try:
            trained = _trained(sequences, run, checkpoint)
            row = head | {"status": "finished", "error": None} | trained.row()
            row["curve"] = trained.history.to_dicts()
            if undefined := [name for name, x in row.items() if isinstance(x, float) and not math.isfinite(x)]:
                raise ArithmeticError(f"not finite: {', '.join(undefined)}")
            files.write_users(folder, key, trained.outcomes)
            if keep_best:
                _keep_if_best(trained, sequences, head, folder)
        except Exception as error:  # whatever it is, it concerns this run alone, unless the disk is full
            if files.is_full_disk(error):
                raise
            row = head | {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        files.write_row(folder, row)
        for leftover in [*checkpoint.parent.glob(f"*{key}*"), *(folder / "rows").glob(f".{key}*")]:
            leftover.unlink(missing_ok=True)


def _keep_if_best(trained: Trained, sequences: Sequences, head: dict[str, Any], folder: Path) -> None:
    found = Recommender.of(trained, sequences, key=head["key"], data=head["data"])
    with files.lock(folder / "locks" / "best", wait=True):
        best = row_of(folder / BEST)
        if best is None or found.row["valid_ndcg10"] > best["valid_ndcg10"]:
            save(found, folder / BEST)


def _refuse_other_best(folder: Path, data: str) -> None:
    """A folder of that name which is no saved model, or one of other data, whose metrics say nothing here."""
    best = row_of(safe_model_folder(folder / BEST))
    if best is not None and best.get("data") != data:
        raise InputError(f"{folder / BEST} is a model of other data; name another folder for this sweep")


def _name_better_ones(folder: Path, rows: pl.DataFrame) -> None:
    """Say on standard error if a run whose weights are gone is better than the model that was kept."""
    best = row_of(folder / BEST)
    done = rows.filter(pl.col("status") == "finished")
    kept = "no model is kept" if best is None else f"the model kept is that of {best['key']}"
    if len(done) and (best is None or done["valid_ndcg10"].max() > best["valid_ndcg10"]):
        first = done.sort("valid_ndcg10", descending=True)["key"][0]
        why = f"the best run, {first}, was trained without --keep-best"
        tqdm.write(f"srlaw: {kept}: {why}; srlaw train --save trains it again", file=sys.stderr)


def _trained(sequences: Sequences, run: Run, checkpoint: Path) -> Trained:
    """A checkpoint that an older srlaw left of the same run, under other settings, is of no use and goes."""
    configs = run.configs(sequences.n_items)
    try:
        return train(sequences, *configs, checkpoint=checkpoint, progress=False)
    except ForeignCheckpoint as error:
        tqdm.write(f"srlaw: {error}; the run starts from the beginning", file=sys.stderr)
        checkpoint.unlink()
        return train(sequences, *configs, checkpoint=checkpoint, progress=False)


def _name_other_versions(rows: pl.DataFrame) -> None:
    """Say on standard error how many rows were made by another srlaw or torch: their numbers may differ."""
    here = _versions_in(versions())
    found = rows["versions"].drop_nulls().to_list() if "versions" in rows.columns else []
    others = Counter(made_by for text in found if (made_by := _versions_in(str(text))) != here)
    for made_by, count in others.most_common():
        tqdm.write(f"srlaw: {count} of {len(rows)} rows here were made by {made_by}; this is {here}", file=sys.stderr)


def _versions_in(text: str) -> str:
    """The part on srlaw and torch of `versions`."""
    return " with ".join(part for part in text.split(", ") if part.startswith(("srlaw ", "torch ")))


def _expected_flops(run: Run, sequences: Sequences) -> float:
    """Of a run that no epoch without progress ends early; what the time left of a sweep is weighed by."""
    model_config, config = run.configs(sequences.n_items)
    targets = np.clip(sequences.lengths - 3, 0, model_config.s_max)
    return training_flops(model_config, config, targets, float(targets.sum()) * config.fraction * config.epochs)


@contextmanager
def _progress(folder: Path, costs: Mapping[str, float]) -> Iterator[None]:
    """A bar on standard error: runs finished, also by other processes, of all; and the time left, by their `costs`."""

    def finished() -> list[str]:
        return [key for key in costs if files.row_file(folder, key).exists()]

    def show() -> None:
        done = finished()
        bar.set_description_str(f"sweep, {len(done)}/{len(costs)} runs", refresh=False)
        bar.update(sum(costs[key] for key in done) - bar.n)

    def watch() -> None:
        while not stop.wait(1):
            show()

    stop, start = threading.Event(), sum(costs[key] for key in finished())
    look = "{desc}: {percentage:3.0f}% of their operations |{bar}| {elapsed}, {remaining} left"
    with tqdm(total=sum(costs.values()), initial=start, smoothing=0, bar_format=look) as bar:
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
            show()
            bar.refresh()
