"""The rows that `srlaw stats` and `srlaw entropy` print and the notebooks show: one dict a data set or sequence."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from srlaw.entropy.apen import apen, apen_per_user, apen_pooled, apen_without_repeats, check, mean_apen
from srlaw.entropy.block import conditional_entropy, entropy_of_counts, entropy_rate
from srlaw.entropy.coding import compression_ratio, lempel_ziv, lempel_ziv_phrases
from srlaw.entropy.ngrams import as_source, ngram_counts, relabel
from srlaw.errors import InputError
from srlaw.sequences import Sequences, check_s_max

LONGEST_FOR_LEMPEL_ZIV = 50_000_000  # its suffix automaton takes about 110 bytes an event
LONGEST_FOR_PHRASES = 1_000_000  # the authors' dictionary of phrases takes seconds, and kilobytes a phrase


def describe(sequences: Sequences, s_max: int | None = None, m: int = 2, r: float = 0.0) -> dict:
    """The data columns of Tables 1 and 2 for histories truncated to `s_max`, with corrected entropies. Nats.

    Returns:
        ``dataset, s_max, users, items, tokens, mean_length``; ``apen`` (the paper's: mean of |ApEn(m, r)| over
        the users with more than m events, ``users_with_apen`` of them), ``tokens_over_apen``, ``apen_pooled``;
        ``entropy_rate`` with its ``entropy_rate_order`` and ``coverage`` (see `entropy_rate`). NaN where undefined.
    """
    cut = sequences.truncate(s_max)
    values = np.abs(apen_per_user(cut, m, r))
    values = values[~np.isnan(values)]
    mean = float(values.mean()) if len(values) else math.nan
    rate = entropy_rate(cut)
    return {
        "dataset": sequences.name,
        "s_max": s_max,
        **cut.summary(),
        "apen": mean,
        "tokens_over_apen": cut.tokens / mean if mean else math.nan,
        "apen_pooled": apen_pooled(cut, m),
        "entropy_rate": rate.value,
        "entropy_rate_order": rate.order,
        "coverage": rate.coverage,
        "users_with_apen": len(values),
    }


def describe_sequence(x: np.ndarray, m: int = 2, r: float = 0.0) -> dict:
    """All measures of one sequence, in nats per event where they are entropies.

    Returns:
        ``n, alphabet, apen, shannon, conditional`` (given m events, plug-in), ``conditional_corrected``
        (Grassberger), ``lempel_ziv``, ``lempel_ziv_phrases`` (as the authors compute it), ``compression_ratio``; NaN
        where undefined, with the reasons in ``notes``.

    Raises:
        InputError: if the sequence is empty, or as `apen`.
    """
    codes = relabel(x)
    n = len(codes)
    if not n:
        raise InputError("the sequence is empty; give at least one number")
    counts = ngram_counts(*as_source(codes), 1, 0)
    notes = []
    if n <= m:
        notes.append(f"apen and conditional are undefined: n = {n}, and m = {m} needs at least {m + 1} events")
    if n < 2:
        notes.append("lempel_ziv and lempel_ziv_phrases are undefined for a single event")
    if n > LONGEST_FOR_LEMPEL_ZIV:
        notes.append(f"lempel_ziv is left out above {LONGEST_FOR_LEMPEL_ZIV:,} events, where it needs over 5 GB")
    if n > LONGEST_FOR_PHRASES:
        notes.append(f"lempel_ziv_phrases is left out above {LONGEST_FOR_PHRASES:,} events")
    return {
        "n": n,
        "alphabet": len(counts),
        "apen": apen(x, m, r),
        "shannon": entropy_of_counts(counts),
        "conditional": conditional_entropy(codes, m),
        "conditional_corrected": conditional_entropy(codes, m, "grassberger"),
        "lempel_ziv": math.nan if n > LONGEST_FOR_LEMPEL_ZIV else lempel_ziv(codes),
        "lempel_ziv_phrases": math.nan if n > LONGEST_FOR_PHRASES else lempel_ziv_phrases(codes),
        "compression_ratio": compression_ratio(codes),
        "notes": notes,
    }


def shuffle_test(populations: dict[str, Sequences], m: int = 2, seed: int = 0) -> pl.DataFrame:
    """Which measures see the order of events: before and after each user's events are put in random order.

    Returns:
        One row a population: ``histories, apen, apen_shuffled`` (mean |ApEn| over users), ``conditional,
        conditional_shuffled`` (Grassberger-corrected entropy given one event, pooled). Nats per event.
    """
    rows = []
    for name, sequences in populations.items():
        row: dict[str, str | float] = {"histories": name}
        shuffled = sequences.shuffled(np.random.default_rng(seed))
        for suffix, part in (("", sequences), ("_shuffled", shuffled)):
            row[f"apen{suffix}"] = mean_apen(part, m)
            row[f"conditional{suffix}"] = conditional_entropy(part, 1, "grassberger")
        rows.append(row)
    return pl.DataFrame(rows).select("histories", "apen", "apen_shuffled", "conditional", "conditional_shuffled")


def length_histogram(sequences: Sequences) -> pl.DataFrame:
    """Users by history length: columns ``length, users, users_with_repeats``, by ascending length.

    From it, tokens and mean length follow exactly at every s_max, and so does the paper's ApEn as long as no
    user has repeats.
    """
    keys = np.repeat(np.arange(sequences.n_users), sequences.lengths) * np.int64(sequences.n_items) + sequences.items
    distinct = np.bincount(np.unique(keys) // max(sequences.n_items, 1), minlength=sequences.n_users)
    frame = pl.DataFrame({"length": sequences.lengths, "repeats": distinct < sequences.lengths})
    by_length = frame.group_by("length").agg(
        pl.len().alias("users").cast(pl.Int64),
        pl.col("repeats").sum().alias("users_with_repeats").cast(pl.Int64),
    )
    return by_length.sort("length")


def describe_lengths(histogram: pl.DataFrame, s_max: int | None = None, m: int = 2) -> dict:
    """What follows from history lengths alone: ``s_max, users, tokens, mean_length, apen, tokens_over_apen``.

    Args:
        histogram: as `length_histogram` gives it.

    Returns:
        ``apen`` is NaN if any user has repeats, since it then depends on more than the lengths.

    Raises:
        InputError: if s_max or m is not a whole number of at least 1.
    """
    check(m)
    if s_max is not None:
        check_s_max(s_max)
    length = histogram["length"].to_numpy()
    users = histogram["users"].to_numpy()
    length = length if s_max is None else np.minimum(length, s_max)
    tokens = int(users @ length)
    long = length > m
    exact = not histogram["users_with_repeats"].sum() and long.any()
    mean = float(np.average(-apen_without_repeats(length[long], m), weights=users[long])) if exact else math.nan
    return {
        "s_max": s_max,
        "users": int(users.sum()),
        "tokens": tokens,
        "mean_length": tokens / int(users.sum()),
        "apen": mean,
        "tokens_over_apen": tokens / mean,
    }
