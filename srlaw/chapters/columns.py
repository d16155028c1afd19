"""The data columns of Tables 1 and 2 against each other: what the printed ApEn and tokens allow and do not."""

from __future__ import annotations

import numpy as np
import polars as pl

from srlaw import paper, stored
from srlaw.entropy import apen_without_repeats
from srlaw.entropy.report import describe_lengths, length_histogram
from srlaw.sequences import Sequences

AMAZON = {"beauty": "Amazon Beauty", "toys-games": "Amazon Toys and Games"}
"""Logs of the same shop without repeats whose lengths are stored: name in `stored.lengths` → title."""


def implied_apen(digits: int = 3) -> pl.DataFrame:
    """The ApEn behind each tokens/ApEn of Table 2, beside the printed one.

    Returns:
        ``dataset, s_max, printed, implied`` (tokens over tokens/ApEn, nats) and ``agrees``, whether the implied value,
        rounded or cut to `digits` decimals, is the printed one.
    """
    unit = 10.0**-digits
    implied = pl.col("tokens") / pl.col("tokens_over_apen")
    rows = paper.table(2).select("dataset", "s_max", printed="apen", implied=implied)
    nearest, cut = (pl.col("implied") / unit).round(), (pl.col("implied") / unit + 1e-6).floor()
    wanted = (pl.col("printed") / unit).round()
    return rows.with_columns(agrees=(nearest == wanted) | (cut == wanted))


def length_needed(apen: float, m: int = 2) -> float:
    """The length n of a history without repeats whose |ApEn(m, 0)| = ln((n − m + 1)/(n − m)) is `apen` (nats)."""
    return m + 1 / np.expm1(apen)


def without_repeats(dataset: str = "amazon-books", m: int = 2) -> pl.DataFrame:
    """The printed ApEn of a data set in Table 2 against what histories without repeats can have.

    |ApEn(m, 0)| of such a history, ln((n − m + 1)/(n − m)), falls with its length n and is convex in it: no history
    of at most s_max events has less than at s_max, and no average over users is below the value at their mean length.

    Returns:
        One row an s_max: ``s_max, mean_length, printed``; ``full``, the value at n = s_max, and ``least``, that at the
        mean length, the least mean over users (nats); ``factor``, least over printed; ``needed``, the length that
        every history would have; and ``repeating``, the least share of users with a repeat: all users without one
        have s_max events there, and all with one an ApEn of 0.
    """
    n, cut, printed = pl.col("mean_length"), pl.col("s_max"), pl.col("apen")
    value = [((x - m + 1) / (x - m)).log() for x in (cut, n)]
    rows = paper.table(2).filter(pl.col("dataset") == dataset).sort("s_max")
    rows = rows.select("s_max", "mean_length", printed=printed, full=value[0], least=value[1])
    return rows.with_columns(
        factor=pl.col("least") / pl.col("printed"),
        needed=pl.lit(m) + 1 / (pl.col("printed").exp() - 1),
        repeating=(1 - pl.col("printed") / pl.col("full")).clip(0, 1),
    )


def like_amazon(cuts: tuple[int, ...] = (25, 50)) -> pl.DataFrame:
    """Logs of the same shop without any repeat, from their stored lengths, and other readings of their ApEn.

    Returns:
        ``log, s_max, mean_length, apen`` (the paper's, m = 2), ``m_1`` and ``m_3`` (the same with another m) and
        ``padded`` (`padded_apen`, mean over users); nats.
    """
    rows = []
    for name, title in AMAZON.items():
        histogram = stored.lengths(name)
        for cut in cuts:
            found = describe_lengths(histogram, cut)
            row = {"log": title, "s_max": cut, "mean_length": found["mean_length"], "apen": found["apen"]}
            other = {f"m_{m}": describe_lengths(histogram, cut, m)["apen"] for m in (1, 3)}
            padded = np.abs(padded_apen(np.minimum(histogram["length"].to_numpy(), cut), cut))
            row["padded"] = float(np.average(padded, weights=histogram["users"].to_numpy()))
            rows.append(row | other)
    return pl.DataFrame(rows).select("log", "s_max", "mean_length", "apen", "m_1", "m_3", "padded")


def padded_apen(n: np.ndarray, s_max: int, m: int = 2) -> np.ndarray:
    """ApEn(m, 0) of histories of n different events, filled up to s_max with one more symbol at their beginning.

    Of the s_max − k + 1 windows of k events those of padding alone match each other, every other one only itself.
    """
    n = np.asarray(n)

    def phi(k: int) -> np.ndarray:
        windows = s_max - k + 1
        alike = np.maximum(0, s_max - n - k + 1)
        return (alike * np.log(np.maximum(alike, 1)) - windows * np.log(windows)) / windows

    return phi(m) - phi(m + 1)


def mean_of_each_user(histogram: pl.DataFrame, s_max: int, m: int = 2) -> float:
    """The ApEn of `describe_lengths` by another route: one sum over users, from `apen_without_repeats` of each."""
    lengths = np.repeat(histogram["length"].to_numpy(), histogram["users"].to_numpy())
    return float(np.abs(apen_without_repeats(np.minimum(lengths, s_max), m)).mean())


def smallest() -> pl.DataFrame:
    """Which data set is the smallest, by three measures of Table 2, as printed and with the tokens put right.

    Returns:
        ``measure, printed, right``: the data set with the least value of ``tokens``, of ``users`` (tokens over mean
        length) and of ``tokens_over_apen``, each at its smallest s_max.
    """
    measures = {
        "tokens": pl.col("tokens"),
        "users": pl.col("tokens") / pl.col("mean_length"),
        "tokens_over_apen": pl.col("tokens_over_apen"),
    }
    tables = {"printed": paper.table(2), "right": paper.table(2, corrected=True)}
    return pl.DataFrame(
        [
            {"measure": name, **{key: t.sort(by)["dataset"][0] for key, t in tables.items()}}
            for name, by in measures.items()
        ]
    )


def repeats_in_words(sequences: Sequences, shuffled: pl.DataFrame, m: int = 2) -> str:
    """How much of a log's ApEn is a matter of length, in sentences.

    Args:
        shuffled: `srlaw.entropy.report.shuffle_test` of the histories as they are and without repeats, in this order.
    """
    histogram = length_histogram(sequences)
    users, repeating = (int(histogram[name].to_numpy().sum()) for name in ("users", "users_with_repeats"))
    whole, distinct = shuffled.to_dicts()
    said = f"Of the {users:,} users, {users - repeating:,} have no repeated item"
    if np.isnan(whole["apen"]):
        return f"{said}. No user has more than {m} events, so ApEn is not defined for any."
    said += ", and the ApEn of each of them is a function of length alone."
    parts = [(whole, "With histories as they are"), (distinct, "Without repeats")][: 2 if repeating else 1]
    for row, name in parts:
        if not np.isnan(row["apen"]):
            said += (
                f" {name}, ApEn is {row['apen']:.4f} nats, and {row['apen_shuffled']:.4f} in random order; the "
                f"corrected entropy given one event is {row['conditional']:.3f}, and "
                f"{row['conditional_shuffled']:.3f} in random order."
            )
    return said
