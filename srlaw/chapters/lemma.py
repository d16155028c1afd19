"""Lemma 3.1 put to the test: ApEn of sampled chains beside what theory expects, and how long is long enough."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import entr

from srlaw.entropy import apen
from srlaw.entropy.expected import MAX_CELLS, binned, expected_apen, ngram_probabilities, usable_length
from srlaw.entropy.report import describe_sequence
from srlaw.markov import make_chain, sample_kind, sample_regular


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
        sizes = sorted(listed | {m + 1 for m in listed})
        ngrams = {} if chain is None else {k: ngram_probabilities(chain, k) for k in sizes}
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


def two_classes(items: int = 4, n: int = 5000, paths: int = 8, seed: int = 0) -> dict[str, float]:
    """A stationary first-order chain in which not every item can be reached: Eq. (8) beside ApEn(1, 0) of its paths.

    Half of the items follow each other independently and uniformly, the other half in a fixed cycle. Either half is
    closed, so a path stays where it starts, by the stationary distribution in each half with probability 1/2.

    Returns:
        ``formula``, the right side of (8); ``low``, ``high``, the least and greatest ApEn of `paths` sequences of n
        events, half of them from each class; and ``off``, how far the nearest of them is from (8); nats per event.
    """
    rng = np.random.default_rng([seed, n])
    uniform = [rng.integers(0, items, n) for _ in range(paths - paths // 2)]
    cycle = [items + (rng.integers(items) + np.arange(n)) % items for _ in range(paths // 2)]
    found = [apen(path, 1) for path in (*uniform, *cycle)]
    block = np.kron(np.array([[1, 0], [0, 0]]), np.full((items, items), 1 / items))
    transition = block + np.kron(np.array([[0, 0], [0, 1]]), np.roll(np.eye(items), 1, axis=1))
    pi = np.full(2 * items, 1 / (2 * items))
    formula = float((pi * entr(transition).sum(1)).sum())
    off = min(abs(value - formula) for value in found)
    return {"formula": formula, "low": min(found), "high": max(found), "off": off}
