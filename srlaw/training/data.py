"""How histories become batches with little padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srlaw.models import Batch, collate
from srlaw.sequences import Sequences

BUCKET = 1.1  # the lengths of one bucket differ by less than this factor


def batches(lengths: np.ndarray, batch_events: int, rng: np.random.Generator | None = None) -> list[np.ndarray]:
    """Users in batches of about `batch_events` events, padding included; a longer history is a batch alone.

    Only histories of nearly the same length share a batch: padding is a few per cent. With `rng` the users
    within a bucket of lengths and the order of the batches are random; without, the longest come first.
    """
    bucket = np.floor(np.log(np.maximum(lengths, 1)) / np.log(BUCKET))
    noise = -lengths if rng is None else rng.random(len(lengths))
    order = np.lexsort((noise, -bucket))
    out, begin = [], 0
    while begin < len(order):
        longest = max(1, lengths[order[begin : begin + batch_events]].max())
        out.append(order[begin : begin + max(1, batch_events // int(longest))])
        begin += len(out[-1])
    if rng is not None:
        out = [out[i] for i in rng.permutation(len(out))]
    return out


class Step(NamedTuple):
    """One batch and the next event of each of its events.

    Attributes:
        inputs: all but the last event of each history.
        valid: where `inputs` has an event, bool, shape ``(B, S)``.
        targets: item code of the next event wherever `valid`, int64, shape ``(E,)``.
    """

    inputs: Batch
    valid: Tensor
    targets: Tensor

    @property
    def places(self) -> Tensor:
        """Where `valid` is true among all B · S places; a GPU need not be waited for to count them. int64, ``(E,)``."""
        return self.valid.flatten().nonzero()[:, 0]


def next_events(sequences: Sequences, users: np.ndarray, s_max: int) -> Step:
    """The last ``s_max + 1`` events of each of `users`, all but the last of them as inputs."""
    whole = collate(sequences, users, s_max + 1)
    lengths = whole.lengths - 1
    inputs = Batch(
        items=whole.items[:, :-1],
        lengths=lengths,
        ratings=None if whole.ratings is None else whole.ratings[:, :-1],
        timestamps=None if whole.timestamps is None else whole.timestamps[:, :-1],
    )
    valid = torch.arange(inputs.items.shape[1]) < lengths[:, None]  # (B, S)
    return Step(inputs, valid, whole.items[:, 1:][valid])
