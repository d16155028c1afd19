"""`Batch`: some users' histories as right-padded tensors, the input of every model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srlaw.errors import InputError
from srlaw.sequences import Sequences


class Batch(NamedTuple):
    """B histories, oldest event first, padded on the right to the longest one, S events.

    Attributes:
        items: item codes ``0 … n_items − 1``, 0 also where padded; int64, shape ``(B, S)``.
        lengths: events per row; positions from there on are padding; int64, shape ``(B,)``.
        ratings: in the unit of the source, 0 where padded; float32, shape ``(B, S)``, or None.
        timestamps: in the unit of the source, 0 where padded; int64, shape ``(B, S)``, or None.
    """

    items: Tensor
    lengths: Tensor
    ratings: Tensor | None = None
    timestamps: Tensor | None = None

    def on(self, device: torch.device) -> Batch:
        """The same on another device."""
        optional = (None if x is None else x.to(device) for x in (self.ratings, self.timestamps))
        return Batch(self.items.to(device), self.lengths.to(device), *optional)


def collate(sequences: Sequences, users: np.ndarray, s_max: int) -> Batch:
    """The last `s_max` events of each of `users`; an empty history becomes a row of padding alone.

    Raises:
        InputError: if `s_max` is smaller than 1.
    """
    if s_max < 1:
        raise InputError(f"s_max is {s_max}; it must be at least 1")
    users = np.asarray(users)
    ends = sequences.offsets[users + 1]
    lengths = np.minimum(ends - sequences.offsets[users], s_max)
    columns = np.arange(max(1, lengths.max(initial=1)))
    valid = columns < lengths[:, None]  # (B, S)
    events = ((ends - lengths)[:, None] + columns)[valid]  # (Σ lengths,)

    def padded(values: np.ndarray, dtype: type) -> Tensor:
        out = np.zeros(valid.shape, dtype)
        out[valid] = values[events]
        return torch.from_numpy(out)

    return Batch(
        items=padded(sequences.items, np.int64),
        lengths=torch.from_numpy(lengths),
        ratings=None if sequences.ratings is None else padded(sequences.ratings, np.float32),
        timestamps=None if sequences.timestamps is None else padded(sequences.timestamps, np.int64),
    )
