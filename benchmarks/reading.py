"""Time and peak memory of reading a large CSV log into per-user histories, beside pandas.

    python benchmarks/reading.py [ROWS]

writes a log of ROWS (20 million) rows of integer user, item and time, in order of time, to a temporary folder
and reads it with each reader in a process of its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl


def write_log(path: Path, rows: int) -> None:
    """Users uniform, items heavy-tailed, times increasing; distinct, as an event number is the time."""
    random = np.random.default_rng(0)
    users = random.integers(0, max(1, rows // 100), rows)
    items = (random.pareto(1.1, rows) * 50).astype(np.int64) % 1_000_000
    frame = pl.DataFrame({"user_id": users, "item_id": items, "timestamp": 1_500_000_000 + np.arange(rows)})
    frame.write_csv(path)


def read_srlaw(path: Path) -> int:
    from srlaw.datasets import load

    return load(path).n_users


def read_pandas(path: Path) -> int:
    import pandas as pd

    frame = pd.read_csv(path, usecols=["user_id", "item_id", "timestamp"])
    return len(frame.groupby("user_id")["item_id"].agg(list))


READERS = {"srlaw": read_srlaw, "pandas": read_pandas}


def measure(reader: str, path: Path) -> None:
    start = time.perf_counter()
    users = READERS[reader](path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kilobytes on Linux
    print(f"{reader:8} {seconds:8.1f} {peak:9.2f} {users:10,}", flush=True)


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        write_log(path, rows)
        print(
            f"{rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB\nreader    seconds  peak GiB      users", flush=True
        )
        for reader in READERS:
            subprocess.run([sys.executable, __file__, reader, path], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in READERS:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000)
