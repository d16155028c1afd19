"""The data columns of Tables 1 and 2 against each other: what the printed ApEn and tokens allow, and what they do not."""

from __future__ import annotations

import numpy as np
import polars as pl

from srlaw import paper, stored
from srlaw.entropy import apen_without_repeats
from srlaw.entropy.report import describe_lengths

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
        every history would have; and ``repeating``, the least share of users with a repeat, if all others had s_max
        events and theirs an ApEn of 0.
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


def like_amazon(cuts: tuple[int, ...] = (25, 50), m: int = 2) -> pl.DataFrame:
    """Logs of the same shop without any repeat, from their stored lengths: ``log, s_max, mean_length, apen`` (nats)."""
    rows = []
    for name, title in AMAZON.items():
        for cut in cuts:
            found = describe_lengths(stored.lengths(name), cut, m)
            rows.append({"log": title, "s_max": cut, "mean_length": found["mean_length"], "apen": found["apen"]})
    return pl.DataFrame(rows)


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
            {"measure": name, **{key: t["dataset"][t.select(by).to_series().arg_min()] for key, t in tables.items()}}
            for name, by in measures.items()
        ]
    )
