"""Lemma 3.1 put to the test: ApEn of sampled chains, its expected finite-sample bias, and how long is long enough."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import entr

from srlaw.entropy import apen
from srlaw.entropy.report import describe_sequence
from srlaw.errors import InputError
from srlaw.markov import MarkovChain, make_chain, sample_kind, sample_regular

MAX_CELLS = 20_000_000


def convergence(
    kinds: list[str], states: int, lengths: list[int], orders: list[int], paths: int = 20, seed: int = 0
) -> pl.DataFrame:
    """ApEn(m, 0) of sampled chains beside the entropy rate and the bias that theory predicts.

    Returns:
        One row a kind, n and m: ``kind, n, m, apen`` (mean over `paths` sequences), ``low, high`` (their 5% and 95%
        quantiles), ``standard_error`` of the mean, ``predicted`` (`expected_apen`), ``limit`` (H_{m+1} − H_m of the
        true block entropies, summed over all n-grams) and ``entropy_rate``. Nats per event. The predicted value
        and the limit are null for a non-stationary source and above 20 million possible n-grams.
    """
    rows = []
    for kind in kinds:
        chain = None if kind == "non-stationary" else make_chain(kind, states, seed)
        listed = {m for m in orders if chain and states ** (m + 1) <= MAX_CELLS}
        ngrams = {k: ngram_probabilities(chain, k) for k in sorted(listed | {m + 1 for m in listed})}
        entropy = {k: float(entr(p).sum()) for k, p in ngrams.items()}
        cells = {k: binned(p) for k, p in ngrams.items()}
        for n in lengths:
            sampled, rate = sample_kind(kind, states, n, np.random.default_rng([seed, n]), paths, seed)
            for m in orders:
                values = np.array([apen(path, m) for path in sampled])
                rows.append(
                    {
                        "kind": kind,
                        "n": n,
                        "m": m,
                        "apen": values.mean(),
                        "low": np.quantile(values, 0.05),
                        "high": np.quantile(values, 0.95),
                        "standard_error": values.std(ddof=1) / np.sqrt(paths),
                        "predicted": expected_apen(cells[m], cells[m + 1], n, m) if m in listed else None,
                        "limit": entropy[m + 1] - entropy[m] if m in listed else None,
                        "entropy_rate": rate,
                    }
                )
    return pl.DataFrame(rows, schema_overrides={"predicted": pl.Float64, "limit": pl.Float64})


def estimators(kinds: list[str], states: int, n: int, seed: int = 0) -> pl.DataFrame:
    """Other estimates of the entropy rate on one sequence of n events of each kind, in nats per event.

    Returns:
        ``kind, entropy_rate``, ``apen`` (m = 1), ``conditional`` and ``corrected`` (given one event), ``lempel_ziv``,
        ``lempel_ziv_phrases`` (as the authors compute it) and ``compression_ratio`` (bytes, not nats).
    """
    rows = []
    for kind in kinds:
        (path,), rate = sample_kind(kind, states, n, np.random.default_rng([seed, n]), 1, seed)
        found = describe_sequence(path, m=1)
        names = ("apen", "conditional", "lempel_ziv", "lempel_ziv_phrases", "compression_ratio")
        row = {"kind": kind, "entropy_rate": rate} | {name: found[name] for name in names}
        rows.append({**row, "corrected": found["conditional_corrected"]})
    order = ["kind", "entropy_rate", "apen", "conditional", "corrected", "lempel_ziv", "lempel_ziv_phrases"]
    return pl.DataFrame(rows).select(*order, "compression_ratio")


def expected_apen(cells_m: np.ndarray, cells_longer: np.ndarray, n: int, m: int) -> float:
    """What ApEn(m, 0) of n events is on average, finite-sample bias included, in nats per event.

    Counts of m-grams are taken as Poisson with means (n − m + 1)·p, so the only approximation is that
    overlapping windows are treated as independent draws.

    Args:
        cells_m, cells_longer: all m-grams and all (m + 1)-grams as (probability, multiplicity), shape ``(cells, 2)``.
    """
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
    """
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


def catalogue_study(
    catalogues: list[int],
    orders: list[int],
    tolerance: float = 0.05,
    sample_up_to: int = 2_000_000,
    seed: int = 0,
) -> pl.DataFrame:
    """How many events ApEn needs, by catalogue size: independent uniform items, and eight successors an item.

    Returns:
        One row a catalogue, source and m: ``items, source, m, entropy_rate, usable_n``, and ``sampled_share``, the
        ApEn of one sampled sequence of that length over the entropy rate (null if longer than `sample_up_to`).
    """
    rows = []
    for items in catalogues:
        for source, branching in (("independent", items), ("eight successors", 8)):
            for m in orders:
                n = usable_length(items, branching, m, tolerance)
                rate = float(np.log(branching))
                share = None
                if n <= sample_up_to:
                    path = sample_regular(items, branching, n, np.random.default_rng([seed, items, m]))
                    share = apen(path, m) / rate
                row = {"items": items, "source": source, "m": m, "entropy_rate": rate, "usable_n": n}
                rows.append({**row, "sampled_share": share})
    return pl.DataFrame(rows, schema_overrides={"sampled_share": pl.Float64})
