"""Which events train, validate and test, and how histories become batches with little padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srlaw.errors import InputError
from srlaw.models import Batch, collate
from srlaw.sequences import HeldOut, Sequences

BUCKET = 1.1  # the lengths of one bucket differ by less than this factor


class Split(NamedTuple):
    """Leave-one-out twice: each user's last event tests, the one before it validates, the rest train.

    Attributes:
        train: histories of at least two events, the last ``s_max + 1``, so that ``s_max`` have a next one.
        validation: histories without the last two events, and the last but one.
        test: histories without the last event, and the last.
    """

    train: Sequences
    validation: HeldOut
    test: HeldOut

    def judged(self, on: str) -> HeldOut:
        """The event that the metrics of a run are of; see `TrainConfig`."""
        return self.test if on == "test" else self.validation

    @property
    def events(self) -> int:
        """Target events of an epoch."""
        return self.train.tokens - self.train.n_users


def split(sequences: Sequences, s_max: int, fraction: float = 1.0, test_fraction: float = 1.0) -> Split:
    """Split `sequences` for histories of at most `s_max` events.

    Args:
        fraction: of the users, who train the model. The users of a smaller fraction are among those of a greater one.
        test_fraction: of the users, who validate and test it; nested in the same way. The catalogue stays whole.

    Raises:
        InputError: if nobody has the four events it takes to train, validate and test.
    """
    place = np.random.default_rng(0).permutation(sequences.n_users)  # of each user in the queue to be let in

    def first(share: float) -> Sequences:
        return sequences if share == 1 else sequences.of_users(place < np.ceil(share * sequences.n_users))

    validation, test = _last_two(first(test_fraction))
    taught = validation if fraction == test_fraction else _last_two(first(fraction))[0]
    train = taught.history.truncate(s_max + 1).at_least(2)
    if not train.n_users or not validation.history.n_users:
        raise InputError(f"{sequences.name} has no user with four events; none is left to train, validate and test")
    return Split(train, validation, test)


def _last_two(sequences: Sequences) -> tuple[HeldOut, HeldOut]:
    """Each user's last event but one and all before it, and the last one and all before that."""
    last = sequences.leave_one_out()
    return last.history.leave_one_out(), last


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
        ratings: of those events, float32, shape ``(E,)``, or None.
    """

    inputs: Batch
    valid: Tensor
    targets: Tensor
    ratings: Tensor | None = None

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
    ratings = None if whole.ratings is None else whole.ratings[:, 1:][valid]
    return Step(inputs, valid, whole.items[:, 1:][valid], ratings)
