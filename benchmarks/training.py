"""Time training and evaluation: ``python benchmarks/training.py [FOLDER OF ml-1m]``; prints a table, changes nothing.

Each model at two blocks of width 64, s_max 200, trains one epoch with the full softmax and is evaluated once;
without the folder on synthetic data of the size of MovieLens-1M. Where RecBole can be imported, its SASRec
trains beside them on the same histories, in the same process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from srlaw.datasets import load
from srlaw.datasets.synthetic import synthetic
from srlaw.models import CONFIGS
from srlaw.sequences import Sequences, split
from srlaw.training import TrainConfig, evaluate, train

SIZE = {"n_layers": 2, "d_emb": 64, "s_max": 200}
RECBOLE_STEPS = 12


def matmul_peak(n: int = 2048) -> float:
    """Best of ten float32 products of square matrices, in floating-point operations a second."""
    a = torch.randn(n, n)
    seconds = []
    for _ in range(10):
        begin = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - begin)
    return 2 * n**3 / min(seconds)


def ours(sequences: Sequences, model: str, peak: float, **settings) -> str:
    config = CONFIGS[model](n_items=sequences.n_items, **SIZE)
    trained = train(sequences, config, TrainConfig(epochs=1, device="cpu", **settings), progress=False)
    seconds = float(trained.history["train_s"].sum())
    begin = time.perf_counter()
    users = evaluate(trained.model, sequences, SIZE["s_max"])["users"]
    evaluation = time.perf_counter() - begin
    share = trained.flops / seconds / peak
    events = int(trained.history["events"].sum()) / seconds
    return f"{events:12,.0f} {share:10.0%} {users / evaluation:12,.0f} {evaluation:8.1f}"


def recbole_targets_per_second(sequences: Sequences) -> float:
    """Target events a second of RecBole's SASRec with cross-entropy over the catalogue, after a first step.

    RecBole makes every prefix of a history an example of its own: 200 positions for each target.
    """
    for name, kind in (("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
        setattr(np, name, kind)  # RecBole 1.2.1 asks numpy for names that numpy 2 removed
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model

    with tempfile.TemporaryDirectory() as folder:
        _write_interactions(sequences, Path(folder) / "log" / "log.inter")
        settings = {
            "data_path": folder,
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "MAX_ITEM_LIST_LENGTH": SIZE["s_max"],
            "n_layers": SIZE["n_layers"],
            "hidden_size": SIZE["d_emb"],
            "inner_size": SIZE["d_emb"],
            "train_neg_sample_args": None,
            "train_batch_size": 256,
            "use_gpu": False,
            "state": "ERROR",
            "show_progress": False,
        }
        config = Config(model="SASRec", dataset="log", config_dict=settings)
        dataset = create_dataset(config)
        batches = data_preparation(config, dataset)[0]
    model = get_model("SASRec")(config, dataset)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    done = 0
    for step, batch in enumerate(batches):
        if step == 1:
            begin = time.perf_counter()
        optimizer.zero_grad()
        model.calculate_loss(batch).backward()
        optimizer.step()
        done += len(batch) if step else 0
        if step == RECBOLE_STEPS:
            return done / (time.perf_counter() - begin)
    raise SystemExit(f"the data give RecBole fewer than {RECBOLE_STEPS} batches")


def _write_interactions(sequences: Sequences, path: Path) -> None:
    """RecBole's atomic file; the timestamp is an event's place in its history."""
    users = np.repeat(np.arange(sequences.n_users), sequences.lengths)
    places = np.arange(sequences.tokens) - np.repeat(sequences.offsets[:-1], sequences.lengths)
    path.parent.mkdir()
    header = "user_id:token\titem_id:token\ttimestamp:float"
    np.savetxt(path, np.stack([users, sequences.items, places], 1), "%d", "\t", header=header, comments="")


def main(folder: str | None) -> None:
    """One line per model and loss."""
    sequences = load("ml-1m", folder) if folder else synthetic(users=6040, items=3706, mean_length=165.6)
    peak = matmul_peak()
    print(f"{sequences.name}: {split(sequences, SIZE['s_max']).events:,} target events, {sequences.n_items} items")
    print(f"matrix products: {peak / 1e9:.0f} GFLOP/s, {torch.get_num_threads()} threads")
    print(f"{'':18s} {'events/s':>12s} {'of peak':>10s} {'users/s':>12s} {'eval. s':>8s}")
    for model in CONFIGS:
        for loss in ("full", "sampled"):
            print(f"{model + ', ' + loss:18s} {ours(sequences, model, peak, loss=loss)}", flush=True)
    try:
        targets = recbole_targets_per_second(sequences)
        print(f"{'RecBole SASRec':18s} {targets:12,.0f} target events/s, {targets * SIZE['s_max']:,.0f} positions/s")
    except ImportError as error:
        print(f"RecBole was not measured: {error}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
