"""Counting n-grams by renaming: every k-gram becomes a small integer, and a (k+1)-gram is a pair of them.

A k-gram that starts at event i has a name; the (k+1)-gram that starts there is the pair (name of the
k-gram, code of event i + k), looked up in an open-addressing hash table. One pass over the events per
level, no sort, no window is ever compared with another.
"""

from __future__ import annotations

import numba
import numpy as np

from srlaw.errors import InputError
from srlaw.sequences import Sequences

MOST_STEPS = 10**10  # some ten minutes
_FIRST_BITS = 12  # a table starts with at most 2**12 slots and doubles as distinct n-grams come in


def as_source(x: Sequences | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (int32) and offsets (int64) of a population, or of one sequence of any ids.

    Args:
        x: `Sequences`, or one 1-D array of integers, floats or strings.

    Raises:
        InputError: if `x` is not one-dimensional or contains NaN or missing values.
    """
    if isinstance(x, Sequences):
        return x.items, x.offsets
    codes = relabel(x)
    return codes, np.array([0, len(codes)], dtype=np.int64)


def relabel(x: np.ndarray) -> np.ndarray:
    """Distinct values of a 1-D array → distinct int32 codes; no value passes through a float.

    Raises:
        InputError: if `x` is not one-dimensional or contains NaN or missing values.
    """
    x = np.asarray(x)
    if x.ndim != 1:
        raise InputError(f"a sequence has one dimension, this array has shape {x.shape}")
    if x.dtype.kind in "iu" and len(x):
        low, high = int(x.min()), int(x.max())
        if high - low < 2**31:  # narrow enough to be its own code
            if x.dtype == np.int32 and low == 0:
                return x
            wide = x.dtype if x.itemsize == 8 else np.dtype(np.int64)
            codes = np.empty(len(x), np.int32)
            return np.subtract(x, wide.type(low), out=codes, dtype=wide, casting="unsafe")
    return first_appearance(x)


def first_appearance(x: np.ndarray) -> np.ndarray:
    """Relabel by order of first appearance: 0, 1, 2 … (int32), shape ``(n,)``.

    Raises:
        InputError: if `x` contains NaN or missing values.
    """
    import pandas as pd  # slow to import, and only this needs it

    x = np.asarray(x)
    codes, _ = pd.factorize(x.astype(object) if x.dtype.kind in "US" else x)
    if len(codes) and codes.min() < 0:
        raise InputError(f"value {int(np.argmax(codes < 0)) + 1} of the sequence is missing (NaN); remove it")
    return codes.astype(np.int32)


@numba.njit(cache=True)
def pair_slot(left, right, bits):
    """Home slot of a pair in a table of 2**bits slots: multiply-shift hashing, one random odd factor a half."""
    h = np.uint64(left) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(right) * np.uint64(0xD1B54A32D192ED03)
    return np.int64(h >> np.uint64(64 - bits))


@numba.njit(cache=True)
def _slot(key, bits):
    """`pair_slot` of a packed pair."""
    return pair_slot(key >> 32, key & 0xFFFFFFFF, bits)


@numba.njit(cache=True)
def _table(bits):
    """Hash slots (name or −1), and for each name its key and its count."""
    size = 1 << bits
    return np.full(size, -1, np.int32), np.empty(size // 2, np.int64), np.empty(size // 2, np.int64)


@numba.njit(cache=True)
def _grown(slots, keys, counts, bits):
    """The same names in a table of twice the size."""
    new_slots, new_keys, new_counts = _table(bits + 1)
    mask = (1 << (bits + 1)) - 1
    for name in range(len(keys)):
        s = _slot(keys[name], bits + 1)
        while new_slots[s] >= 0:
            s = (s + 1) & mask
        new_slots[s] = name
        new_keys[name], new_counts[name] = keys[name], counts[name]
    return new_slots, new_keys, new_counts


@numba.njit(cache=True)
def _extend(names, codes, start, stop, step, slots, keys, counts, bits, n_names):
    """Rename the windows that start in [start, stop): (names[i], codes[i + step]) → names[i], counted.

    With ``step == 0`` the windows are single events. Returns the table, which may have grown.
    """
    mask = (1 << bits) - 1
    for i in range(start, stop):
        left = np.int64(names[i]) if step else np.int64(0)
        key = (left << 32) | np.int64(codes[i + step])
        s = _slot(key, bits)
        while True:
            name = slots[s]
            if name < 0:
                if n_names == 1 << (bits - 1):  # half full
                    slots, keys, counts = _grown(slots, keys, counts, bits)
                    bits += 1
                    mask = (1 << bits) - 1
                    s = _slot(key, bits)
                    continue
                name = n_names
                slots[s] = name
                keys[name] = key
                counts[name] = 1
                n_names += 1
                break
            if keys[name] == key:
                counts[name] += 1
                break
            s = (s + 1) & mask
        names[i] = name
    return slots, keys, counts, bits, n_names


@numba.njit(cache=True)
def _bits_for(windows):
    """Slots (as a power of two) for that many windows: at most half full, at most 2**_FIRST_BITS at first."""
    bits = 2
    while (1 << bits) < 2 * windows and bits < _FIRST_BITS:
        bits += 1
    return bits


@numba.njit(cache=True)
def _phi(counts, n_names, windows):
    """Φ of Eq. (5) for r = 0: the mean over windows of ln(count / windows)."""
    total = 0.0
    for name in range(n_names):
        if counts[name] > 1:
            total += counts[name] * np.log(counts[name])
    return total / windows - np.log(windows)


@numba.njit(cache=True)
def apen_exact(codes, offsets, m):
    """ApEn(m, r = 0) of every user, Eq. (6); NaN where a user has m events or fewer. Shape ``(users,)``."""
    users = len(offsets) - 1
    out = np.full(users, np.nan)
    longest = 0
    for u in range(users):
        longest = max(longest, offsets[u + 1] - offsets[u])
    bits_now = _bits_for(longest)
    slots, keys, counts = _table(bits_now)
    names = np.empty(longest, np.int32)
    for u in range(users):
        history = codes[offsets[u] : offsets[u + 1]]
        n = len(history)
        if n <= m:
            continue
        for i in range(n):  # an assignment of arrays takes seconds to compile
            names[i] = history[i]  # for m > 1 an event's code may serve as its name
        phi_m = 0.0
        for k in range(1 if m == 1 else 2, m + 2):
            bits = bits_now if n > 1 << (_FIRST_BITS - 1) else _bits_for(n)
            slots[: 1 << bits] = -1
            windows = n - k + 1
            slots, keys, counts, bits, n_names = _extend(
                names, history, 0, windows, k - 1, slots, keys, counts, bits, 0
            )
            bits_now = max(bits, bits_now)
            if k == m:
                phi_m = _phi(counts, n_names, windows)
            elif k == m + 1:
                out[u] = phi_m - _phi(counts, n_names, windows)
    return out


@numba.njit(cache=True)
def apen_dense(codes, m, alphabet):
    """ApEn(m, 0) of one sequence of more than m codes below `alphabet`, for alphabet^(m + 1) small: no hash.

    An (m + 1)-gram is a number in base `alphabet`; the counts of m-grams are sums over its last digit, plus
    the one m-gram at the end that nothing follows.
    """
    shorter = 1
    for _ in range(m):
        shorter *= alphabet
    counts = np.zeros(shorter * alphabet, np.int64)
    gram = 0
    for i in range(m):
        gram = gram * alphabet + codes[i]
    for i in range(m, len(codes)):
        gram = gram * alphabet + codes[i]
        counts[gram] += 1
        gram -= codes[i - m] * shorter  # drop the first event; a modulo would cost more than all the rest
    prefixes = counts.reshape(shorter, alphabet).sum(axis=1)
    prefixes[gram] += 1
    windows = len(codes) - m
    return _phi(prefixes, shorter, windows + 1) - _phi(counts, len(counts), windows)


def bounded(levels: int, events: int) -> None:
    """Refuse a length of n-grams that would take hours: every level is a pass over all events.

    Raises:
        InputError: if it would.
    """
    if levels * events > MOST_STEPS:
        raise InputError(f"counting windows of {levels:,} among {events:,} events would take hours; use a smaller m")


def ngram_counts(codes: np.ndarray, offsets: np.ndarray, k: int, followed: int) -> np.ndarray:
    """How often each distinct k-gram occurs in the whole population, in order of first appearance.

    n-grams never cross from one user to the next.

    Args:
        codes, offsets: a source as `as_source` gives it.
        k: length of the n-grams, at least 1.
        followed: 1 to count only the k-grams that are followed by another event of the same user, else 0.

    Returns:
        int64 counts, shape ``(distinct k-grams,)``.

    Raises:
        InputError: as `bounded`.
    """
    if k + followed > np.diff(offsets).max(initial=0):
        return np.empty(0, np.int64)
    bounded(k, len(codes))
    return _ngram_counts(codes, offsets, k, followed)


@numba.njit(cache=True)
def _ngram_counts(codes, offsets, k, followed):
    names = np.empty(len(codes), np.int32)
    bits = _bits_for(len(codes))
    slots, keys, counts = _table(bits)
    n_names = 0
    for level in range(1, k + 1):
        slots[:] = -1
        n_names = 0
        for u in range(len(offsets) - 1):
            stop = offsets[u + 1] - level + 1
            if level == k:
                stop -= followed
            slots, keys, counts, bits, n_names = _extend(
                names, codes, offsets[u], stop, level - 1, slots, keys, counts, bits, n_names
            )
    return counts[:n_names].copy()
