"""Theorem 3.3 with real codes on its left side: Huffman's for whole histories, a range coder for long sequences."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import entr

from srlaw.chapters.theorems import (
    LN2,
    chain_entropies,
    code_bits,
    cycle_rows,
    epsilon_of,
    random_chains,
    sequence_probabilities,
)
from srlaw.entropy import apen, mean_apen
from srlaw.markov import MarkovChain, make_chain
from srlaw.sequences import Sequences


def huffman_bits(p: np.ndarray) -> float:
    """Expected length of Huffman's code, the shortest prefix code for outcomes of probabilities p, in bits."""
    heap = list(map(float, p))
    heapq.heapify(heap)
    total = 0.0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        heapq.heappush(heap, joined)
        total += joined  # every join is one more bit for all below it
    return total


def huffman_study(alphabets: Sequence[int], chains: int, most: int = 1024, seed: int = 0) -> pl.DataFrame:
    """L(C) itself for short users: Huffman's code of whole sequences, as long as there are at most `most` of them.

    Returns:
        ``items, n, h, start``; ``entropy``, Σ p log₂(1/p) over all sequences, and ``huffman``, both bits a user; and
        ``bound``, n/h.
    """
    rng = np.random.default_rng([seed, 34])
    parts = []
    for items in alphabets:
        transition = random_chains(items, chains, rng)
        h, start = chain_entropies(transition)
        for n in range(1, int(np.log(most) / np.log(items) + 1e-9) + 1):
            p = sequence_probabilities(transition, n)
            frame = {
                "h": h,
                "start": start,
                "entropy": entr(p).sum(1) / LN2,
                "huffman": [huffman_bits(row) for row in p],
            }
            parts.append(pl.DataFrame(frame).with_columns(items=pl.lit(items), n=pl.lit(n), bound=n / pl.col("h")))
    return pl.concat(parts)


def range_coded_bits(chain: MarkovChain, path: np.ndarray, rows: int = 2_000_000) -> int:
    """Bits that a range coder (constriction) takes for one path ``(n,)`` of a first-order chain.

    A whole number of 32-bit words, and decodable: `rows` limits how many probabilities are laid out at a time.
    """
    import constriction  # only these codes need it

    stream = constriction.stream  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without types
    model = stream.model.Categorical(perfect=False)
    coder = stream.queue.RangeEncoder()
    path = path.astype(np.int32)
    coder.encode(path[:1], model, chain.stationary[None].astype(np.float32))
    step = max(1, rows // chain.n_states)
    for i in range(1, len(path), step):
        after = path[i : i + step]
        coder.encode(after, model, chain.transition[path[i - 1 : i - 1 + len(after)]].astype(np.float32))
    return int(coder.num_bits())


def coded_loss(items: int = 10, n: int = 200_000, seed: int = 0) -> dict[str, float]:
    """The least cross-entropy on a nearly deterministic chain: ``rate``, its entropy rate, and ``coded``, what a range
    coder takes for n sampled events; nats per event."""
    chain = make_chain("nearly-deterministic", items, seed)
    (path,) = chain.sample(n, np.random.default_rng([seed, n]))
    return {"rate": chain.entropy_rate, "coded": range_coded_bits(chain, path) * LN2 / n}


def coding_study(items: int, rates: Sequence[float], n: int, seed: int = 0) -> pl.DataFrame:
    """One sampled sequence of `cycle_rows` per entropy rate, through the range coder. Bits per event.

    Returns:
        ``items, n, h`` (nats), ``entropy`` (`code_bits`), ``surprise`` (−log₂ of this sequence's probability),
        ``coded``; the bound of (12) by Lemma 3.1, ``bound``, and by ApEn(2, 0) of the sequence itself, ``bound_apen``.
    """
    rows = []
    for h in rates:
        chain = MarkovChain(cycle_rows(items, epsilon_of(items, h), np.arange(items)))
        (path,) = chain.sample(n, np.random.default_rng([seed, items, n]))
        likelihood = np.log(items) - np.log(chain.transition[path[:-1], path[1:]]).sum()
        bits = {"entropy": code_bits(h, np.log(items), n), "surprise": likelihood / LN2}
        bits |= {"coded": float(range_coded_bits(chain, path)), "bound": n / h, "bound_apen": n / apen(path)}
        rows.append({"items": items, "n": n, "h": h} | {name: float(value) / n for name, value in bits.items()})
    return pl.DataFrame(rows)


def short_users(items: Sequence[int], h: float, users: int, n: int, seed: int = 0) -> pl.DataFrame:
    """Users of n events of `cycle_rows` with entropy rate h (nats): (12) with ApEn as the paper measures it.

    Returns:
        ``items, h, apen`` (mean of |ApEn(2, 0)| over users), and in bits per event ``code`` (`code_bits`), ``bound``
        (1/h), ``bound_apen`` (1/apen) and ``fixed``, the log₂ A that suffices for any sequence.
    """
    rows = []
    for count in items:
        chain = MarkovChain(cycle_rows(count, epsilon_of(count, h), np.arange(count)))
        paths = chain.sample(n, np.random.default_rng([seed, count]), users)
        people = Sequences(paths.ravel(), np.arange(users + 1) * n, np.arange(count))
        found = mean_apen(people)
        row = {"items": count, "h": h, "apen": found, "code": float(code_bits(h, np.log(count), n)) / n}
        rows.append(row | {"bound": 1 / h, "bound_apen": 1 / found, "fixed": float(np.log2(count))})
    return pl.DataFrame(rows)
