"""The successor's data quality: the Lempel–Ziv "real entropy" of all histories in a row, and what moves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from srlaw.chapters.duplication import MOST, PLANTERS
from srlaw.entropy import lempel_ziv, lempel_ziv_phrases
from srlaw.sequences import Sequences

AS_RECORDED = "as recorded"
SHUFFLED = ("order within each history shuffled", "all events shuffled")
COPIES = ("histories again", "blocks again")  # kinds of duplicate that add nothing new: what stands there is copied


def real_entropy(sequences: Sequences) -> dict[str, float]:
    """Of all events in a row, users one after the other: ``real_entropy`` as the authors' published code computes it,
    and ``substrings``, the same quotient with the longest earlier match; nats per event.
    """
    return {"real_entropy": lempel_ziv_phrases(sequences.items), "substrings": lempel_ziv(sequences.items)}


def consistency(alphabets: Sequence[int], lengths: Sequence[int], seed: int = 0) -> pl.DataFrame:
    """Both estimates on independent uniform symbols, whose entropy rate is the logarithm of their number.

    Returns:
        ``symbols, events, entropy, real_entropy, substrings``, nats per event.
    """
    rng, rows = np.random.default_rng(seed), []
    for symbols in alphabets:
        for events in lengths:
            x = rng.integers(0, symbols, events)
            found = {"real_entropy": lempel_ziv_phrases(x), "substrings": lempel_ziv(x)}
            rows.append({"symbols": symbols, "events": events, "entropy": float(np.log(symbols)), **found})
    return pl.DataFrame(rows)


def shuffled_within(sequences: Sequences, rng: np.random.Generator) -> Sequences:
    """Each history in a random order: who has which items stays, the order goes."""
    order = np.lexsort([rng.random(sequences.tokens), np.repeat(np.arange(sequences.n_users), sequences.lengths)])
    return _with_items(sequences, sequences.items[order])


def shuffled_all(sequences: Sequences, rng: np.random.Generator) -> Sequences:
    """All events in a random order: only how often each item occurs stays."""
    return _with_items(sequences, rng.permutation(sequences.items))


_SHUFFLES: dict[str, Callable[[Sequences, np.random.Generator], Sequences]] = dict(
    zip(SHUFFLED, (shuffled_within, shuffled_all), strict=True)
)


def moves(sequences: Sequences, shares: Sequence[float], seed: int = 0) -> pl.DataFrame:
    """`real_entropy` of the histories as recorded, shuffled, and with each kind of duplicate in chapter 3a's shares.

    Returns:
        ``kind, share, tokens`` and `real_entropy`; shares beyond what a kind can take are left out for it.
    """
    rows = [{"kind": AS_RECORDED, "share": 0.0, "tokens": sequences.tokens} | real_entropy(sequences)]
    for kind, shuffle in _SHUFFLES.items():
        new = shuffle(sequences, np.random.default_rng(seed))
        rows.append({"kind": kind, "share": 0.0, "tokens": new.tokens} | real_entropy(new))
    for kind, plant in PLANTERS.items():
        for share in (s for s in shares if 0 < s <= MOST.get(kind, 1.0)):
            new = plant(sequences, share, np.random.default_rng([seed, round(1000 * share)]))
            rows.append({"kind": kind, "share": share, "tokens": new.tokens} | real_entropy(new))
    return pl.DataFrame(rows)


def of_log(
    sequences: Sequences, s_max: Sequence[int | None], planted_at: int, shares: Sequence[float] = (0.1, 0.3, 0.5)
) -> pl.DataFrame:
    """`moves` at each s_max (None: whole histories), with duplicates planted at one of them: the table that is stored.

    Returns:
        ``s_max`` and the columns of `moves`.
    """
    parts = []
    for cut in s_max:
        part = sequences if cut is None else sequences.truncate(cut)
        found = moves(part, shares if cut == planted_at else [])
        parts.append(found.select(pl.lit(cut, pl.Int64).alias("s_max"), pl.all()))
    return pl.concat(parts)


def gain_per_event(table: pl.DataFrame) -> pl.DataFrame:
    """What the successor's data parameter, tokens/S_real, gives an event of each row of `moves`, as recorded = 1."""
    before = table.filter(pl.col("kind") == AS_RECORDED)["real_entropy"].item()
    return table.with_columns(gain=before / pl.col("real_entropy"))


def _with_items(sequences: Sequences, items: np.ndarray) -> Sequences:
    return replace(sequences, items=items, ratings=None, timestamps=None)
