"""Approximate entropy, Eqs. (3)–(6) of the paper, for one sequence, every user, or the pooled population."""

from __future__ import annotations

import math
from itertools import pairwise

import numba
import numpy as np

from srlaw.entropy.ngrams import apen_dense, apen_exact, as_source, bounded, ngram_counts
from srlaw.errors import InputError, whole
from srlaw.sequences import Sequences

Tolerance = np.float64 | np.uint64


def apen(x: np.ndarray, m: int = 2, r: float = 0.0) -> float:
    """Approximate entropy ApEn(m, r, n) = Φ^m(r) − Φ^{m+1}(r) of one sequence, Eq. (6), in nats per event.

    Signed, as the equation has it: a short sequence without repeats has a *negative* ApEn,
    ``−ln((n − m + 1) / (n − m))``.

    Args:
        x: ids or values, shape ``(n,)``; integers and strings are compared exactly, never as floats.
        m: embedding dimension, at least 1.
        r: tolerance, at least 0: two windows match if no pair of events differs by more than r.

    Returns:
        NaN if ``n <= m``: there is then no window of m + 1 events, and Φ^{m+1} is undefined.

    Raises:
        InputError: if m < 1, r < 0 or r is NaN, if `x` contains NaN, or if r > 0 and ids are not numbers.
    """
    check(m, r)
    x = np.asarray(x)
    codes, offsets = as_source(x)
    return float(_apen(codes, offsets, x, m, r)[0])


def apen_per_user(sequences: Sequences, m: int = 2, r: float = 0.0) -> np.ndarray:
    """`apen` of every user's history, shape ``(users,)``; NaN for users with m events or fewer.

    Raises:
        InputError: as `apen`.
    """
    check(m, r)
    return _apen(sequences.items, sequences.offsets, sequences.catalogue, m, r, sequences.items)


def mean_apen(sequences: Sequences, m: int = 2, r: float = 0.0) -> float:
    """The paper's ApEn of a data set: the mean of |ApEn| over the users for whom it is defined, in nats.

    NaN if no user has more than m events.
    """
    values = np.abs(apen_per_user(sequences, m, r))
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def apen_pooled(x: Sequences | np.ndarray, m: int = 2) -> float:
    """ApEn(m, 0) of all histories as one source: windows of all users together, none crossing users.

    In nats per event; NaN if no user has more than m events.

    Raises:
        InputError: if m < 1.
    """
    check(m)
    codes, offsets = as_source(x)
    return _phi_pooled(codes, offsets, m) - _phi_pooled(codes, offsets, m + 1)


def apen_without_repeats(n: np.ndarray | int, m: int = 2) -> np.ndarray:
    """ApEn(m, 0) of a history of n events whose m-grams are all distinct: −ln((n − m + 1) / (n − m)).

    Every window then matches only itself, so Φ^k = −ln(n − k + 1): the value depends on the length alone.
    NaN where ``n <= m``.

    Raises:
        InputError: if m < 1.
    """
    check(m)
    n = np.asarray(n, dtype=float)
    short = n <= m
    safe = np.where(short, m + 1, n)
    return np.where(short, np.nan, -np.log1p(1 / (safe - m)))


def check(m: int, r: float = 0.0) -> None:
    """Refuse what is no embedding dimension and tolerance.

    Raises:
        InputError: if m is not a whole number of at least 1, r < 0 or r is NaN.
    """
    if not whole(m, 1):
        raise InputError(f"m is {m}; the embedding dimension must be a whole number of at least 1")
    if not r >= 0:
        raise InputError(f"r is {r}; the tolerance must be a number of at least 0")


def _phi_pooled(codes: np.ndarray, offsets: np.ndarray, k: int) -> float:
    counts = ngram_counts(codes, offsets, k, 0)
    windows = counts.sum()
    return float(counts @ np.log(counts / windows) / windows) if windows else math.nan


def _apen(codes, offsets, values, m, r, index=None) -> np.ndarray:
    """ApEn per user; `values` (taken at `index`, if given) are the ids as numbers, looked at only for r > 0."""
    if r > 0 and values.dtype.kind not in "iuf":
        raise InputError(f"r is {r}, but the ids are not numbers; use r=0, which compares ids for equality")
    if m >= np.diff(offsets).max(initial=0):  # for no user is it defined, however large m is
        return np.full(len(offsets) - 1, np.nan)
    bounded(m + 1, len(codes))
    m = int(m)
    if r > 0:
        values, r = _exact(values, r)
        if r >= _smallest_gap(values):
            return _apen_tolerant(values if index is None else values[index], offsets, m, r)
    alphabet = int(codes.max()) + 1 if len(offsets) == 2 else 0
    if 0 < alphabet ** (m + 1) <= len(codes):
        return np.array([apen_dense(codes, m, alphabet)])
    return apen_exact(codes, offsets, m)


def _exact(values: np.ndarray, r: float) -> tuple[np.ndarray, Tolerance]:
    """Values and tolerance in one type, in which a larger value less a smaller one is their distance.

    Integers are counted from the smallest in 64 bits without a sign: the distance of two ids may be up to 2⁶⁴ − 1,
    which overflows signed arithmetic and loses digits as a float. Between integers, r and ⌊r⌋ are the same.
    """
    if values.dtype.kind == "f":
        return values.astype(np.float64), np.float64(r)
    wide = values.astype(np.uint64)  # modulo 2⁶⁴, in which the subtraction below comes out right for any sign
    wide -= values.min(keepdims=True).astype(np.uint64)
    return wide, np.uint64(math.floor(r) if r < 2.0**64 else 2**64 - 1)


def _smallest_gap(values: np.ndarray) -> float:
    """Smallest difference between two distinct values; infinity if there is only one."""
    distinct = np.unique(values)
    return np.diff(distinct).min() if len(distinct) > 1 else math.inf


def _apen_tolerant(values: np.ndarray, offsets: np.ndarray, m: int, r: Tolerance) -> np.ndarray:
    """ApEn(m, r) for r > 0, shape ``(users,)``. Only windows whose first events are within r are compared."""
    out = np.full(len(offsets) - 1, np.nan)
    for u, (start, stop) in enumerate(pairwise(offsets)):
        if stop - start > m:
            x = values[start:stop]
            out[u] = _phi_tolerant(x, m, r) - _phi_tolerant(x, m + 1, r)
    return out


def _phi_tolerant(x: np.ndarray, k: int, r: Tolerance) -> float:
    windows = len(x) - k + 1
    order = np.argsort(x[:windows], kind="stable")
    return float(np.mean(np.log(_matches(x, order, k, r) / windows)))


@numba.njit(cache=True)
def _matches(x, order, k, r):
    """For each window of k events, how many windows match it within r, itself included (Eq. 4's numerator)."""
    counts = np.ones(len(order), np.int64)
    for a in range(len(order)):
        i = order[a]
        for b in range(a + 1, len(order)):
            j = order[b]
            if x[j] - x[i] > r:  # sorted by first event: no later window can match
                break
            match = True
            for step in range(1, k):
                p, q = x[i + step], x[j + step]
                if (p - q if p > q else q - p) > r:
                    match = False
                    break
            if match:
                counts[i] += 1
                counts[j] += 1
    return counts
