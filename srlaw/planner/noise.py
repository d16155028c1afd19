"""How much runs of one configuration differ, and whether the configurations differ by more than that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from srlaw.planner.cells import Cells

SHUFFLES = 999
LEVEL = 0.05


@dataclass(frozen=True)
class Noise:
    """Standard deviation of one run: from repeats, or as what the best smooth forecast leaves; `freedom` behind it."""

    sigma: float
    source: str
    freedom: int


def from_repeats(errors: np.ndarray, counts: np.ndarray) -> Noise | None:
    """Pooled over configurations: standard errors ``(n,)`` of their means (NaN for single runs) and runs ``(n,)``."""
    freedom = int((counts - 1).sum())
    if not freedom:
        return None
    squares = np.where(counts > 1, np.nan_to_num(errors) ** 2 * counts * (counts - 1), 0.0).sum()
    return Noise(float(np.sqrt(squares / freedom)), "repeats", freedom)


def from_residuals(residual: dict[str, float], freedom: dict[str, int]) -> Noise | None:
    """The least residual standard deviation of all forecasts, with its degrees of freedom."""
    if not residual:
        return None
    name = min(residual, key=lambda way: residual[way])
    return Noise(residual[name], f"what {name} leaves of the measurements", freedom[name])


def shuffled(cells: Cells, seed: int = 0) -> float:
    """How often shuffled measurements look as smooth in ln N and ln d as these do: a p-value.

    The measurements of each group are shuffled over its configurations. How smooth they are is told by the least
    residual variance of a plane and of a quadratic surface, over the variance around the groups' means.
    """
    rng = np.random.default_rng(seed)
    group = cells.group[cells.seen]
    rows = np.tile(cells.y, (SHUFFLES + 1, 1))
    for number in np.unique(group):
        mine = group == number
        rows[1:, mine] = rng.permuted(rows[1:, mine], axis=1)
    levels = (group[:, None] == np.unique(group)).astype(float)
    flat = np.maximum(_left(levels, rows), 1e-300)
    smooth = np.min([_left(design, rows) / flat for design in _designs(cells, levels)], axis=0)
    return float((smooth <= smooth[0] * (1 + 1e-9)).mean())


def _designs(cells: Cells, levels: np.ndarray) -> list[np.ndarray]:
    """A plane, and a quadratic surface where the cells leave a degree of freedom to it."""
    places = cells.places[cells.seen]
    varied = [column for column in places.T if np.ptp(column) > 0]
    bent = [column**2 for column in varied if len(np.unique(column)) > 2]
    plane = np.column_stack([levels, *varied])
    both = np.column_stack([plane, *bent, *([varied[0] * varied[1]] if len(varied) > 1 else [])])
    return [design for design in (plane, both) if np.linalg.matrix_rank(design) < len(design)]


def _left(design: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Residual variance of each row ``(R, n)`` fitted by the columns of a design."""
    q, s, _ = np.linalg.svd(design, full_matrices=False)
    q = q[:, s > 1e-9 * s[0]]
    rest = rows - (rows @ q) @ q.T
    return (rest**2).sum(1) / (rows.shape[1] - q.shape[1])


def between(cells: Cells, noise: Noise) -> float:
    """Analysis of variance of the configurations, within groups, against the noise of repeats: its p-value."""
    group = cells.group[cells.seen]
    squares, freedom = 0.0, 0
    for number in np.unique(group):
        mine = group == number
        weights, y = cells.counts[mine], cells.y[mine]
        squares += float((weights * (y - np.average(y, weights=weights)) ** 2).sum())
        freedom += int(mine.sum()) - 1
    if not freedom or noise.sigma == 0:
        return 0.0 if squares else 1.0
    return float(fdtrc(freedom, noise.freedom, squares / freedom / noise.sigma**2))
