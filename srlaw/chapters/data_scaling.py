"""How loss and ranking follow the amount of data, and which measure of it they follow: sweep C."""

from __future__ import annotations

from collections.abc import Mapping
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
    "shuffle_loss": "cost of a shuffle (nats)",
}
OUTCOMES = {"loss": "test loss", "least_valid_loss": "least validation loss", "hr10": "HR@10", "ndcg10": "NDCG@10"}
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
REAL = ~pl.col("dataset").str.starts_with(PLANTED)
TWICE = "-twice"  # how those with planted duplicates end
LEAST_LOGS = 5  # data sets that a correlation between them takes
EARLY = 2  # epochs: a run whose best ranking is among them has hardly trained
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
    over data sets at all users, for each s_max that has `LEAST_LOGS`, averaged.

    Returns:
        ``measure, outcome, within, slope`` (per factor e), ``between`` and ``between_real`` (without the populations),
        null with too few logs; ``data_sets, real_sets``, their numbers.
    """
    out = []
    groups = points.select(pl.struct("dataset", "s_max").rank("dense"))[:, 0].to_numpy()
    whole = points.filter(pl.col("fraction") == 1)
    real = whole.filter(REAL)
    sets = (whole["dataset"].n_unique(), real["dataset"].n_unique())
    for measure in MEASURES:
        amount = points[measure].to_numpy()
        x = _centred(amount if measure == "shuffle_loss" else np.log(amount), groups)
        for outcome in OUTCOMES:
            y = _centred(points[outcome].to_numpy(), groups)
            slope = float(x @ y / (x @ x))
            within = float(1 - ((y - slope * x) ** 2).sum() / (y**2).sum())
            between = (_between(part, measure, outcome) for part in (whole, real))
            out.append((measure, outcome, within, slope, *between, *sets))
    names = ["measure", "outcome", "within", "slope", "between", "between_real", "data_sets", "real_sets"]
    return pl.DataFrame(out, names, orient="row", infer_schema_length=None)


def _between(whole: pl.DataFrame, measure: str, outcome: str) -> float | None:
    """Spearman correlation over the logs of an s_max, averaged over each that has enough of them."""
    ranks = [
        spearman(part[measure].to_numpy(), part[outcome].to_numpy())
        for _, part in whole.group_by("s_max", maintain_order=True) if part.height >= LEAST_LOGS
    ]  # fmt: skip
    return float(np.mean(ranks)) if ranks else None


def early(table: pl.DataFrame) -> pl.DataFrame:
    """Runs of `rows` whose best ranking is among the first `EARLY` epochs, log by log, most of them first.

    Returns:
        ``dataset, runs, early`` (how many), and the least and greatest test loss and NDCG@10 of these and of the
        others: ``early_loss_low, early_loss_high, early_ndcg10_low, …, late_ndcg10_high``. A log that has none has no
        row.
    """
    first = pl.col("best_epoch") <= EARLY
    ends = [
        end(pl.col(name).filter(part)).alias(f"{when}_{name}_{which}")
        for when, part in (("early", first), ("late", ~first))
        for name in ("loss", "ndcg10")
        for which, end in (("low", pl.Expr.min), ("high", pl.Expr.max))
    ]
    found = table.group_by("dataset").agg(pl.len().alias("runs"), first.sum().alias("early"), *ends)
    return found.filter(pl.col("early") > 0).sort("early", "dataset", descending=[True, False])


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
    """The R² within logs of `explained`, to be read: a row a measure, a column an outcome."""
    return _named(measured).pivot("outcome", index="measure", values="within")


def shown_between(measured: pl.DataFrame) -> pl.DataFrame:
    """The correlations between logs of `explained`, to be read; no row for logs that are too few.

    Returns:
        ``measure, logs`` (which, and how many) and a column an outcome: a row for all logs, one for the real ones.
    """
    named, parts = _named(measured), []
    for values, number, said in (("between", "data_sets", "all {}"), ("between_real", "real_sets", "the {} real ones")):
        if not measured[values].null_count():
            part = named.pivot("outcome", index="measure", values=values)
            parts.append(part.insert_column(1, pl.lit(said.format(measured[number][0])).alias("logs")))
    titles = list(MEASURES.values())
    return pl.concat(parts).sort(pl.col("measure").replace_strict(titles, range(len(titles)))) if parts else named[:0]


def _named(measured: pl.DataFrame) -> pl.DataFrame:
    return measured.with_columns(pl.col("measure").replace(MEASURES), pl.col("outcome").replace(OUTCOMES))


def words(table: pl.DataFrame) -> str:
    """What the runs of `rows` say, in sentences: more users, what explains within logs, and what between them."""
    points = cells(table)
    measured = explained(points)
    return "\n\n".join((_grown(table, points), _within(table, measured), _compared(table, points, measured)))


def _grown(table: pl.DataFrame, points: pl.DataFrame) -> str:
    grown = steps(points)
    falls = {name: int((grown[name] < 0).sum()) for name in ("loss", "least_valid_loss")}
    return (
        f"**More data.** {len(table)} runs of {table['n_layers'][0]} blocks of width {table['d_emb'][0]} were made on "
        f"{table['dataset'].n_unique()} logs. A share of the users trains, and the same users of a log are tested "
        f"every time. With more users the test loss falls in {falls['loss']} of {len(grown)} steps, and the least "
        f"validation loss in {falls['least_valid_loss']}. NDCG@10 rises in {int((grown['ndcg10'] > 0).sum())}."
    )


def _within(table: pl.DataFrame, measured: pl.DataFrame) -> str:
    """What explains within logs, and why less of the test loss than of the validation loss."""
    said = []
    for outcome in ("least_valid_loss", "loss"):
        r2 = dict(measured.filter(outcome=outcome).select("measure", "within").iter_rows())
        said.append(
            f"For the {OUTCOMES[outcome]} R² is {r2['tokens']:.2f} for tokens, {r2['tokens_over_apen']:.2f} for tokens "
            f"/ ApEn, and at most {max(r2.values()):.2f} ({_strongest(r2)})."
        )
    return (
        "**Within a log** nearly all measures grow with the tokens, so they explain nearly the same. "
        f"{' '.join(said)} {_untrained(table)}No measure is preferred because of a small lead within logs."
    )


def _strongest(values: Mapping[str, float]) -> str:
    """The measures whose value is largest in size, to two digits."""
    size = {name: round(abs(x), 2) for name, x in values.items()}
    return " and ".join(MEASURES[name].removesuffix(" (nats)") for name in size if size[name] == max(size.values()))


def _untrained(table: pl.DataFrame) -> str:
    """The log with the most runs that are chosen at their first epochs, and the R² without it."""
    found = early(table)
    if found.is_empty():
        return ""
    row = found.row(0, named=True)
    log = NAMES.get(row["dataset"], row["dataset"])
    text = (
        f"The test loss is that of the epoch with the best ranking on validation. In {row['early']} of {row['runs']} "
        f"runs on {log} this is one of the first {EARLY} epochs. Their test loss is {row['early_loss_low']:.2f} to "
        f"{row['early_loss_high']:.2f}, with an NDCG@10 of {row['early_ndcg10_low']:.3f} to "
        f"{row['early_ndcg10_high']:.3f}. "
    )
    if row["early"] < row["runs"]:
        text += (
            f"In the other runs of this log it is {row['late_loss_low']:.2f} to {row['late_loss_high']:.2f}, with an "
            f"NDCG@10 of {row['late_ndcg10_low']:.3f} to {row['late_ndcg10_high']:.3f}. "
        )
    others = explained(cells(table.filter(pl.col("dataset") != row["dataset"]))).filter(measure="tokens")
    r2 = dict(others.select("outcome", "within").iter_rows())
    return (
        f"{text}So these losses are set by the epoch that was chosen. Without this log the R² for tokens is "
        f"{r2['loss']:.2f} for the test loss and {r2['least_valid_loss']:.2f} for the least validation loss. "
    )


def _compared(table: pl.DataFrame, points: pl.DataFrame, measured: pl.DataFrame) -> str:
    """What goes with the test loss between logs, all and real, and what such a correlation cannot show."""
    loss = measured.filter(outcome="loss")
    if loss["between"].null_count():
        few = f"{loss['data_sets'][0]} logs are too few to say anything about differences between logs."
        return f"**Between logs.** {few} A correlation would take {LEAST_LOGS}."
    said = []
    for column, which in (("between", "all logs"), ("between_real", f"the {loss['real_sets'][0]} real logs alone")):
        if not loss[column].null_count():
            found = dict(loss.select("measure", column).iter_rows())
            most = max(map(abs, found.values()))
            said.append(
                f"Over {which} the strongest rank correlation with the test loss is {most:.2f} in size "
                f"({_strongest(found)}). Tokens have {found['tokens']:+.2f}, tokens / ApEn "
                f"{found['tokens_over_apen']:+.2f}, and the cost of a shuffle {found['shuffle_loss']:+.2f}."
            )
    return f"**Between logs.** {' '.join(said)} {made_up(table)}{_tied(points)}{_unlike(table, points)}"


def _tied(points: pl.DataFrame) -> str:
    """That the made-up logs have one number of tokens, where they have."""
    planted = points.filter(~REAL, fraction=1)
    same = planted.height > 1 and planted["tokens"].n_unique() == 1
    return " They have one number of tokens by construction, so tokens cannot tell them apart." if same else ""


def _unlike(table: pl.DataFrame, points: pl.DataFrame) -> str:
    """In what the logs of a correlation differ beside their data, and which s_max has how many."""
    counts = dict(points.filter(fraction=1).group_by("s_max").len().sort("s_max").iter_rows())
    told = " and ".join(f"{n} at s_max {s_max}" for s_max, n in counts.items())
    text = f" Each s_max has its own correlation, and these are averaged: there are {told}." if len(counts) > 1 else ""
    if len(set(counts.values())) > 1:
        text += " So the two lengths do not have the same logs."
    least, most = table["n_items"].min(), table["n_items"].max()
    return (
        f"{text} The catalogues have {least:,} to {most:,} items. A loss in nats is larger with more items to choose "
        "from, so the losses of different logs are not on one scale."
    )


def _centred(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return values - np.array([values[groups == g].mean() for g in groups])
