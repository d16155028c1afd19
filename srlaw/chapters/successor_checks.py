"""P-Law's condition, its candidates and its measures of data quality, beside this project's own runs."""

from __future__ import annotations

import polars as pl

from srlaw import paper, stored
from srlaw.chapters import data_scaling
from srlaw.chapters.successor import data
from srlaw.metrics import SAMPLED_NEGATIVES

EVALUATED = 10_000  # users that the published code evaluates at most
MOVIELENS = ("paper-panel", "frameworks", "loss-scaling")
"""Sweeps of MovieLens-1M whose rows have both rankings."""
MEASURES = {
    "token_only": "tokens",
    "approximate_entropy": "tokens_over_apen",
    "real_entropy": "tokens_over_real_entropy",
}
"""Columns of Table 6 that this project measured too, and their names there."""
LABELS = {"token_only": "tokens alone", "approximate_entropy": "tokens/ApEn", "real_entropy": "tokens/real entropy"}
PRINTED, OURS = "Table 6, data parameter", "our runs, within logs"


def assumption() -> pl.DataFrame:
    """Theorem 4.1's assumption ln T/(T + 2) > 1/|U| in each row of Table 3, T read in two ways.

    With T the tokens of a data set, T = |U| · S̄, both sides times (T + 2) read ln T > S̄ + 2/|U|: it asks for histories
    shorter than the logarithm of all events.

    Returns:
        ``dataset, s_max, users, bound`` (1/|U|), ``all_events`` and ``one_user``: the left side with T the tokens of
        the data set and with T the mean length of a history, tokens put right; ``holds_all, holds_one``;
        ``holds_printed``: with T the tokens as printed; ``mean_length`` and ``longest``, ln T − 2/|U|.
    """
    side = lambda t: t.log() / (t + 2)  # noqa: E731
    right, stated = pl.col("tokens_right"), pl.col("tokens")
    frame = data().with_columns(bound=1 / pl.col("users"), all_events=side(right), printed=side(stated))
    frame = frame.with_columns(one_user=side(right / pl.col("users")))
    return frame.select(
        "dataset", "s_max", "users", "bound", "all_events", "one_user",
        holds_all=pl.col("all_events") > pl.col("bound"), holds_one=pl.col("one_user") > pl.col("bound"),
        holds_printed=pl.col("printed") > pl.col("bound"),
        mean_length=right / pl.col("users"), longest=right.log() - 2 * pl.col("bound"),
    )  # fmt: skip


def candidates() -> pl.DataFrame:
    """How much of each catalogue the published code's evaluation ranks the target against.

    It draws `SAMPLED_NEGATIVES` items uniformly, with replacement, outside the user's training history, here taken to
    be one item, so that the number of different ones is at its greatest.

    Returns:
        ``dataset, items, distinct`` (expected number of different candidates beside the target), ``share`` (of the
        other items) and ``users_share``: users evaluated, of all.
    """
    frame = data().unique("dataset", keep="first", maintain_order=True)
    others = pl.col("items") - 1
    distinct = others * (1 - (1 - 1 / others) ** SAMPLED_NEGATIVES)
    frame = frame.with_columns(distinct=distinct, share=distinct / others)
    users = pl.min_horizontal(pl.lit(EVALUATED), pl.col("users")) / pl.col("users")
    return frame.select("dataset", "items", "distinct", "share", users_share=users)


def kinder() -> pl.DataFrame:
    """HR@10 of the same runs among all items and as the published code ranks, in expectation over its draws.

    Returns:
        One row a run on MovieLens-1M: ``model, n_layers, d_emb, s_max, seed, hr10, hr10_sampled, ratio``.
    """
    rows = stored.sweeps(*MOVIELENS).drop_nulls("hr10_sampled")
    names = ("model", "n_layers", "d_emb", "s_max", "seed", "hr10", "hr10_sampled")
    return rows.select(*names, ratio=pl.col("hr10_sampled") / pl.col("hr10"))


def quality(points: pl.DataFrame) -> pl.DataFrame:
    """R² of the measures of data quality that Table 6 has and this project measured too.

    Two different questions: Table 6 is of a fitted data parameter over ten rows of four data sets, ours of the metric
    or loss itself over shares of the users, within data sets (`data_scaling.explained`).

    Args:
        points: `data_scaling.cells`.

    Returns:
        ``source`` (`PRINTED` or `OURS`), ``measure`` (a key of `MEASURES`), ``target`` and ``r2``.
    """
    printed = paper.successor("6").unpivot(list(MEASURES), index="target", variable_name="measure", value_name="r2")
    found = data_scaling.explained(points).select("measure", target="outcome", r2="within")
    names = {ours: theirs for theirs, ours in MEASURES.items()}
    asked = pl.col("measure").is_in(list(names)) & pl.col("target").is_in(printed["target"].unique().to_list())
    own = found.filter(asked).with_columns(pl.col("measure").replace(names))
    order = ["source", "measure", "target", "r2"]
    parts = [(PRINTED, printed), (OURS, own)]
    return pl.concat(part.with_columns(source=pl.lit(name)).select(order) for name, part in parts)


def leads(points: pl.DataFrame) -> pl.DataFrame:
    """Lead in R² of tokens over real entropy above tokens alone: printed, ours, and ours without each log in turn.

    Returns:
        ``target, printed, ours, low, high``: the least and greatest over the logs left out, null with fewer than three.
    """

    def lead(part: pl.DataFrame, source: str) -> dict[str, float]:
        wide = quality(part).filter(source=source).pivot("measure", index="target", values="r2")
        return dict(wide.select("target", pl.col("real_entropy") - pl.col("token_only")).iter_rows())

    printed, ours = lead(points, PRINTED), lead(points, OURS)
    logs = points["dataset"].unique(maintain_order=True).to_list()
    without = [lead(points.filter(pl.col("dataset") != log), OURS) for log in logs] if len(logs) > 2 else []
    out = []
    for target in printed:
        ends = [part[target] for part in without]
        out.append((target, printed[target], ours[target], min(ends, default=None), max(ends, default=None)))
    return pl.DataFrame(out, ["target", "printed", "ours", "low", "high"], orient="row", infer_schema_length=None)
