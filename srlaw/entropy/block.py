"""Block and conditional entropies of a discrete source, with the classical bias corrections. Nats."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from srlaw.entropy.ngrams import as_source, ngram_counts
from srlaw.errors import InputError, whole
from srlaw.sequences import Sequences

CORRECTIONS = ("plug-in", "miller-madow", "grassberger")


def entropy_of_counts(counts: np.ndarray, correction: str = "plug-in") -> float:
    """Entropy in nats of a distribution seen through counts of its outcomes.

    Args:
        counts: how often each outcome was seen, positive integers, shape ``(outcomes,)``.
        correction: ``plug-in`` (maximum likelihood, biased low by about (outcomes − 1) / 2N),
            ``miller-madow`` (adds that back), or ``grassberger`` (Grassberger 2003: ln N − Σ n G(n) / N,
            accurate also where most outcomes were seen only a few times).

    Returns:
        NaN if nothing was counted.
    """
    total = counts.sum()
    if correction not in CORRECTIONS:
        raise InputError(f"correction is {correction!r}; it must be one of {', '.join(CORRECTIONS)}")
    if total == 0:
        return math.nan
    if correction == "grassberger":
        return float(math.log(total) - counts @ _grassberger(counts) / total)
    plug_in = math.log(total) - counts @ np.log(counts) / total
    bias = (len(counts) - 1) / (2 * total) if correction == "miller-madow" else 0.0
    return float(plug_in + bias)


def _grassberger(n: np.ndarray) -> np.ndarray:
    """G(n) = ψ(n) + ½(−1)ⁿ[ψ((n + 1)/2) − ψ(n/2)], for positive integers n."""
    distinct, inverse = np.unique(n, return_inverse=True)
    sign = np.where(distinct % 2 == 0, 0.5, -0.5)
    g = digamma(distinct) + sign * (digamma((distinct + 1) / 2) - digamma(distinct / 2))
    return g[inverse]


def shannon(x: Sequences | np.ndarray, correction: str = "plug-in") -> float:
    """Entropy of single events, order ignored, in nats."""
    return block_entropy(x, 1, correction)


def block_entropy(x: Sequences | np.ndarray, k: int, correction: str = "plug-in") -> float:
    """Entropy H_k of windows of k successive events, in nats per window; windows never cross users.

    NaN if no history has k events.

    Raises:
        InputError: if k is not a whole number of at least 1, or the correction is unknown.
    """
    if not whole(k, 1):
        raise InputError(f"k is {k}; a block must have a whole number of events, at least 1")
    codes, offsets = as_source(x)
    return entropy_of_counts(ngram_counts(codes, offsets, int(k), 0), correction)


def conditional_entropy(x: Sequences | np.ndarray, m: int, correction: str = "plug-in") -> float:
    """Entropy of an event given the m before it, H_{m+1} − H_m, in nats per event.

    Both blocks are taken over the same windows of m + 1 events, so the plug-in value is never negative
    (ApEn counts one more window in H_m, and may be). NaN if no history has m + 1 events.

    Raises:
        InputError: if m is not a whole number of at least 0, or the correction is unknown.
    """
    if not whole(m):
        raise InputError(f"m is {m}; the number of conditioning events must be a whole number of at least 0")
    codes, offsets = as_source(x)
    m = int(m)
    longer = entropy_of_counts(ngram_counts(codes, offsets, m + 1, 0), correction)
    return longer - entropy_of_counts(ngram_counts(codes, offsets, m, 1), correction) if m else longer


class EntropyRate(NamedTuple):
    """What `entropy_rate` returns."""

    value: float  # nats per event
    order: int  # conditioning events
    coverage: float  # Good–Turing share of the probability of (order + 1)-grams that was seen


def entropy_rate(x: Sequences | np.ndarray, max_order: int = 3, min_coverage: float = 0.9) -> EntropyRate:
    """The best bias-corrected conditional entropy that the amount of data can carry, in nats per event.

    Conditioning on more events lowers the true value towards the entropy rate, but also thins the counts,
    which lowers the *estimate* without any regularity being there. So the order grows only while the
    n-grams that it needs cover the source: by Good and Turing, the unseen share of their probability is
    the share of windows that are singletons. The Grassberger-corrected conditional entropy of the largest
    order with a coverage of at least `min_coverage` is returned (order 0 if even single events are
    thinner than that): for a stationary source an upper bound on the rate, up to the remaining bias.
    On duplicated data it is not to be trusted: copied histories or blocks leave no singletons, so the coverage, and
    with it the order, comes out too high and the value far too low.

    Raises:
        InputError: if `max_order` is not a whole number of at least 0, or `min_coverage` not a share.
    """
    if not 0 <= min_coverage <= 1:
        raise InputError(f"min_coverage is {min_coverage}; it must be a share, from 0 to 1")
    best = EntropyRate(math.nan, 0, math.nan)
    for found in conditional_entropies(x, max_order):
        if found.order and found.coverage < min_coverage:
            break
        best = found
    return best


def conditional_entropies(x: Sequences | np.ndarray, max_order: int = 3) -> Iterator[EntropyRate]:
    """The Grassberger-corrected conditional entropy given 0, 1, … events, each with its coverage; nats per event.

    It ends before `max_order` where no history is long enough. A value whose coverage is low says how thin the counts
    are, not how regular the source.

    Raises:
        InputError: if `max_order` is not a whole number of at least 0.
    """
    if not whole(max_order):
        raise InputError(f"max_order is {max_order}; it must be a whole number of at least 0")
    codes, offsets = as_source(x)
    for order in range(int(max_order) + 1):
        counts = ngram_counts(codes, offsets, order + 1, 0)
        if not len(counts):
            return
        coverage = 1 - np.count_nonzero(counts == 1) / counts.sum()
        value = entropy_of_counts(counts, "grassberger")
        if order:
            value -= entropy_of_counts(ngram_counts(codes, offsets, order, 1), "grassberger")
        yield EntropyRate(max(value, 0.0), order, float(coverage))
