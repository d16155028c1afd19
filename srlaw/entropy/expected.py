"""What ApEn(m, 0) of a known source is on average, finite-sample bias included, and how many events it needs."""

from __future__ import annotations

import numpy as np

from srlaw.entropy.apen import check
from srlaw.errors import InputError, whole
from srlaw.markov import MarkovChain

MAX_CELLS = 20_000_000  # n-grams that are listed at most


def expected_apen(cells_m: np.ndarray, cells_longer: np.ndarray, n: int, m: int) -> float:
    """What ApEn(m, 0) of n events is on average, finite-sample bias included, in nats per event.

    Counts of m-grams are taken as Poisson with means (n − m + 1)·p, so the only approximation is that
    overlapping windows are treated as independent draws.

    Args:
        cells_m, cells_longer: all m-grams and all (m + 1)-grams as (probability, multiplicity), shape ``(cells, 2)``.

    Raises:
        InputError: if m is not a whole number of at least 1.
    """
    check(m)
    return _expected_phi(cells_m, n - m + 1) - _expected_phi(cells_longer, n - m)


def _expected_phi(cells: np.ndarray, windows: int) -> float:
    """E Φ = Σ E[c ln c] / W − ln W, for counts c ~ Poisson(W p)."""
    probability, times = cells.T
    return float(times @ _mean_c_log_c(windows * probability) / windows - np.log(windows))


def _mean_c_log_c(mean: np.ndarray) -> np.ndarray:
    """E[c ln c] for c ~ Poisson(mean): a direct sum up to a mean of 50, then its asymptotic series."""
    small, large = np.minimum(mean, 50.0), np.maximum(mean, 50.0)
    total, term = np.zeros_like(small), np.exp(-small)
    for c in range(1, 160):
        term = term * small / c
        total += c * np.log(c) * term
    return np.where(mean > 50, large * np.log(large) + 0.5 + 1 / (12 * large), total)


def ngram_probabilities(chain: MarkovChain, k: int) -> np.ndarray:
    """Probabilities of the k-grams that a chain can produce, in no particular order, shape ``(k-grams,)``.

    Raises:
        InputError: if there are more than 20 million.
    """
    if chain.n_states**k > MAX_CELLS:
        raise InputError(f"{chain.n_states} states have too many {k}-grams to list; use fewer states or a smaller m")
    window = chain.stationary if k >= chain.order else chain.stationary.sum(0)
    for _ in range(k - chain.order):
        last = window.reshape(-1, *chain.stationary.shape)  # all but the last `order` items flattened
        window = last[..., None] * chain.transition
    return window[window > 0]


def binned(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities that agree to 0.2% share a row (their mean, how many): shape ``(cells, 2)``.

    What is summed over them is so smooth that this changes no printed digit, and saves most of the work.
    """
    _, group = np.unique(np.round(np.log(probabilities) * 500), return_inverse=True)
    times = np.bincount(group)
    return np.column_stack([np.bincount(group, weights=probabilities) / times, times])


def regular_cells(items: int, branching: int, k: int) -> np.ndarray:
    """k-grams of `sample_regular`: all items·branching^(k − 1) are equally likely. Shape ``(1, 2)``."""
    cells = float(items) * float(branching) ** (k - 1)
    return np.array([[1 / cells, cells]])


def expected_apen_regular(items: int, branching: int, n: int, m: int) -> float:
    """`expected_apen` of a chain of `items` items with `branching` equally likely successors each."""
    return expected_apen(regular_cells(items, branching, m), regular_cells(items, branching, m + 1), n, m)


def usable_length(items: int, branching: int, m: int, tolerance: float = 0.05) -> int:
    """Smallest n at which ApEn(m, 0) is expected within ``tolerance`` (a share) of the entropy rate ln b.

    For a chain of `items` items with `branching` ≥ 2 equally likely successors each, found by bisection.

    Raises:
        InputError: for other numbers of items or successors, m < 1, or a tolerance that no length meets.
    """
    check(m)
    if not (whole(items, 1) and whole(branching, 2) and tolerance > 0):
        raise InputError(
            f"no length is usable for items={items}, branching={branching}, tolerance={tolerance}; use items ≥ 1, "
            "branching ≥ 2 and a tolerance above 0"
        )
    low, high = m + 1, 2 * m + 4

    def usable(n: int) -> bool:
        gap = np.log(branching) - expected_apen_regular(items, branching, n, m)
        return bool(abs(gap) <= tolerance * np.log(branching))

    while not usable(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if usable(middle) else (middle, high)
    return high
