"""The shape that other data sets have, at this one's level and scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from srlaw.laws.fitting import fit_arrays
from srlaw.laws.forms import Law


def pooled(tables: Sequence[pl.DataFrame]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Arguments and responses ``y`` of several tables together, each response centred, over its standard deviation."""
    values = [table["y"].to_numpy() for table in tables]
    x = {c: np.concatenate([table[c].to_numpy().astype(float) for table in tables]) for c in ("n_layers", "d_emb")}
    return x, np.concatenate([(y - y.mean()) / y.std() for y in values])


def shape(tables: Sequence[pl.DataFrame], law: Law, starts: int = 12):
    """A law fitted to the tables at once, each in units of its own spread: a curve, as a function of points."""
    x, y = pooled(tables)
    return fit_arrays(law, x, y, starts=starts).predict


def level_and_scale(curve: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """a + s · curve with a and s by least squares on the first k points: ``(n,)``. One free level where k is 1."""
    design = np.column_stack([np.ones_like(curve), curve])
    return design @ np.linalg.lstsq(design[:k], y[:k], rcond=None)[0]
