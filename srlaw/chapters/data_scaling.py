"""How loss and ranking follow the amount of data, and which measure of it they follow: sweep C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from srlaw import stored
from srlaw.chapters.loss_scaling import spearman
from srlaw.datasets import load
from srlaw.entropy import apen_pooled, conditional_entropy, lempel_ziv_phrases, mean_apen
from srlaw.files import repository
from srlaw.runs import finished_rows
from srlaw.sequences import Sequences, split

ROWS = "data-*.csv"
MEASURES = {
    "tokens": "tokens",
    "tokens_over_apen": "tokens / ApEn",
    "tokens_over_real_entropy": "tokens / real entropy",
    "tokens_over_entropy": "tokens / conditional entropy, bias-corrected",
    "shuffle_loss": "what a shuffle of every history costs (nats)",
}
OUTCOMES = {"loss": "test loss", "hr10": "HR@10", "ndcg10": "NDCG@10"}
NAMES = {
    "ml-1m": "MovieLens-1M",
    "ml-100k": "MovieLens-100K",
    "kuairand-kcore15": "KuaiRand",
    "lastfm": "Last.fm",
    "beauty": "Amazon Beauty",
    "toys-games": "Amazon Toys",
    "yelp": "Yelp",
    "wikipedia-edits": "Wikipedia edits",
}
PLANTED = "population-"  # how the names of the logs begin that populations.py writes
TWICE = "-twice"  # how those with planted duplicates end
LEAST_LOGS = 5  # data sets that a correlation between them takes
CELL = ("dataset", "s_max", "fraction")


def measures(sequences: Sequences, s_max: int, fraction: float = 1.0, seed: int = 0) -> dict[str, float]:
    """What the training histories of a share of the users hold: counts, and four entropies in nats per event.

    Returns:
        ``users, tokens, apen`` (mean of the users', as the paper has it), ``apen_pooled, real_entropy`` (the
        successor's, all histories in a row), ``entropy`` (of an event given the one before, Grassberger's
        correction) and ``shuffle_loss``: how much higher that is once every history is shuffled.
    """
    train = split(sequences, s_max, fraction).train
    known = conditional_entropy(train, 1, "grassberger")
    blind = conditional_entropy(train.shuffled(np.random.default_rng(seed)), 1, "grassberger")
    return {
        "users": train.n_users,
        "tokens": train.tokens,
        "apen": mean_apen(train),
        "apen_pooled": apen_pooled(train),
        "real_entropy": lempel_ziv_phrases(train.items),
        "entropy": known,
        "shuffle_loss": blind - known,
    }


def measures_of(spec_path: str | Path) -> pl.DataFrame:
    """`measures` of the log of a specification of sweep C at each of its s_max and shares: what is stored.

    Args:
        spec_path: the log lies where this is started, as for ``srlaw sweep``.
    """
    from srlaw.sweep.spec import READING, read_spec  # imports torch

    spec = read_spec(spec_path)
    log = load(spec["dataset"], spec.get("path"), **{key: spec[key] for key in READING if key in spec})
    cells = [(s_max, float(share)) for s_max in spec["s_max"] for share in spec["fractions"]]
    return pl.DataFrame([dict(zip(CELL, (log.name, *cell), strict=True)) | measures(log, *cell) for cell in cells])


def rows(folder: str | Path | None = None) -> pl.DataFrame:
    """The finished runs of every table of sweep C, with the measures of their training data that are stored.

    Returns:
        the columns of a row of a sweep, those of `measures`, and ``tokens_over_…``; a run whose data has no stored
        measures is left out.
    """
    place = repository() / "data" / "sweeps" if folder is None else Path(folder)
    parts = [pl.DataFrame(finished_rows(path)[0]) for path in sorted(place.glob(ROWS)) if "-curves" not in path.name]
    table = pl.concat(parts, how="diagonal_relaxed").join(stored.data_measures(), on=list(CELL), how="inner")
    over = {"apen": "apen", "real_entropy": "real_entropy", "entropy": "entropy"}
    return table.with_columns(
        **{f"tokens_over_{name}": pl.col("tokens") / pl.col(column).abs() for name, column in over.items()}
    ).sort(*CELL, "seed")


def cells(table: pl.DataFrame) -> pl.DataFrame:
    """Means over the seeds of a data set, s_max and share: `MEASURES`, `OUTCOMES`, their ``…_sd`` and ``runs``."""
    return (
        table.group_by(*CELL, maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in (*MEASURES, "users")),
            *(pl.col(name).mean() for name in OUTCOMES),
            *(pl.col(name).std().alias(f"{name}_sd") for name in OUTCOMES),
            runs=pl.len(),
        )
        .sort(*CELL)
    )


def steps(points: pl.DataFrame) -> pl.DataFrame:
    """From each share of the users to the next larger: ``dataset, s_max, before, after`` and each outcome's change."""
    out = []
    for key, part in points.sort("fraction").group_by("dataset", "s_max", maintain_order=True):
        shares = part["fraction"].to_list()
        for i in range(len(shares) - 1):
            change = [part[name][i + 1] - part[name][i] for name in OUTCOMES]
            out.append((*key, shares[i], shares[i + 1], *change))
    return pl.DataFrame(out, ["dataset", "s_max", "before", "after", *OUTCOMES], orient="row")


def explained(points: pl.DataFrame) -> pl.DataFrame:
    """How much of each outcome each measure explains, within data sets and between them.

    Within: one slope for all on the logarithm of the measure (on a shuffle's cost itself, which can be negative), a
    level for each data set and s_max; the share of the variance around those levels. Between: Spearman correlation
    over data sets at all users, for each s_max, averaged.

    Returns:
        ``measure, outcome, within, slope`` (per factor e), ``between`` (null with fewer than `LEAST_LOGS`),
        ``data_sets``.
    """
    out = []
    groups = points.select(pl.struct("dataset", "s_max").rank("dense"))[:, 0].to_numpy()
    whole = points.filter(pl.col("fraction") == 1)
    for measure in MEASURES:
        amount = points[measure].to_numpy()
        x = _centred(amount if measure == "shuffle_loss" else np.log(amount), groups)
        for outcome in OUTCOMES:
            y = _centred(points[outcome].to_numpy(), groups)
            slope = float(x @ y / (x @ x))
            within = float(1 - ((y - slope * x) ** 2).sum() / (y**2).sum())
            ranks = [
                spearman(part[measure].to_numpy(), part[outcome].to_numpy())
                for _, part in whole.group_by("s_max") if part.height >= LEAST_LOGS
            ]  # fmt: skip
            between = float(np.mean(ranks)) if ranks else None
            out.append((measure, outcome, within, slope, between, whole["dataset"].n_unique()))
    return pl.DataFrame(out, ["measure", "outcome", "within", "slope", "between", "data_sets"], orient="row")


def made_up(table: pl.DataFrame) -> str:
    """A caution where several logs of `rows` are the populations: what a correlation over them can show."""
    names = table["dataset"].unique()
    real = int((~names.str.starts_with(PLANTED)).sum())
    planted = len(names) - real
    if planted < 2:
        return ""
    few = f", and the {real} real ones alone are too few for a correlation" if real < LEAST_LOGS else ""
    twice = names.str.ends_with(TWICE).any()
    how = "or in the duplicates planted in them" if twice else "alone"
    return (
        f"{planted} of the logs are made up and differ from one another in their entropy rate {how}, which every "
        f"measure with an entropy of the order finds{few}."
    )


def shown(measured: pl.DataFrame) -> pl.DataFrame:
    """`explained` to be read: a row a measure, a column an outcome, within logs and, if they are enough, between."""
    named = measured.with_columns(pl.col("measure").replace(MEASURES), pl.col("outcome").replace(OUTCOMES))
    parts = [named.pivot("outcome", index="measure", values="within")]
    if not measured["between"].null_count():
        between = named.pivot("outcome", index="measure", values="between").drop("measure")
        parts.append(between.rename(lambda name: f"{name}, between"))
    return pl.concat(parts, how="horizontal")


def _centred(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return values - np.array([values[groups == g].mean() for g in groups])
