"""The configurations that a plan chooses among, and the runs that are known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Cells:
    """Configurations, each of a depth, a width and a group (a model at one s_max), m in all.

    Attributes:
        sizes: n_layers and d_emb, ``(m, 2)``. group: number of each cell's group, ``(m,)``.
        cost: of one run, in any unit, ``(m,)``.
        seen: which cells have been run, ``(n,)``, each once; y: mean of their runs, ``(n,)``; counts: runs, ``(n,)``.
    """

    sizes: np.ndarray
    group: np.ndarray
    cost: np.ndarray
    seen: np.ndarray
    y: np.ndarray
    counts: np.ndarray

    @property
    def groups(self) -> int:
        return int(self.group.max()) + 1

    @property
    def places(self) -> np.ndarray:
        """Where each cell stands in the design: ln N and ln d from the middle, in standard deviations: ``(m, 2)``."""
        logs = np.log(self.sizes)
        levels = [np.unique(column) for column in logs.T]
        spread = [values.std() if len(values) > 1 else 1.0 for values in levels]
        return (logs - [values.mean() for values in levels]) / spread

    @property
    def by_cost(self) -> np.ndarray:
        """Positions in `seen` from the cheapest cell to the dearest."""
        return np.lexsort((self.sizes[self.seen, 0], self.cost[self.seen]))

    def only(self, positions: np.ndarray) -> Cells:
        """The same cells, of which only these positions in `seen` are known."""
        return replace(self, seen=self.seen[positions], y=self.y[positions], counts=self.counts[positions])

    def edges(self, cell: int) -> dict[str, str]:
        """``upper`` or ``lower`` for each of n_layers and d_emb at which the cell is the last of its group's design."""
        mine = self.sizes[self.group == self.group[cell]]
        found = {}
        for name, values, own in zip(("n_layers", "d_emb"), mine.T, self.sizes[cell], strict=True):
            if own == values.max():
                found[name] = "upper"
            elif own == values.min():
                found[name] = "lower"
        return found


def forward_cost(n_layers, d_emb, s_max: np.ndarray | float = 0.0):
    """Multiply-adds of the blocks for one event: 12 N d², and 2 N s_max d for attention to s_max events.

    The catalogue's share is left out: it is the same loss layer at every depth, and its size is often not known.
    """
    return n_layers * (12 * np.square(d_emb) + 2 * s_max * d_emb)
