"""Section 3.2.2: duplicates planted in histories, and which way ApEn and the entropies move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from srlaw import charts
from srlaw.datasets.synthetic import Population, population
from srlaw.entropy import apen_per_user, apen_pooled, compression_ratio, conditional_entropy, shannon
from srlaw.errors import InputError
from srlaw.sequences import Sequences

Planter = Callable[[Sequences, float, np.random.Generator], Sequences]


def repeat_items(sequences: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """Each event becomes, with probability `share`, a copy of a random earlier event of its history."""
    position, start = _positions(sequences)
    earlier = start + (rng.random(sequences.tokens) * position).astype(np.int64)
    planted = (rng.random(sequences.tokens) < share) & (position > 0)
    return _with_items(sequences, np.where(planted, sequences.items[earlier], sequences.items))


def repeat_blocks(sequences: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """The last `share` of each history is overwritten with its beginning, again and again if need be, in order."""
    position, start = _positions(sequences)
    kept = np.maximum(1, np.rint((1 - share) * sequences.lengths)).astype(np.int64)
    return _with_items(sequences, sequences.items[start + position % np.repeat(kept, sequences.lengths)])


def repeat_histories(sequences: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """Copies of random users are added until a `share`, at most one half, of all users are copies."""
    copies = rng.choice(sequences.n_users, round(share / (1 - share) * sequences.n_users), replace=False)
    users = np.concatenate([np.arange(sequences.n_users), np.sort(copies)])
    lengths = sequences.lengths[users]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    index = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - sequences.offsets[users], lengths)
    return Sequences(sequences.items[index], offsets, sequences.catalogue, name=sequences.name)


def sharpen_popularity(sequences: Sequences, share: float, rng: np.random.Generator) -> Sequences:
    """Events become, with probability `share`, an item drawn by its squared popularity.

    An event that is no repeat only becomes an item that its user does not have: histories without repeats stay so,
    and what changes is how often items occur in all.
    """
    weight = np.bincount(sequences.items, minlength=sequences.n_items).astype(float) ** 2
    drawn = rng.choice(sequences.n_items, sequences.tokens, p=weight / weight.sum())
    pairs, inverse, counts = np.unique(_pairs(sequences), return_inverse=True, return_counts=True)
    wanted = _pairs(sequences) - sequences.items + drawn
    chosen = rng.random(sequences.tokens) < share
    repeat = chosen & (counts[inverse] > 1)
    new = np.flatnonzero(chosen & ~repeat & ~np.isin(wanted, pairs))
    _, first = np.unique(wanted[new], return_index=True)
    planted = repeat
    planted[new[first]] = True
    return _with_items(sequences, np.where(planted, drawn, sequences.items))


PLANTERS: dict[str, Planter] = {
    "items again": repeat_items,
    "blocks again": repeat_blocks,
    "histories again": repeat_histories,
    "sharper popularity": sharpen_popularity,
}
WITHIN = ("items again", "blocks again")  # the kinds that repeat something inside a history
MOST = {"histories again": 0.5}  # the greatest share that a kind can take: each user is copied once at most


def _positions(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """For each event, its place in its history from 0, and where that history starts; both ``(tokens,)``."""
    start = np.repeat(sequences.offsets[:-1], sequences.lengths)
    return np.arange(sequences.tokens) - start, start


def _pairs(sequences: Sequences) -> np.ndarray:
    """User and item of each event in one number, int64, ``(tokens,)``."""
    user = np.repeat(np.arange(sequences.n_users, dtype=np.int64), sequences.lengths)
    return user * sequences.n_items + sequences.items


def _with_items(sequences: Sequences, items: np.ndarray) -> Sequences:
    return replace(sequences, items=items, ratings=None, timestamps=None)


def measures(sequences: Sequences, m: int = 2) -> dict[str, float]:
    """What each measure says of a population, in nats per event, and two rates of duplication.

    Returns:
        ``repeats``, the share of events whose item stands earlier in the same history; ``apen`` (the paper's, mean of
        |ApEn(m, 0)| over users) and ``apen_signed`` (without the bars); ``shannon_user`` (mean over users, order
        ignored); pooled over users: ``apen_pooled``, ``conditional`` (given one event, Grassberger-corrected) and
        ``shannon``. `entropy_rate` is left out: copies mislead its choice of the order.
    """
    values = apen_per_user(sequences, m)
    values = values[~np.isnan(values)]
    pairs, counts = np.unique(_pairs(sequences), return_counts=True)
    owner = pairs // sequences.n_items
    own = np.log(sequences.lengths) - np.bincount(owner, counts * np.log(counts)) / sequences.lengths
    return {
        "repeats": 1 - len(pairs) / sequences.tokens,
        "apen": float(np.abs(values).mean()),
        "apen_signed": float(values.mean()),
        "shannon_user": float(own.mean()),
        "apen_pooled": apen_pooled(sequences, m),
        "conditional": conditional_entropy(sequences, 1, "grassberger"),
        "shannon": shannon(sequences, "grassberger"),
    }


def duplication(sequences: Sequences, shares: Sequence[float], seed: int = 0, m: int = 2) -> pl.DataFrame:
    """`measures` as each kind of duplicate in `PLANTERS` takes a growing share: ``kind, share`` and the measures.

    Args:
        sequences: histories of at least one event each.
        shares: those beyond what a kind can take (`MOST`) are left out for that kind.

    Raises:
        InputError: if nobody has more than m events.
    """
    if not (sequences.lengths > m).any():
        raise InputError(
            f"{sequences.name} has no user with more than {m} events, so ApEn is not defined for any; "
            "give a log with longer histories"
        )
    rows = []
    for kind, plant in PLANTERS.items():
        for share in (s for s in shares if s <= MOST.get(kind, 1.0)):
            planted = plant(sequences, share, np.random.default_rng([seed, round(1000 * share)]))
            rows.append({"kind": kind, "share": share} | measures(planted, m))
    return pl.DataFrame(rows)


def long_histories(items: int, n: int, users: int = 4, seed: int = 0) -> Sequences:
    """A few histories of n events over few items, from one chain: long enough for ApEn to be near its limit."""
    chains = population(seed, users=users, items=items, branching=max(2, items // 5)).chains
    return Population(chains, np.full(users, n), seed).sample()


def block_compression(sequences: Sequences, shares: Sequence[float], m: int = 2) -> pl.DataFrame:
    """Blocks copied exactly, seen by ApEn and by a compressor: ``share, apen, bytes`` (zlib, per event), user means."""
    rows = []
    for share in shares:
        planted = repeat_blocks(sequences, share, np.random.default_rng(0))
        packed = np.mean([compression_ratio(planted[user]) for user in range(planted.n_users)])
        rows.append({"share": share, "apen": float(np.abs(apen_per_user(planted, m)).mean()), "bytes": float(packed)})
    return pl.DataFrame(rows)


def directions(table: pl.DataFrame, columns: Sequence[str], tolerance: float = 0.05) -> pl.DataFrame:
    """Which way each measure went over all shares planted, in the order of the shares.

    Returns:
        ``kind, measure, share`` (the greatest), ``before, after`` (at the least and the greatest share), ``change``
        (after over before), ``lowest, highest`` (the same for the least and the greatest value on the way), and
        ``way``: "rises" if the measure somewhere rises, "falls" if it somewhere falls, each from any share to any
        greater one and by more than `tolerance` of `before`, "both" or "stays".
    """
    rows = []
    for (kind,), part in table.sort("share").group_by("kind", maintain_order=True):
        for measure in columns:
            values = part[measure].to_numpy()
            size = abs(values[0])
            up = (values - np.minimum.accumulate(values)).max() > tolerance * size
            down = (np.maximum.accumulate(values) - values).max() > tolerance * size
            way = "both" if up and down else "rises" if up else "falls" if down else "stays"
            relative = (values - values[0]) / size
            ends = (values[0], values[-1], relative[-1], relative.min(), relative.max())
            rows.append((kind, measure, part["share"][-1], *map(float, ends), way))
    names = ["kind", "measure", "share", "before", "after", "change", "lowest", "highest", "way"]
    return pl.DataFrame(rows, schema=names, orient="row")


def natural_repeats(sequences: Sequences, m: int = 2) -> dict[str, str | int | float | None]:
    """Over the users of a log, the rank correlation of their own share of repeats with their own measures.

    Short histories have a large |ApEn(m, 0)| and few repeats for want of room, so each correlation comes twice: over
    all users, and among users of equal length (``_alike``), whose ranks are taken, and centred, length by length.

    Returns:
        ``log, users`` (with more than m events), ``repeating`` (those of them with a repeat), ``repeats`` (their mean
        share of events that repeat an earlier one), and Spearman's coefficient with that share of ``apen`` (the
        absolute value), ``apen_signed`` and ``shannon_user``, each also with ``_alike``. None where one side is
        constant, or there is no user.
    """
    users = _each_user(sequences, m).filter(pl.col("apen_signed").is_not_nan())
    repeating = users.filter(pl.col("repeats") > 0)
    row: dict[str, str | int | float | None] = {"log": sequences.name, "users": len(users), "repeating": len(repeating)}
    row["repeats"] = float(users["repeats"].to_numpy().mean()) if len(users) else None
    for measure in ("apen", "apen_signed", "shannon_user"):
        row[measure] = _rank_correlation(users, measure, pl.lit(0))
        row[f"{measure}_alike"] = _rank_correlation(users, measure, pl.col("length"))
    return row


def in_words(row: Mapping[str, Any]) -> str:
    """What `natural_repeats` found in one log, in sentences of Markdown.

    A correlation counts as none within two of its standard errors without any, 1/√(users − 1).
    """
    log, users = charts.literal(row["log"]), row["users"]
    if not row["repeating"]:
        return f"No user of {log} repeats an item, so these users cannot say how ApEn answers to repeats."
    said = (
        f"In {log}, {row['repeating']:,} of {users:,} users with more than two events repeat an item. The mean "
        f"share of repeats is {row['repeats']:.0%}."
    )
    for measure, name in (("apen", "|ApEn|"), ("apen_signed", "signed ApEn"), ("shannon_user", "Shannon entropy")):
        all_users, alike = row[measure], row[f"{measure}_alike"]
        if all_users is None:
            said += f" The {name} of all users is the same."
            continue
        clear = abs(all_users) > 2 / math.sqrt(max(users - 1, 1))
        which = ("the greater" if all_users > 0 else "the lower") if clear else "neither a greater nor a lower"
        among = "" if alike is None else f"; among users of equal length {alike:+.2f}"
        said += f" Users who repeat more have {which} {name} (correlation {all_users:+.2f}{among})."
    return said


def _each_user(sequences: Sequences, m: int) -> pl.DataFrame:
    """One row a user: ``length, repeats`` (share of events), ``apen, apen_signed, shannon_user`` (nats per event)."""
    pairs, counts = np.unique(_pairs(sequences), return_counts=True)
    owner = pairs // sequences.n_items
    length = sequences.lengths
    signed = apen_per_user(sequences, m)
    columns = {
        "length": length,
        "repeats": 1 - np.bincount(owner, minlength=sequences.n_users) / length,
        "apen": np.abs(signed),
        "apen_signed": signed,
        "shannon_user": np.log(length) - np.bincount(owner, counts * np.log(counts), sequences.n_users) / length,
    }
    # equal histories must have equal ranks, whatever the order of the sums
    return pl.DataFrame(columns).with_columns(pl.selectors.float().round(12))


def _rank_correlation(users: pl.DataFrame, measure: str, group: pl.Expr) -> float | None:
    """Pearson correlation of the ranks of `measure` and of the share of repeats, each centred in its group."""
    ranks = users.select(
        (pl.col(c).rank() - pl.col(c).rank().mean()).over(group).alias(c) for c in ("repeats", measure)
    )
    x, y = (ranks[c].to_numpy() for c in ("repeats", measure))
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size else None


def planted_correlations(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Spearman's correlation of each reading of ApEn with the share of repeats planted within histories.

    Args:
        tables: name → `duplication` of a body of data.

    Returns:
        ``data, kind`` (of `WITHIN`), ``measure, spearman``.
    """
    rows = []
    for name, table in tables.items():
        for kind in WITHIN:
            part = table.filter(pl.col("kind") == kind)
            for measure in ("apen", "apen_signed", "apen_pooled"):
                rank = part.select(pl.corr("share", measure, method="spearman")).item()
                rows.append((name, kind, measure, float(rank)))
    return pl.DataFrame(rows, schema=["data", "kind", "measure", "spearman"], orient="row")
