"""Time the fits behind the book: ``python benchmarks/fitting.py [resamples]``; prints a table, changes nothing.

All 20 panels × all panel laws × multi-start, then a residual bootstrap of each on two processes.
"""

from __future__ import annotations

import sys
import time

from joblib import Parallel, delayed

from srlaw import paper
from srlaw.laws import PANEL_LAWS, bootstrap, fit, get


def job(name: str, frame, resamples: int) -> tuple[str, float, float]:
    """Law, seconds to fit one panel, seconds to bootstrap it."""
    begin = time.perf_counter()
    result = fit(get(name), frame, "y")
    middle = time.perf_counter()
    if resamples:
        bootstrap(result, resamples)
    return name, middle - begin, time.perf_counter() - middle


def main(resamples: int) -> None:
    """Print seconds by law and in total, by the clock on two processes."""
    panels = [panel.points for panel in paper.panels()]
    for label, count in (("fits", 0), (f"bootstraps of {resamples}", resamples)):
        begin = time.perf_counter()
        rows = Parallel(n_jobs=2)(delayed(job)(name, frame, count) for name in PANEL_LAWS for frame in panels)
        print(f"{label}: {time.perf_counter() - begin:.1f} s by the clock")
        for name in PANEL_LAWS:
            spent = [row[2] if count else row[1] for row in rows if row[0] == name]
            print(f"  {name:28s} {sum(spent):7.2f} s of CPU, slowest panel {max(spent):.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
