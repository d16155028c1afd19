"""On a machine with a GPU: ``python benchmarks/gpu.py [--data FOLDER OF ml-1m] [--out OUT] [--known ROWS.csv]``,
or ``[--no-sweep]`` for its first two parts.

It runs the tests that need a GPU (`tests/test_gpu.py`), measures events a second of the paper's three models at two
sizes in float32 and bfloat16, each beside the card's own speed at products of matrices in that precision, and then
trains sweep P (`data/sweeps/paper-panel.yml`) into OUT/paper-panel, four runs at a time on the card, to be started
again after a crash; with `--known data/sweeps/paper-panel.csv` what that table lacks. Without a GPU it says so and ends
with status 2. Without the folder it measures on synthetic data of the size of MovieLens-1M, and downloads MovieLens-1M
for the sweep. It needs srlaw and pytest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch

from srlaw.datasets import load
from srlaw.datasets.synthetic import synthetic
from srlaw.models import CONFIGS
from srlaw.sequences import Sequences
from srlaw.sweep import run_sweep
from srlaw.training import TrainConfig, train

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("hstu", "llama", "sasrec")
SIZES = ((2, 64), (16, 256))
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
JOBS = 4


def matmul_peak(device: str, dtype: torch.dtype, n: int = 8192) -> float:
    """Best of ten products of square matrices, in floating-point operations a second."""
    a = torch.randn(n, n, device=device, dtype=dtype)
    seconds = []
    for _ in range(11):
        _wait(device)
        begin = time.perf_counter()
        a @ a
        _wait(device)
        seconds.append(time.perf_counter() - begin)
    return 2 * n**3 / min(seconds[1:])


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def speed(
    sequences: Sequences, device: str, model: str, n_layers: int, d_emb: int, precision: str, s_max: int = 200
) -> tuple[float, float]:
    """Events a second and floating-point operations a second of the second of two epochs, full softmax."""
    config = CONFIGS[model](n_items=sequences.n_items, n_layers=n_layers, d_emb=d_emb, s_max=s_max)
    settings = TrainConfig(epochs=2, batch_events=6400, patience=None, precision=precision, device=device)
    trained = train(sequences, config, settings, progress=False)
    last = trained.history.row(-1, named=True)
    share = last["events"] / trained.history["events"].sum()
    return last["events"] / last["train_s"], trained.flops * share / last["train_s"]


def speeds(sequences: Sequences, device: str, sizes=SIZES, n: int = 8192, s_max: int = 200) -> None:
    """One line a model, size and precision."""
    print(f"{sequences.name}, {sequences.n_users:,} users, {sequences.n_items:,} items, s_max {s_max}")
    for precision, dtype in DTYPES.items():
        peak = matmul_peak(device, dtype, n)
        print(f"{precision}: products of matrices {peak / 1e12:.2f} TFLOP/s")
        for n_layers, d_emb in sizes:
            for model in MODELS:
                events, flops = speed(sequences, device, model, n_layers, d_emb, precision, s_max)
                size = f"{model:6s} {n_layers:3d} × {d_emb:3d}"
                print(f"  {size} {events:12,.0f} events/s {flops / peak:8.1%} of it", flush=True)


def main(data: str | None, out: Path, known: str | None, sweep: bool = True) -> int:
    """Tests, speeds, sweep; 0, or not if a test or a run failed."""
    if not torch.cuda.is_available():
        print("no GPU is visible to PyTorch here; run this on a machine that has one", file=sys.stderr)
        return 2
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    failed = subprocess.run([sys.executable, "-m", "pytest", "-q", "--noconftest", "tests/test_gpu.py"], cwd=ROOT)
    speeds(load("ml-1m", data) if data else synthetic(users=6040, items=3706, mean_length=165.6), "cuda")
    if not sweep:
        return failed.returncode
    spec = ROOT / "data" / "sweeps" / "paper-panel.yml"
    if data:  # the specification names no folder: it is the same on every machine
        text = spec.read_text(encoding="utf-8") + f"path: {Path(data).resolve()}\n"
        spec = out / "paper-panel.yml"
        spec.parent.mkdir(parents=True, exist_ok=True)
        spec.write_text(text, encoding="utf-8")
    rows = run_sweep(spec, out / "paper-panel", jobs=JOBS, known=known)
    return failed.returncode or int((rows["status"] != "finished").any())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="GPU tests, speeds and sweep P; see the top of this file.")
    parser.add_argument("--data", help="folder of MovieLens-1M; without it the sweep downloads it")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder of the sweep; gpu-results")
    parser.add_argument("--known", help="rows of the sweep that are not to be trained again")
    parser.add_argument("--no-sweep", action="store_true", help="only the tests and the speeds")
    options = parser.parse_args()
    sys.exit(main(options.data, options.out.resolve(), options.known, not options.no_sweep))
