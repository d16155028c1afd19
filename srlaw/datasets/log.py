"""From columns of ids and times to `Sequences`: codes, order, duplicates, the k-core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.sparse import coo_array

from srlaw.datasets.values import stamps
from srlaw.errors import InputError, quoted
from srlaw.sequences import Sequences

Duplicates = Literal["error", "keep", "drop"]


@dataclass(frozen=True)
class Log:
    """Events in file order.

    Attributes:
        users, items: codes, int32, shape ``(events,)``.
        user_ids, catalogue: code → original id, sorted; Int64, UInt64 or String.
        times: int64 or float64, shape ``(events,)``; None where the order of the file is that of time.
        ratings: float32, shape ``(events,)``, or None.
        place: event number → file and line, for errors.
    """

    users: np.ndarray
    items: np.ndarray
    user_ids: pl.Series
    catalogue: pl.Series
    times: np.ndarray | None
    ratings: np.ndarray | None
    place: Callable[[int], str]


def encode(ids: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """Codes (int32, shape ``(events,)``) and the sorted distinct ids that they stand for."""
    distinct = ids.unique().sort()
    codes = pl.DataFrame({"id": distinct, "code": pl.int_range(len(distinct), dtype=pl.Int32, eager=True)})
    joined = pl.DataFrame({"id": ids}).join(codes, on="id", how="left", maintain_order="left")
    return joined["code"].to_numpy(), distinct


def _to_array(distinct: pl.Series) -> np.ndarray:
    """Ids as an int64, uint64 or text array; text of very uneven length (or with NULs) as numpy's StringDType."""
    if distinct.dtype != pl.String:
        return distinct.to_numpy()
    bytes_fixed = 4 * int(distinct.str.len_chars().to_numpy().max(initial=0)) * len(distinct)
    variable = bytes_fixed > 2**28 or distinct.str.contains("\0", literal=True).any()
    return np.array(distinct.to_list(), dtype=np.dtypes.StringDType() if variable else np.str_)


def k_core(log: Log, k: int) -> Log:
    """Drop users and items with fewer than `k` events, again and again until none is left.

    Raises:
        InputError: if nothing remains.
    """
    keep = np.ones(len(log.users), dtype=bool)
    while True:
        per_user, per_item = np.bincount(log.users[keep]), np.bincount(log.items[keep])
        few = np.zeros_like(keep)
        few[keep] = (per_user[log.users[keep]] < k) | (per_item[log.items[keep]] < k)
        if not few.any():
            break
        keep &= ~few
    if not keep.any():
        raise InputError(f"{log.place(0)}: no user and item are left by the {k}-core filter; the file is too small")
    users, user_ids = _recode(log.users[keep], log.user_ids)
    items, catalogue = _recode(log.items[keep], log.catalogue)
    ratings, times = (None if column is None else column[keep] for column in (log.ratings, log.times))
    numbers = np.flatnonzero(keep)
    return Log(users, items, user_ids, catalogue, times, ratings, lambda row: log.place(numbers[row]))


def _recode(codes: np.ndarray, values: pl.Series) -> tuple[np.ndarray, pl.Series]:
    used = np.bincount(codes, minlength=len(values)) > 0
    return (np.cumsum(used, dtype=np.int32) - 1)[codes], values.filter(pl.Series(used))


def to_sequences(log: Log, name: str, sort: bool, duplicates: Duplicates) -> Sequences:
    """Histories, users in order of their ids, events by time and ties in file order; without times, in file order.

    Raises:
        InputError: where a user's time goes back without `sort`, and at repeated events unless they are to be
            kept or dropped; if a log without times is to be sorted, or its duplicates dropped.
    """
    order = _by_user(log.users)
    if log.times is None:
        if sort or duplicates == "drop":
            option = "sort=True (--sort)" if sort else "duplicates='drop' (--duplicates drop)"
            raise InputError(f"{name} has no times, so {option} says nothing about it; leave that out")
    else:
        order = _by_time(log, log.times, order, sort)
        if duplicates != "keep":
            order = _distinct(log, log.times, order, duplicates)
    lengths = np.bincount(log.users[order], minlength=len(log.user_ids))
    return Sequences(
        items=log.items[order],
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        catalogue=_to_array(log.catalogue),
        ratings=None if log.ratings is None else log.ratings[order],
        timestamps=None if log.times is None else stamps(log.times[order]),
        user_ids=_to_array(log.user_ids),
        name=name,
    )


def _by_user(users: np.ndarray) -> np.ndarray:
    """Event numbers grouped by user, in file order within each: a counting sort, as a sparse matrix does it."""
    events = np.arange(len(users))
    grouped = coo_array((np.ones(len(users), dtype=bool), (users, events))).tocsr()
    return grouped.indices


def _by_time(log: Log, when: np.ndarray, order: np.ndarray, sort: bool) -> np.ndarray:
    users, times = log.users[order], when[order]
    back = np.flatnonzero((users[1:] == users[:-1]) & (times[1:] < times[:-1]))
    if not len(back):
        return order
    if not sort:
        at = back[np.argmin(order[back + 1])]
        user = log.user_ids[int(users[at])]
        raise InputError(
            f"{log.place(int(order[at + 1]))}: the time of user {quoted(user)} goes back "
            f"from {times[at]} to {times[at + 1]}; pass sort=True (--sort) to order each user's events by time"
        )
    frame = pl.DataFrame({"user": users, "time": times, "event": order})
    return frame.sort("user", "time", maintain_order=True)["event"].to_numpy()


def _distinct(log: Log, when: np.ndarray, order: np.ndarray, duplicates: Duplicates) -> np.ndarray:
    """`order` without events that repeat an earlier one; only events tied in user and time are compared."""
    users, times = log.users[order], when[order]
    tied = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
    among = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
    frame = pl.DataFrame({"user": users[among], "time": times[among], "item": log.items[order[among]]})
    repeated = among[~frame.select(pl.struct("user", "time", "item").is_first_distinct())[:, 0].to_numpy()]
    if len(repeated) and duplicates == "error":
        more = f", as do {len(repeated) - 1} more" if len(repeated) > 1 else ""
        raise InputError(
            f"{log.place(order[repeated].min())}: this event repeats an earlier one (same user, item and time)"
            f"{more}; pass duplicates='drop' (--duplicates drop) to count it once, or 'keep' to keep it"
        )
    return np.delete(order, repeated)
