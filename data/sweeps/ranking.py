"""The runs of the ranking task: ``python data/sweeps/ranking.py SPEC.yml --out FOLDER`` trains what FOLDER lacks.

The specification is that of ``srlaw sweep``. All configurations with one seed come before those with the next, so that
what is there after an interruption can be compared. FOLDER gets ``rows.csv``, ``curves.csv``, a line an epoch, and
``users.csv``: of each tested user whether the rating is at least four, and the log-odds in hundredths of
the yardsticks at each share of the users and of every run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from srlaw.datasets import load
from srlaw.files import write_atomically
from srlaw.ratings import auc, auc_error, likes, log_losses, placements, yardsticks
from srlaw.sequences import Sequences
from srlaw.sweep import Run, expand, read_spec
from srlaw.sweep.runner import data_hash, run_key
from srlaw.training.liking import best_epoch, fit_liking, held_out
from srlaw.training.result import describe_device, versions


def train(sequences: Sequences, run: Run, file: Path, data: str) -> None:
    """Train one run and write its row with its curve and the log-odds of its users."""
    model_config, config = run.configs(sequences.n_items)
    begin = time.perf_counter()
    found = fit_liking(sequences, model_config, config)
    losses, placed = log_losses(found.by_log_loss, found.liked), placements(found.by_log_loss, found.liked)
    row = {
        "users": len(losses), "auc": float(placed[found.liked].mean()), "auc_se": auc_error(placed, found.liked),
        "log_loss": float(losses.mean()), "log_loss_se": float(losses.std(ddof=1) / len(losses) ** 0.5),
        "best_epoch": best_epoch(found.curve, "valid_log_loss"),
        "auc_of_best_auc": auc(found.by_auc, found.liked),
        "log_loss_of_best_auc": float(log_losses(found.by_auc, found.liked).mean()),
        "best_auc_epoch": best_epoch(found.curve, "valid_auc"), "params_total": found.parameters, "data": data,
        "wall_s": time.perf_counter() - begin, "device": describe_device(torch.device("cpu"), 1),
        "versions": versions(), "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    text = json.dumps({"row": row, "curve": found.curve, "log_odds": hundredths(found.by_log_loss)})
    write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def hundredths(log_odds: np.ndarray) -> list[int]:
    return np.rint(100 * log_odds).astype(int).tolist()


def settings_of(sequences: Sequences, run: Run, key: str) -> dict[str, Any]:
    """The columns of a row that its specification gives."""
    model_config, config = run.configs(sequences.n_items)
    architecture = asdict(model_config.for_data(sequences.timestamps is not None))
    taken = ("learning_rate", "weight_decay", "warmup", "clip", "batch_events", "fraction", "precision", "seed")
    training = {name: getattr(config, name) for name in taken} | {"epochs": config.epochs, "max_epochs": config.epochs}
    head = {"key": key, "status": "finished", "dataset": sequences.name, "model": run.model}
    return head | architecture | training


def gather(sequences: Sequences, folder: Path, work: Mapping[Path, Run]) -> None:
    """The rows that are there as three tables."""
    whole = []
    for file, run in work.items():
        if file.exists():
            found = json.loads(file.read_text(encoding="utf-8"))
            known = settings_of(sequences, run, file.stem)
            found["row"] = known | {name: x for name, x in found["row"].items() if name not in known}
            whole.append(found)
    whole.sort(key=lambda run: [run["row"][name] for name in ("fraction", "model", "d_emb", "seed")])
    rows = pl.DataFrame([run["row"] for run in whole], infer_schema_length=None)
    curves = pl.DataFrame([{"key": run["row"]["key"], **point} for run in whole for point in run["curve"]])
    users = {"liked": likes(sequences.at_least(4)).astype(int).tolist()}
    for s_max, share in rows.select("s_max", "fraction").unique(maintain_order=True).iter_rows():
        found = yardsticks(*held_out(sequences, s_max, share), s_max)
        users |= {f"{name} {share:g}": hundredths(log_odds) for name, log_odds in found.items()}
    users |= {run["row"]["key"]: run["log_odds"] for run in whole}
    anonymous = pl.DataFrame(users).sort(list(users))  # by its values: a line does not say whose it is
    for name, table in (("rows", rows), ("curves", curves), ("users", anonymous)):
        table.write_csv(folder / f"{name}.csv", float_precision=6)


def main(spec: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    settings = read_spec(spec)
    sequences = load(settings["dataset"], settings.get("path"))
    data = data_hash(sequences)
    work = {}
    for run in sorted(expand(settings), key=lambda run: run.training["seed"]):
        key = run_key(sequences.name, data, run.model, *run.configs(sequences.n_items))
        work[folder / "rows" / f"{key}.json"] = run
    for file, run in work.items():
        if not file.exists():
            train(sequences, run, file, data)
            gather(sequences, folder, work)
    gather(sequences, folder, work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.spec, arguments.out)
