"""`Sequences`: all users' histories as one flat array of item codes plus offsets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from srlaw.errors import InputError, whole


@dataclass(frozen=True, eq=False)
class Sequences:
    """Interaction histories in CSR layout, immutable.

    User ``u``'s events, oldest first, are ``items[offsets[u]:offsets[u + 1]]``.

    Attributes:
        items: item codes in ``0 … len(catalogue) − 1``, int32, shape ``(tokens,)``.
        offsets: int64, shape ``(users + 1,)``, from 0 to ``tokens``, non-decreasing.
        catalogue: code → original item id, 1-D array of distinct integers or strings.
        ratings: float32, shape ``(tokens,)``, or None.
        timestamps: int64, shape ``(tokens,)``, in the unit of the source, or None.
        user_ids: original user ids, shape ``(users,)``, or None.
        name: what to call the data set in tables.

    Raises:
        InputError: when the arrays do not fit together.
    """

    items: np.ndarray
    offsets: np.ndarray
    catalogue: np.ndarray
    ratings: np.ndarray | None = None
    timestamps: np.ndarray | None = None
    user_ids: np.ndarray | None = None
    name: str = "unnamed"

    def __post_init__(self) -> None:
        offsets = np.asarray(self.offsets, dtype=np.int64)
        if offsets.ndim != 1 or len(offsets) < 1 or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
            raise InputError("offsets must start at 0 and never decrease")
        items = np.asarray(self.items)
        if items.ndim != 1 or len(items) != offsets[-1]:
            raise InputError(f"offsets end at {offsets[-1]}, but there are {items.size} items")
        if len(items) and (items.dtype.kind not in "iu" or items.min() < 0 or items.max() >= len(self.catalogue)):
            raise InputError(f"an item code lies outside the catalogue of {len(self.catalogue)} items")
        fields = {
            "items": items.astype(np.int32, copy=False),
            "offsets": offsets,
            "catalogue": np.asarray(self.catalogue),
        }
        for field, dtype in (("ratings", np.float32), ("timestamps", np.int64)):
            column = getattr(self, field)
            if column is not None:
                fields[field] = np.asarray(column, dtype=dtype)
                if fields[field].shape != items.shape:
                    raise InputError(f"{field} has {fields[field].size} values for {items.size} items")
        if self.user_ids is not None:
            fields["user_ids"] = np.asarray(self.user_ids)
            if len(fields["user_ids"]) != len(offsets) - 1:
                raise InputError(f"{len(fields['user_ids'])} user ids for {len(offsets) - 1} users")
        for field, array in fields.items():
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, field, view)

    @classmethod
    def from_lists(cls, histories: Iterable[Iterable], name: str = "unnamed") -> Sequences:
        """Build from one iterable of item ids (all integers or all strings) per user."""
        histories = [list(history) for history in histories]
        flat = [item for history in histories for item in history]
        catalogue, items = np.unique(_to_array(flat), return_inverse=True)
        offsets = np.concatenate([[0], np.cumsum([len(history) for history in histories], dtype=np.int64)])
        return cls(items=items, offsets=offsets, catalogue=catalogue, name=name)

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        """Size of the catalogue; after `truncate` some of its items may no longer occur."""
        return len(self.catalogue)

    @property
    def tokens(self) -> int:
        """Item events, ratings not counted: Σ_u length_u."""
        return len(self.items)

    @property
    def lengths(self) -> np.ndarray:
        """Events per user, int64, shape ``(users,)``."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return self.n_users

    def __getitem__(self, user: int) -> np.ndarray:
        """Item codes of one user, oldest first; negative indices count from the end."""
        if not -self.n_users <= user < self.n_users:
            raise IndexError(f"user {user} of {self.n_users}")
        user %= self.n_users
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    def _select(self, keep: np.ndarray, users: np.ndarray | slice = slice(None)) -> Sequences:
        """The events where `keep` is true, as histories of `users`; other users must keep no event."""
        kept_before = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
        lengths = np.diff(kept_before[self.offsets])[users]
        return Sequences(
            items=self.items[keep],
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            catalogue=self.catalogue,
            ratings=None if self.ratings is None else self.ratings[keep],
            timestamps=None if self.timestamps is None else self.timestamps[keep],
            user_ids=None if self.user_ids is None else self.user_ids[users],
            name=self.name,
        )

    def _events_left(self) -> np.ndarray:
        """For each event, how many events of its user follow it, shape ``(tokens,)``."""
        return np.repeat(self.offsets[1:], self.lengths) - np.arange(self.tokens) - 1

    def truncate(self, s_max: int | None) -> Sequences:
        """Keep each user's last `s_max` events (the paper's S_max); None keeps everything.

        Raises:
            InputError: if `s_max` is not a whole number of at least 1.
        """
        if s_max is None:
            return self
        check_s_max(s_max)
        return self._select(self._events_left() < s_max)

    def at_least(self, events: int) -> Sequences:
        """Without the users who have fewer than `events` events."""
        return self.of_users(self.lengths >= events)

    def of_users(self, users: np.ndarray) -> Sequences:
        """The histories of the users where `users`, bool, shape ``(users,)``, is true; the catalogue stays whole."""
        return self._select(np.repeat(users, self.lengths), users)

    def leave_one_out(self) -> HeldOut:
        """Split off each user's last event; users with fewer than two events are dropped.

        Apply it to ``history`` again for a validation event.
        """
        lengths = self.lengths
        users = lengths >= 2
        keep = (self._events_left() > 0) & np.repeat(users, lengths)
        return HeldOut(self._select(keep, users), self.items[self.offsets[1:][users] - 1])

    def relabelled(self, codes: np.ndarray, catalogue: np.ndarray) -> Sequences:
        """The same histories by the codes of another catalogue, without the events whose item it does not have.

        Args:
            codes: new code of each item of this catalogue, −1 where there is none, shape ``(n_items,)``.
        """
        new = codes[self.items] if self.tokens else self.items
        kept = self._select(new >= 0)
        return replace(kept, items=new[new >= 0], catalogue=catalogue)

    def without_repeats(self) -> Sequences:
        """Keep each user's first event with each item."""
        users = np.repeat(np.arange(self.n_users), self.lengths)
        _, first = np.unique(users * np.int64(self.n_items) + self.items, return_index=True)
        keep = np.zeros(self.tokens, dtype=bool)
        keep[first] = True
        return self._select(keep)

    def shuffled(self, rng: np.random.Generator, last: int | None = None) -> Sequences:
        """Every user's events, or her `last` ones only, in random order, without ratings and timestamps."""
        users = np.repeat(np.arange(self.n_users), self.lengths)
        place = rng.random(self.tokens)
        if last is not None:
            left = self._events_left()
            place = np.where(left < last, place, -left)
        order = np.lexsort((place, users))
        return Sequences(self.items[order], self.offsets, self.catalogue, user_ids=self.user_ids, name=self.name)

    def summary(self) -> dict[str, int | float]:
        """``users``, ``items`` (distinct ids that occur), ``tokens`` and ``mean_length`` (events per user)."""
        return {
            "users": self.n_users,
            "items": int(np.count_nonzero(np.bincount(self.items, minlength=self.n_items))),
            "tokens": self.tokens,
            "mean_length": self.tokens / self.n_users if self.n_users else float("nan"),
        }


def data_hash(sequences: Sequences) -> str:
    """Hash of everything of a data set that training can see: histories, ratings, times, size of the catalogue."""
    digest = hashlib.sha256(str(sequences.n_items).encode())
    for array in (sequences.items, sequences.offsets, sequences.ratings, sequences.timestamps):
        digest.update(b"none" if array is None else f"{array.dtype.str}{len(array)}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _to_array(ids: list) -> np.ndarray:
    """Ids as int64, uint64 or text, whichever holds every one of them unchanged."""
    if ids and all(isinstance(item, str) for item in ids):
        # numpy's fixed-width text drops NUL characters at the end.
        return np.array(ids, dtype=np.dtypes.StringDType() if "\0" in "".join(ids) else np.str_)
    if all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in ids):
        numbers = [int(item) for item in ids]
        for dtype in (np.int64, np.uint64):
            limits = np.iinfo(dtype)
            if limits.min <= min(numbers, default=0) and max(numbers, default=0) <= limits.max:
                return np.array(numbers, dtype=dtype)
    raise InputError("item ids must be all 64-bit integers or all strings")


class HeldOut(NamedTuple):
    """What `Sequences.leave_one_out` returns: histories, and each user's held-out item code."""

    history: Sequences
    target: np.ndarray


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
        """The event that the metrics of a run are of; see `srlaw.training.TrainConfig`."""
        return self.test if on == "test" else self.validation

    def in_random_order(self, s_max: int) -> Split:
        """The same events, targets and users, but the last `s_max` events, those that a model is shown, shuffled once.

        What a model loses by it is what their order tells. Without ratings and timestamps.
        """
        rng = np.random.default_rng(0)
        seen = [HeldOut(part.history.shuffled(rng, s_max), part.target) for part in (self.validation, self.test)]
        return Split(self.train.shuffled(rng), *seen)

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
        InputError: if nobody has the four events it takes to train, validate and test; if `s_max` is not a whole
            number of at least 1, or a fraction not above 0 and at most 1.
    """
    check_s_max(s_max)
    for name, share in (("fraction", fraction), ("test_fraction", test_fraction)):
        if not 0 < share <= 1:
            raise InputError(f"{name} is {share}; it must be above 0 and at most 1")
    place = np.random.default_rng(0).permutation(sequences.n_users)  # of each user in the queue to be let in

    def first(share: float) -> Sequences:
        return sequences if share == 1 else sequences.of_users(place < np.ceil(share * sequences.n_users))

    validation, test = _last_two(first(test_fraction))
    taught = validation if fraction == test_fraction else _last_two(first(fraction))[0]
    train = taught.history.truncate(s_max + 1).at_least(2)
    if not train.n_users or not validation.history.n_users:
        raise InputError(f"{sequences.name} has no user with four events; none is left to train, validate and test")
    return Split(train, validation, test)


def check_s_max(s_max: int) -> None:
    """Refuse a longest history that is not a whole number of at least 1.

    Raises:
        InputError: if it is not.
    """
    if not whole(s_max, 1):
        raise InputError(f"s_max is {s_max}; it must be a whole number of at least 1")


def _last_two(sequences: Sequences) -> tuple[HeldOut, HeldOut]:
    """Each user's last event but one and all before it, and the last one and all before that."""
    last = sequences.leave_one_out()
    return last.history.leave_one_out(), last
