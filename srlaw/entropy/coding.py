"""Entropy rates from coding: Lempel–Ziv match lengths and the compression ratio of a real compressor."""

from __future__ import annotations

import math
import zlib

import numba
import numpy as np

from srlaw.entropy.ngrams import first_appearance, pair_slot


def lempel_ziv(x: np.ndarray) -> float:
    """Kontoyiannis' estimate of the entropy rate in its usual form, n ln n / Σ Λ_i, in nats per event.

    Λ_i, from `match_lengths`, is one more than the longest match of the events from i on with events that
    lie wholly before i. Consistent for stationary ergodic sources (Kontoyiannis et al. 1998), slowly: the
    error shrinks like 1 / ln n.

    Args:
        x: ids, shape ``(n,)``.

    Returns:
        NaN if ``n < 2``.
    """
    return _rate(match_lengths(x))


def lempel_ziv_phrases(x: np.ndarray) -> float:
    """The same quotient as the authors compute it (`actual_entropy`), in nats per event.

    Their Λ_i compares only with the *phrases* recorded at earlier positions, not with every earlier
    substring, so matches are shorter and the value is higher than `lempel_ziv`.
    """
    return _rate(phrase_lengths(x))


def _rate(lengths: np.ndarray) -> float:
    n = len(lengths)
    return float(n * math.log(n) / lengths.sum()) if n > 1 else math.nan


def match_lengths(x: np.ndarray) -> np.ndarray:
    """Λ_i = 1 + the longest l such that x[i : i + l] occurs wholly within x[:i]; int64, shape ``(n,)``.

    One pass over a suffix automaton of the past, O(n) time and about 110 bytes an event.
    """
    return _match_lengths(first_appearance(x))


def phrase_lengths(x: np.ndarray) -> np.ndarray:
    """1 + the longest prefix of x[i:] built up from phrases recorded at earlier i; int64, shape ``(n,)``.

    At each i the phrase grows event by event until it equals none of the recorded ones, and is recorded. All of its
    prefixes were recorded before, so the phrases are the nodes of a tree.
    """
    return _phrase_lengths(first_appearance(x))


def compression_ratio(x: np.ndarray) -> float:
    """Bytes after zlib (level 9) over bytes before, for ids relabelled by first appearance.

    Relabelling makes the ratio a property of the sequence: zlib looks at bytes, and the same sequence
    under other ids compresses differently. Each id takes the smallest of 1, 2 or 4 bytes that holds the
    alphabet. NaN for an empty sequence.
    """
    codes = first_appearance(x)
    if not len(codes):
        return math.nan
    raw = codes.astype(np.min_scalar_type(int(codes.max()))).tobytes()
    return len(zlib.compress(raw, 9)) / len(raw)


@numba.njit(cache=True)
def _find(state, symbol, slots, edge_state, edge_symbol, bits):
    """The slot of the edge that leaves `state` with `symbol`, or the empty slot where it belongs."""
    mask = (1 << bits) - 1
    s = pair_slot(state, symbol, bits)
    while slots[s] >= 0 and (edge_state[slots[s]] != state or edge_symbol[slots[s]] != symbol):
        s = (s + 1) & mask
    return s


@numba.njit(cache=True)
def _phrase_lengths(x):
    """The tree of phrases has at most one new edge for each i; edge e leads to node e + 1, and the root is 0."""
    n = len(x)
    bits = 3
    while (1 << bits) < 2 * n:
        bits += 1
    slots = np.full(1 << bits, -1, np.int32)
    edge_state, edge_symbol = np.empty(n, np.int32), np.empty(n, np.int32)
    out = np.empty(n, np.int64)
    edges = 0
    for i in range(n):
        node, stop = 0, i
        while stop < n:
            s = _find(node, x[stop], slots, edge_state, edge_symbol, bits)
            if slots[s] < 0:
                slots[s] = edges
                edge_state[edges], edge_symbol[edges] = node, x[stop]
                edges += 1
                break
            node, stop = slots[s] + 1, stop + 1
        out[i] = stop + 1 - i
    return out


@numba.njit(cache=True)
def _match_lengths(x):
    """Blumer et al.'s on-line suffix automaton of x[:i], walked by the longest match that starts at i.

    States have a length, a suffix link and a list of edges; edges are found through one hash table keyed
    by (state, symbol), which never fills beyond 3n of its slots (an automaton has fewer than 3n edges).
    """
    n = len(x)
    bits = 3
    while (1 << bits) < 4 * n:
        bits += 1
    slots = np.full(1 << bits, -1, np.int32)
    edge_state, edge_symbol = np.empty(3 * n + 4, np.int32), np.empty(3 * n + 4, np.int32)
    edge_target, edge_next = np.empty(3 * n + 4, np.int32), np.empty(3 * n + 4, np.int32)
    length, link = np.zeros(2 * n + 2, np.int32), np.full(2 * n + 2, -1, np.int32)
    first_edge = np.full(2 * n + 2, -1, np.int32)
    states, edges, last = 1, 0, 0
    state, matched = 0, 0  # the longest match so far, as a state and a length
    out = np.empty(n, np.int64)

    for i in range(n):
        while i + matched < n:  # extend the match within the automaton of x[:i]
            e = slots[_find(state, x[i + matched], slots, edge_state, edge_symbol, bits)]
            if e < 0:
                break
            state, matched = edge_target[e], matched + 1
        out[i] = matched + 1

        new, p, symbol = states, last, x[i]  # add x[i] to the automaton
        states += 1
        length[new] = length[last] + 1
        while p >= 0:
            s = _find(p, symbol, slots, edge_state, edge_symbol, bits)
            if slots[s] >= 0:
                break
            slots[s] = edges
            edge_state[edges], edge_symbol[edges], edge_target[edges] = p, symbol, new
            edge_next[edges], first_edge[p] = first_edge[p], edges
            edges += 1
            p = link[p]
        if p < 0:
            link[new] = 0
        else:
            q = edge_target[slots[s]]
            if length[q] == length[p] + 1:
                link[new] = q
            else:  # split q: its shorter strings now also end here
                clone = states
                states += 1
                length[clone], link[clone] = length[p] + 1, link[q]
                link[q] = link[new] = clone
                e = first_edge[q]
                while e >= 0:
                    s = _find(clone, edge_symbol[e], slots, edge_state, edge_symbol, bits)
                    slots[s] = edges
                    edge_state[edges], edge_symbol[edges] = clone, edge_symbol[e]
                    edge_target[edges], edge_next[edges] = edge_target[e], first_edge[clone]
                    first_edge[clone] = edges
                    edges += 1
                    e = edge_next[e]
                while p >= 0:
                    s = _find(p, symbol, slots, edge_state, edge_symbol, bits)
                    if slots[s] < 0 or edge_target[slots[s]] != q:
                        break
                    edge_target[slots[s]] = clone
                    p = link[p]
                if state == q and matched <= length[clone]:
                    state = clone
        last = new

        if matched:  # the match that starts at i + 1 is at least this one without its first event
            matched -= 1
            while state and matched <= length[link[state]]:
                state = link[state]
    return out
