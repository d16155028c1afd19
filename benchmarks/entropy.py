"""ApEn(2, 0): time and memory of `srlaw.entropy` beside the libraries that also have it, in one run.

    pip install antropy EntropyHub neurokit2 tsfresh pyinform    # the peers; those that are missing are left out
    python benchmarks/entropy.py [--ml-1m FOLDER] [--largest 8]

Prints, for MovieLens-1M at s_max 200 (or synthetic histories of the same lengths without --ml-1m) and for one Markov
sequence of 10^4 … 10^LARGEST symbols: seconds (best of three), nanoseconds an event, and the ratio to `srlaw`.
Each case runs in a process of its own, so that its peak memory is its own. One thread.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings
from collections import Counter
from importlib.util import find_spec
from math import log

import numpy as np

for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ[f"{name}_NUM_THREADS"] = "1"

MODULES = {"EntropyHub": "EntropyHub", "antropy": "antropy", "neurokit2": "neurokit2", "tsfresh": "tsfresh"}
MODULES |= {"pyinform": "pyinform", "Counter": "collections", "numpy sort": "numpy", "srlaw": "srlaw"}


def by_counter(x: np.ndarray) -> float:
    def phi(k: int) -> float:
        windows = len(x) - k + 1
        counts = Counter(zip(*(x[i : i + windows].tolist() for i in range(k)), strict=True))
        return sum(c * log(c / windows) for c in counts.values()) / windows

    return phi(2) - phi(3)


def by_sort(x: np.ndarray) -> float:
    def phi(k: int) -> float:
        windows = np.lib.stride_tricks.sliding_window_view(x, k)
        counts = np.unique(windows, axis=0, return_counts=True)[1]
        return float(counts @ np.log(counts / len(windows)) / len(windows))

    return phi(2) - phi(3)


def one_sequence(peer: str):
    """A function of one integer sequence, by the name of who provides it."""
    if peer == "srlaw":
        from srlaw.entropy import apen

        return apen
    if peer == "antropy":
        from antropy import app_entropy

        return lambda x: app_entropy(x.astype(float), order=2, tolerance=1e-9)
    if peer == "EntropyHub":
        from EntropyHub import ApEn

        return lambda x: ApEn(x.astype(float), m=2, r=1e-9)[0][2]
    if peer == "neurokit2":
        from neurokit2 import entropy_approximate

        return lambda x: entropy_approximate(x.astype(float), dimension=2, tolerance=1e-9)[0]
    if peer == "tsfresh":
        from tsfresh.feature_extraction.feature_calculators import approximate_entropy

        return lambda x: approximate_entropy(x.astype(float), 2, 1e-9)
    if peer == "pyinform":
        from pyinform import block_entropy

        return lambda x: (block_entropy(x, k=3) - block_entropy(x, k=2)) * log(2)
    return {"Counter": by_counter, "numpy sort": by_sort}[peer]


def histories(folder: str | None):
    from srlaw.datasets import load
    from srlaw.datasets.synthetic import synthetic

    sequences = load("ml-1m", folder) if folder else synthetic(users=6040, items=3400, mean_length=165)
    return sequences.truncate(200)


def events_of_users(users: int, length: int, items: int):
    from srlaw.sequences import Sequences

    rng = np.random.default_rng(0)
    codes = rng.integers(0, items, users * length, dtype=np.int32)
    return Sequences(codes, np.arange(0, users * length + 1, length), np.arange(items))


def markov(n: int) -> np.ndarray:
    from srlaw.markov import sample_regular

    return sample_regular(20, 5, n, np.random.default_rng(0))


def best_of(call, runs: int = 3) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(case: str, peer: str, argument: str) -> None:
    """One case in this process: prints seconds, events, and peak memory beyond the input in MB."""
    warnings.simplefilter("ignore")
    if case == "users":
        sequences = (
            histories(argument or None) if not argument.isdigit() else events_of_users(int(argument), 200, 10**6)
        )
        if peer == "srlaw":
            from srlaw.entropy import apen_per_user

            call = lambda: apen_per_user(sequences)  # noqa: E731
        else:
            function, parts = one_sequence(peer), [sequences[u].astype(np.int64) for u in range(len(sequences))]
            call = lambda: [function(part) for part in parts]  # noqa: E731
        events = sequences.tokens
    else:
        function, x = one_sequence(peer), markov(int(argument))
        call, events = (lambda: function(x)), len(x)
    if peer == "srlaw":  # compile before the clock starts
        one_sequence(peer)(np.arange(9))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slow = peer in ("EntropyHub", "tsfresh", "neurokit2", "antropy") and case == "users"
    seconds = best_of(call, 1 if slow or events > 10**7 else 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{seconds} {events} {(peak - before) / 1024:.0f} {peak / 1024:.0f}")


def run(case: str, peer: str, argument: str, limit: int = 300) -> list[float] | None:
    command = [sys.executable, __file__, "--measure", case, peer, argument]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        print(f"  {peer}: {done.stderr.strip().splitlines()[-1][:100]}")
        return None
    return [float(word) for word in done.stdout.split()]


def compare(title: str, case: str, argument: str, peers: list[str]) -> None:
    print(f"\n{title}")
    base = None
    for peer in peers:
        found = run(case, peer, argument)
        if found is None:
            continue
        seconds, events, extra, peak = found
        base = base or seconds
        ratio = f"{seconds / base:10,.1f}×"
        print(f"  {peer:<11}{seconds:10.4f} s {seconds / events * 1e9:12,.1f} ns/event {ratio}"
              f"   +{extra:,.0f} MB (peak {peak:,.0f} MB)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ml-1m", default="", help="folder of the official MovieLens-1M files")
    parser.add_argument("--largest", type=int, default=8, help="longest single sequence, as a power of ten")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
        return
    present = [peer for peer in MODULES if peer != "srlaw" and find_spec(MODULES[peer])]
    per_user = ["srlaw", *(peer for peer in present if peer != "pyinform")]
    title = "MovieLens-1M" if arguments.ml_1m else "synthetic histories"
    compare(f"Every user of {title}, s_max 200", "users", arguments.ml_1m, per_user)
    compare("50 million events: 250,000 users × 200 events, 1,000,000 items", "users", "250000", ["srlaw"])
    for power in range(4, arguments.largest + 1):
        peers = ["srlaw", *(["pyinform"] if "pyinform" in present and power <= 7 else [])]
        peers += ["Counter", "numpy sort"] if power <= 6 else []
        peers += [peer for peer in ("antropy", "neurokit2") if peer in present and power == 4]
        compare(f"One sequence of 10^{power} symbols, alphabet 20", "one", str(10**power), peers)


if __name__ == "__main__":
    main()
