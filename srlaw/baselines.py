"""Yardsticks without a parameter to train: popularity, recent items, and counts of what follows an item.

Each orders the whole catalogue for a user, so it is ranked exactly as a model is (`srlaw.metrics`): ties count against
it, the user's own history is among the candidates unless a key says otherwise, and nothing is sampled. All three
count in the training histories alone, as a model does, and see the same history of the last ``s_max`` events.

Every score is one integer, a boost × (1 + the largest popularity) + popularity, and few items of a user have a boost.
So a rank needs no table of users × items: it is counted among the boosted items, and looked up among the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from srlaw.metrics import per_user, standard_error, summarise
from srlaw.sequences import HeldOut, Sequences

NAMES = {
    "popularity": "popularity",
    "recent": "recent items, then popularity",
    "next": "item→next counts, then popularity",
}
"""The yardsticks, and what tables call them."""
METRICS = ("hr10", "ndcg10")
PAIRS = 5_000_000  # (user, boosted item) pairs looked at together
MOST_REMEMBERED = 4  # by `remembered_ranks`: six numbers a user each
_REMEMBERED: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}


@dataclass(frozen=True)
class _Boosts:
    """The boosted items of each row, CSR: those of row r lie at ``offsets[r] … offsets[r + 1]``, each item once."""

    offsets: np.ndarray
    items: np.ndarray
    boost: np.ndarray


def yardsticks(train: Sequences, held_out: HeldOut, s_max: int) -> dict[str, float]:
    """HR@10 and NDCG@10 of the three yardsticks on each user's held-out event.

    Args:
        train: the histories that a model is trained on, as `srlaw.sequences.split` gives them.
        held_out: histories of at least one event, and targets. s_max: events of a history that are looked at.

    Returns: as `summaries`.
    """
    return summaries(baseline_ranks(train, held_out, s_max))


def summaries(ranks: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """The metrics of what `baseline_ranks` found.

    Returns:
        ``baseline_NAME_hr10`` and ``baseline_NAME_ndcg10`` for each of `NAMES`, among all items, with their standard
        errors, ``…_se``; and with ``_without_history`` appended, among those that the user has not had yet.
    """
    out = {}
    for name, (whole, new) in ranks.items():
        metrics = summarise(whole)
        out |= {f"baseline_{name}_{metric}": metrics[metric] for metric in (*METRICS, *(f"{m}_se" for m in METRICS))}
        metrics = summarise(new)
        out |= {f"baseline_{name}_{metric}_without_history": metrics[metric] for metric in METRICS}
    return out


def gains(ranks: np.ndarray, yardsticks: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """How much a model's ranks of the held-out events are better than the best yardstick's, user by user.

    Both rank the same events, so their difference has a smaller error than that of either.

    Args:
        ranks: of the model, among all items, shape ``(users,)``. yardsticks: as `baseline_ranks`, of the same users.

    Returns:
        ``gain_hr10`` over the yardstick with the highest HR@10, ``gain_hr10_se`` over users, and the same of NDCG@10.
    """
    own, out = per_user(ranks), {}
    theirs = [per_user(whole) for whole, _ in yardsticks.values()]
    for metric in METRICS:
        best = max((values[metric] for values in theirs), key=lambda values: float(values.mean()))
        difference = own[metric] - best
        out[f"gain_{metric}"] = float(difference.mean())
        out[f"gain_{metric}_se"] = standard_error(difference)
    return out


def baseline_ranks(
    train: Sequences, held_out: HeldOut, s_max: int, names: Iterable[str] = NAMES
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rank of each held-out event, by yardstick: among all items, and among those not in the history; ``(users,)``.

    Args: as `yardsticks`, and
        names: of `NAMES`, which of them.
    """
    history, target = held_out
    seen = history.truncate(s_max)
    popularity = np.bincount(train.items, minlength=train.n_items).astype(np.int64)
    own_row = np.arange(history.n_users)
    last_item = history.items[history.offsets[1:] - 1]
    none = _Boosts(np.zeros(history.n_users + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    ways = {"popularity": (own_row, none), "recent": (own_row, _recency(seen)), "next": (last_item, _successors(train))}
    had = _recency(history)  # the distinct items of each whole history
    chosen = {name: ways[name] for name in names}
    return {name: _ranks(row, boosts, popularity, target, had) for name, (row, boosts) in chosen.items()}


def remembered_ranks(train: Sequences, held_out: HeldOut, s_max: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`baseline_ranks`, counted once for all runs of a sweep that a process trains on the same events."""
    digest = hashlib.sha256(f"{s_max} {train.n_items}".encode())
    for array in (train.items, train.offsets, held_out.history.items, held_out.history.offsets, held_out.target):
        digest.update(array.tobytes())
    key = digest.hexdigest()
    if key not in _REMEMBERED:
        while len(_REMEMBERED) >= MOST_REMEMBERED:
            _REMEMBERED.pop(next(iter(_REMEMBERED)))
        _REMEMBERED[key] = baseline_ranks(train, held_out, s_max)
    return _REMEMBERED[key]


def _recency(history: Sequences) -> _Boosts:
    """Distinct items of each user, boosted by the place of their last event, counted from 1."""
    user = np.repeat(np.arange(history.n_users), history.lengths)
    place = np.arange(history.tokens) - history.offsets[user] + 1
    key = user * history.n_items + history.items
    order = np.lexsort((place, key))
    latest = np.append(key[order][1:] != key[order][:-1], True) if len(order) else np.empty(0, bool)
    return _csr(key[order][latest], place[order][latest], history.n_users, history.n_items)


def _successors(train: Sequences) -> _Boosts:
    """For each item, what followed it in training, boosted by how often."""
    inner = np.ones(train.tokens, bool)
    inner[train.offsets[1:][train.lengths > 0] - 1] = False  # a user's last event has no next one
    place = np.flatnonzero(inner)
    pairs = train.items[place].astype(np.int64) * train.n_items + train.items[place + 1]
    key, count = np.unique(pairs, return_counts=True)
    return _csr(key, count, train.n_items, train.n_items)


def _csr(key: np.ndarray, boost: np.ndarray, n_rows: int, n_items: int) -> _Boosts:
    row, item = np.divmod(key, n_items)
    return _Boosts(np.searchsorted(row, np.arange(n_rows + 1)), item, boost.astype(np.int64))


def _ranks(row, boosts: _Boosts, popularity, target, had: _Boosts) -> tuple[np.ndarray, np.ndarray]:
    """Ranks among all items and among those not `had`; `row` and `target` are ``(users,)``."""
    unit = popularity.max(initial=0) + 1
    keys = np.repeat(np.arange(len(boosts.offsets) - 1), np.diff(boosts.offsets)) * len(popularity) + boosts.items

    def score(rows, items):
        """The yardstick's integer for pairs of a row and an item."""
        wanted = rows * len(popularity) + items
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        found = keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)
        return np.where(found, boosts.boost[at] if len(keys) else 0, 0) * unit + popularity[items]

    own = score(row, target)
    ordered = np.sort(popularity)
    at_least = len(popularity) - np.searchsorted(ordered, popularity[target])  # items as popular, the target too
    above = _count(boosts, row, lambda users, items: score(row[users], items) >= own[users])
    displaced = _count(boosts, row, lambda users, items: popularity[items] >= popularity[target[users]])
    whole = np.where(own >= unit, above, above + at_least - displaced)
    users = np.arange(len(target))

    def stands_above(users, items):
        return (score(row[users], items) >= own[users]) & (items != target[users])

    return whole, whole - _count(had, users, stands_above)


def _count(boosts: _Boosts, row: np.ndarray, condition) -> np.ndarray:
    """For each user how many items of her row meet ``condition(users, items)``."""
    sizes = np.diff(boosts.offsets)[row]
    total = np.zeros(len(row), np.int64)
    begin = 0
    while begin < len(row):
        end = max(begin + 1, int(np.searchsorted(np.cumsum(sizes[begin:]), PAIRS, "right")) + begin)
        users = np.repeat(np.arange(begin, end), sizes[begin:end])
        start = np.repeat(np.cumsum(sizes[begin:end]) - sizes[begin:end], sizes[begin:end])
        items = boosts.items[boosts.offsets[row[users]] + np.arange(len(users)) - start]
        total += np.bincount(users[condition(users, items)], minlength=len(row))
        begin = end
    return total
