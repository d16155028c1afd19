"""A grid of configurations → one result row per run; resumable; joblib underneath."""

from srlaw.sweep.backends import BACKENDS
from srlaw.sweep.folder import gather
from srlaw.sweep.runner import run_sweep, train_once
from srlaw.sweep.spec import Run, expand, read_spec

__all__ = ["BACKENDS", "Run", "expand", "gather", "read_spec", "run_sweep", "train_once"]
