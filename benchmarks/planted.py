"""Does `srlaw plan` tell the truth? Logs whose source is known: ``python benchmarks/planted.py FOLDER [--minutes 5]``.

Ten logs of 2,000 users, of the population of chapter 11 with seeds 1 to 10; the first of them with each history
shuffled; and one in which every event is any item. Each is planned in a process of its own. The size that is named is
then trained with three fresh seeds and tested: their mean is what the plan's interval is to hold.

``--exhaustive`` trains every size that the first plan tried with the same three seeds: what the best size really is.

One JSON file a log in the folder; started again it goes on. Writes ``FOLDER/planted.csv``, one row a log, and
``FOLDER/planted-sizes.csv``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from srlaw.chapters.your_data import PLANTED
from srlaw.datasets.synthetic import population, synthetic
from srlaw.files import write_atomically
from srlaw.planner.extras import split_rows

LOGS = 10
FRESH = [2001, 2002, 2003]  # seeds that no plan has used
SRLAW = [sys.executable, "-c", "from srlaw.cli import main; main()"]
METRIC = "ndcg10"


def write_log(kind: str, seed: int, file: Path) -> None:
    """``planted``: as it is drawn; ``shuffled``: each history in random order; ``noise``: any item at any place."""
    log, rng = synthetic(**PLANTED | {"seed": seed}), np.random.default_rng(seed)
    items = {
        "planted": lambda: log.items,
        "shuffled": lambda: log.shuffled(rng).items,
        "noise": lambda: rng.integers(0, log.n_items, log.tokens),
    }[kind]()
    user = np.repeat(np.arange(log.n_users), log.lengths)
    pl.DataFrame({"user": user, "item": items, "time": np.arange(log.tokens)}).write_csv(file)


def judged(kind: str, seed: int, minutes: float, folder: Path) -> dict[str, Any]:
    """The plan of one log, and three fresh runs of what it names; a row."""
    name = f"{kind}-{seed}"
    file, out = folder / f"{name}.csv", folder / name
    write_log(kind, seed, file)
    command = [*SRLAW, "plan", str(file), "--minutes", f"{minutes:g}", "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    answer = json.loads(done.stdout)
    floor = population(**PLANTED | {"seed": seed}).entropy_rate if kind == "planted" else None
    row = {"log": kind, "seed": seed, "minutes": answer["minutes"], "floor": floor, "reason": answer["reason"]}
    runs = pl.read_csv(out / "rows.csv", infer_schema_length=None).filter(pl.col("status") == "finished")
    means = split_rows(runs).sizes.group_by("n_layers", "d_emb").agg(pl.col(METRIC).mean())[METRIC]
    row |= {"runs": len(runs), "sizes": len(means), "range": means.max() - means.min()}
    chosen = answer["recommendation"]
    row |= {key: chosen and chosen[key] for key in ("model", "n_layers", "d_emb")}
    row |= dict.fromkeys(("expected", "low", "high", "fresh", "fresh_se", "holds"))
    if chosen:
        low, high = chosen["interval"][METRIC]
        reached = fresh_runs(file, [(chosen["n_layers"], chosen["d_emb"])], answer, folder / f"{name}-fresh")[METRIC]
        row |= {"expected": chosen[METRIC], "low": low, "high": high}
        mean, error = reached.mean(), reached.std() / len(reached) ** 0.5
        row |= {"fresh": mean, "fresh_se": error, "holds": low <= mean <= high}
    return row


def fresh_runs(file: Path, sizes: list[tuple[int, int]], answer: dict[str, Any], out: Path) -> pl.DataFrame:
    """Runs of sizes with the recipe of a plan and fresh seeds, judged on the test event."""
    settings = answer["train"]
    spec = {
        "dataset": str(file), "models": [settings["model"]], "s_max": [settings["s_max"]],
        "n_layers": [1], "d_emb": [8], "dropouts": [settings["dropout"]], "precisions": ["float32"], "seeds": FRESH,
        "training": {name: settings[name] for name in ("epochs", "learning_rate", "batch_events")} | {"patience": None},
        "grids": [{"n_layers": [n], "d_emb": [d]} for n, d in sizes],
    }  # fmt: skip
    yml = out.with_suffix(".yml")
    yml.write_text(yaml.safe_dump(spec))
    subprocess.run([*SRLAW, "sweep", str(yml), "--out", str(out), "--jobs", "2"], check=True, capture_output=True)
    return pl.read_csv(out / "rows.csv", infer_schema_length=None)


def exhaustive(folder: Path) -> pl.DataFrame:
    """Every size that the first plan tried, three fresh seeds each: mean, standard error, and whether it was named."""
    answer = json.loads((folder / "planted-1/plan.json").read_text())
    runs = pl.read_csv(folder / "planted-1/rows.csv", infer_schema_length=None).filter(pl.col("status") == "finished")
    sizes = sorted(set(split_rows(runs).sizes.select("n_layers", "d_emb").iter_rows()))
    found = fresh_runs(folder / "planted-1.csv", sizes, answer, folder / "planted-1-all")
    named = answer["recommendation"] or {}
    table = found.group_by("n_layers", "d_emb", maintain_order=True).agg(
        params=pl.col("params_total").first(),
        mean=pl.col(METRIC).mean(),
        error=pl.col(METRIC).std() / pl.len().sqrt(),
        loss=pl.col("loss").mean(),
    )
    same = (pl.col("n_layers") == named.get("n_layers")) & (pl.col("d_emb") == named.get("d_emb"))
    return table.with_columns(named=same)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--minutes", type=float, default=5.0)
    words.add_argument("--exhaustive", action="store_true")
    asked = words.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.exhaustive:
        exhaustive(asked.folder).write_csv(asked.folder / "planted-sizes.csv")
        return
    rows = []
    for kind, seed in [("shuffled", 1), ("noise", 1), *(("planted", seed) for seed in range(1, LOGS + 1))]:
        file = asked.folder / f"{kind}-{seed}.json"
        if not file.exists():
            text = json.dumps(judged(kind, seed, asked.minutes, asked.folder), indent=1)
            write_atomically(file, lambda path, text=text: path.write_text(text, encoding="utf-8"))
        rows.append(json.loads(file.read_text()))
        print(json.dumps(rows[-1]), flush=True)
    pl.DataFrame(rows, infer_schema_length=None).write_csv(asked.folder / "planted.csv")


if __name__ == "__main__":
    main()
