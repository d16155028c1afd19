"""The 119 published runs of *Scaling Sequential Recommendation Models with Transformers*: depth, width, data and loss.

NDCG@5 is the validation metric of the published logs unless a column says test. A run has one data set, one size and
one number of negatives; its 10 evaluations stand at different amounts of compute, under one learning rate schedule.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl

from srlaw import paper
from srlaw.chapters.loss_scaling import spearman

METRIC = "valid_ndcg_at_5"
SIZES = {
    "parameters": "model_total_params",
    "parameters without embeddings": "model_non_emb_params",
    "interactions": "n_inters",
}
TRANSFER_LOGS = 1
"""Fine-tuning runs whose log was published: ``logs/test_finetune.log``. A comparison takes two."""
TRANSFER_EPOCHS = 2
"""Epochs of that run."""
READINGS = {
    "test": "test loss, last epoch",
    "validation": "validation loss, last epoch",
    "least": "least validation loss, best NDCG@5",
    "at_least": "least validation loss, NDCG@5 then",
    "training": "training loss, last epoch",
}
"""Columns of `loss_against_ranking`, and the pair of a loss and an NDCG@5 that each compares."""
BATCH_TOKENS = 128 * 50  # events of the batch that the logs' operations are counted for


def runs() -> pl.DataFrame:
    """The runs, smaller data sets first, with ``epoch_flops`` as the published notebook counts them:
    operations of a batch × interactions / batch size."""
    per_epoch = pl.col("total_flops") * pl.col("n_inters") / pl.col("train_batch_size")
    return paper.srt_runs().with_columns(epoch_flops=per_epoch.floor()).sort("n_inters", "run")


def evaluations() -> pl.DataFrame:
    """Every evaluation of every run, in the order of compute: the columns of `runs`, ``step`` (epochs from 0),
    ``flops`` spent until then, ``seen`` (interactions, with repeats), the metric and the validation loss of the curve.
    """
    curves = paper.srt_curves().drop_nulls(METRIC).select("run", "step", METRIC, "valid_eval_loss")
    joined = curves.join(runs().drop(METRIC, "valid_eval_loss"), on="run", how="inner")
    epochs = pl.col("step") + 1
    joined = joined.with_columns(flops=pl.col("epoch_flops") * epochs, seen=pl.col("n_inters") * epochs)
    return joined.sort("flops", "run")


def depth_by_width() -> pl.DataFrame:
    """At each data set, width and number of negatives with several depths, which is best: the mean of its repeats.

    Returns:
        ``dataset, negatives, width, depths`` (trained), ``shallowest, deepest, best`` (layers) and ``loss_at_most``:
        NDCG@5 of the best less that of the deepest.
    """
    means = runs().group_by("dataset", "nce_num_negatives", "hidden_size", "n_layers").agg(pl.col(METRIC).mean())
    rows = []
    keys = ["dataset", "nce_num_negatives", "hidden_size"]
    for key, part in means.sort("n_layers").group_by(keys):
        if len(part) > 1:
            depth, y = part["n_layers"].to_numpy(), part[METRIC].to_numpy()
            best = int(y.argmax())
            found = (len(part), int(depth[0]), int(depth[-1]), int(depth[best]))
            rows.append((*key, *found, float(y[best] - y[-1])))
    names = ["dataset", "negatives", "width", "depths", "shallowest", "deepest", "best", "loss_at_most"]
    return pl.DataFrame(rows, names, orient="row").sort("width", "dataset", "negatives")


def steps_up(column: str, by: str = "n_inters") -> pl.DataFrame:
    """From each size to the next larger in one column, all else the same: how NDCG@5 changes.

    Args:
        column: ``"n_layers"``, ``"hidden_size"`` or ``"n_inters"``; by: whose value is returned as well.

    Returns:
        ``before, after`` (values of the column), ``change, by``, one row a step; repeats are averaged.
    """
    keys = [name for name in ("n_inters", "nce_num_negatives", "hidden_size", "n_layers") if name != column]
    means = runs().group_by([*keys, column]).agg(pl.col(METRIC).mean())
    rows = []
    for _, part in means.sort(*keys, column).group_by(keys, maintain_order=True):
        for (a, x, _), (b, y, key) in pairwise(part.select(column, METRIC, by=by).iter_rows()):
            rows.append((a, b, y - x, key))
    return pl.DataFrame(rows, ["before", "after", "change", "by"], orient="row")


def repeats() -> float:
    """Standard deviation of NDCG@5 between runs of one configuration, pooled over those trained more than once."""
    groups = runs().group_by("dataset", "nce_num_negatives", "hidden_size", "n_layers", maintain_order=True)
    spread = groups.agg(n=pl.len(), v=pl.col(METRIC).var()).filter(pl.col("n") > 1)
    return float(np.sqrt(np.average(spread["v"].to_numpy(), weights=spread["n"].to_numpy() - 1)))


def loss_against_ranking() -> pl.DataFrame:
    """Spearman correlation of loss and NDCG@5 over the runs of one data set and number of negatives.

    The published rows are of the last epoch, which on small data is far past the least validation loss. So the loss is
    read in several ways.

    Returns:
        ``dataset, n_inters, negatives, runs`` and a column for each of `READINGS`. Test loss goes with test NDCG@5, as
        does training loss; validation loss goes with validation NDCG@5. Losses with other negatives are other losses,
        so they are kept apart. A loss that ranks as the metric does gives −1.
    """
    curves = evaluations().group_by("run").agg(
        least=pl.col("valid_eval_loss").min(),
        best=pl.col(METRIC).max(),
        then=pl.col(METRIC).sort_by("valid_eval_loss").first(),
    )  # fmt: skip
    pairs = {
        "test": ("test_eval_loss", "test_ndcg_at_5"),
        "validation": ("valid_eval_loss", METRIC),
        "least": ("least", "best"),
        "at_least": ("least", "then"),
        "training": ("train_train_loss", "test_ndcg_at_5"),
    }
    table = runs().join(curves, on="run", how="left", maintain_order="left")
    rows = []
    for key, part in table.group_by("dataset", "n_inters", "nce_num_negatives", maintain_order=True):
        found = [spearman(*(part[name].to_numpy() for name in pairs[reading])) for reading in READINGS]
        rows.append((*key, len(part), *found))
    names = ["dataset", "n_inters", "negatives", "runs", *READINGS]
    return pl.DataFrame(rows, names, orient="row").sort("n_inters", "negatives")


def signs(apart: pl.DataFrame) -> dict[str, float]:
    """In how many groups of `loss_against_ranking` the better ranking goes with the larger loss.

    Returns:
        ``groups``; ``up_`` and the name of each of `READINGS`: the groups with a correlation above 0; ``together``:
        those in which every reading has one; ``most``: the greatest correlation with the test loss of the last epoch.
    """
    up = apart.select(pl.col(*READINGS) > 0)
    counts = {f"up_{name}": int(up[name].sum()) for name in READINGS}
    together = int(up.select(pl.all_horizontal(*READINGS)).to_series().sum())
    return {"groups": len(apart), **counts, "together": together, "most": float(max(apart["test"]))}


def signs_in_words(apart: pl.DataFrame) -> str:
    """What `signs` says, in sentences that treat every reading of the loss alike."""
    e = signs(apart)
    mixed = apart.filter((pl.col("test") > 0) & (pl.col("validation") < 0))
    other = "".join(
        f" At {row['n_inters']:,} interactions and {row['negatives']} negatives the sign differs between test and "
        f"validation of one epoch: {row['test']:+.2f} and {row['validation']:+.2f}."
        for row in mixed.iter_rows(named=True)
    )
    largest = apart.filter(n_inters=apart["n_inters"].max()).select(*READINGS).to_numpy()
    return (
        f"A group of runs has one data set and one number of negatives, and there are {e['groups']} groups. The "
        "published losses are those of the last epoch. With the **test loss of the last epoch** the better ranking "
        f"goes with the larger loss in {e['up_test']} of them, with a rank correlation of up to {e['most']:+.2f}. With "
        f"the validation loss of that epoch it does in {e['up_validation']}.{other} With the **least validation loss** "
        f"of a run it does in {e['up_least']}, if the ranking is the best of the run, and in {e['up_at_least']}, if it "
        f"is that of the same epoch. With the **training loss** it does in {e['up_training']}. On the largest data the "
        f"correlation is {largest.max():+.2f} or less in every reading. On the smaller data sets these runs go on long "
        "after their least validation loss, and the loss of the last epoch measures this as well. "
        f"In {e['together']} groups the better ranking goes with the larger loss in every reading."
    )


def at_least_loss() -> pl.DataFrame:
    """Of each run, the share of its best NDCG@5 that it has at the evaluation with the least validation loss.

    Returns:
        ``run, dataset, n_inters, share, epoch_loss, epoch_ranking`` (epochs trained at the least loss and at the best
        NDCG@5).
    """
    rows = []
    for (run,), curve in evaluations().sort("n_inters", "run", "step").group_by("run", maintain_order=True):
        loss, metric, step = (curve[name].to_numpy() for name in ("valid_eval_loss", METRIC, "step"))
        low, high = int(loss.argmin()), int(metric.argmax())
        share = float(metric[low] / metric[high])
        rows.append((run, curve["dataset"][0], curve["n_inters"][0], share, int(step[low]) + 1, int(step[high]) + 1))
    names = ["run", "dataset", "n_inters", "share", "epoch_loss", "epoch_ranking"]
    return pl.DataFrame(rows, names, orient="row")


def shares_by_data(table: pl.DataFrame) -> pl.DataFrame:
    """`at_least_loss` by data set: ``dataset, runs, mean, median, least`` of the share and both mean epochs."""
    grouped = table.sort("n_inters").group_by("dataset", maintain_order=True)
    share = pl.col("share")
    return grouped.agg(
        runs=pl.len(), mean=share.mean(), median=share.median(), least=share.min(),
        epoch_loss=pl.col("epoch_loss").mean(), epoch_ranking=pl.col("epoch_ranking").mean(),
    )  # fmt: skip


def operations() -> pl.DataFrame:
    """The logged operations of a batch beside what a transformer's parameters say.

    Returns:
        ``run, ratio``: ``forward_flops`` over parameters without embeddings × events of a batch, 1 if one
        multiplication with its addition counts as one and there is no backward pass (training takes 6 by the usual
        count, 2 for each of a forward and two backward passes); ``loss_share``: the part of ``total_flops`` that is
        not the forward pass.
    """
    table = runs()
    ratio = pl.col("forward_flops") / (pl.col("model_non_emb_params") * BATCH_TOKENS)
    return table.select("run", ratio=ratio, loss_share=1 - pl.col("forward_flops") / pl.col("total_flops"))
