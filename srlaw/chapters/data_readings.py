"""Figure 4 with each of the fitted D′ that the paper has: Table 2 and the figures do not agree."""

from __future__ import annotations

import polars as pl
from scipy import stats

from srlaw import paper
from srlaw.chapters.data_scale import correlation, points, statistic


def table_against_figures() -> pl.DataFrame:
    """D′ of Table 2 beside the D′ printed in the figure of the same panel, and the figure value nearest to it.

    Returns:
        ``dataset, s_max, metric, table, figure, factor`` (the larger over the smaller), ``nearest`` (the panel of the
        same metric whose printed D′ is closest) and ``nearest_off``, its relative difference.
    """
    figures = paper.figure_fits("performance_law")
    rows = []
    for metric in paper.FIGURE_METRICS:
        drawn = figures.filter(pl.col("metric") == metric)
        for row in paper.table(2).iter_rows(named=True):
            value = row[f"{metric}_d_prime"]
            here = drawn.filter((pl.col("dataset") == row["dataset"]) & (pl.col("s_max") == row["s_max"]))
            figure = here["d_prime"].item()
            near = drawn.row((drawn["d_prime"] / value).log().abs().arg_min(), named=True)
            panel = {"dataset": row["dataset"], "s_max": row["s_max"], "metric": paper.METRICS[metric]}
            values = {"table": value, "figure": figure, "factor": max(value / figure, figure / value)}
            nearest = {"nearest": f"{near['dataset']} {near['s_max']}", "nearest_off": abs(near["d_prime"] / value - 1)}
            rows.append({**panel, **values, **nearest})
    return pl.DataFrame(rows)


READINGS = ("as printed", "Huawei's exchanged", "Huawei's of the figures", "all of the figures")
"""Which fitted D′: Table 2's; the same with Huawei's two at each other's s_max, or as its figures have them; those of
all figures."""


def readings() -> pl.DataFrame:
    """The points of Figure 4 for HR@10 and NDCG@10 with each of `READINGS`, tokens put right.

    Returns:
        ``reading, metric, dataset, s_max, x`` (tokens/ApEn), ``y`` (D′).
    """
    right = points(corrected=True)
    parts = []
    for metric in map(paper.METRICS.get, paper.FIGURE_METRICS):
        table, figure = (right.filter(source=f"{where}, {metric}") for where in ("Table 2", "figures"))
        table = table.join(figure.select("dataset", "s_max", drawn="y"), on=["dataset", "s_max"], maintain_order="left")
        huawei = pl.col("dataset") == "huawei-music"
        other = pl.col("y").reverse().over("dataset")  # Huawei has two rows
        choices = [
            pl.col("y"),
            pl.when(huawei).then(other).otherwise("y"),
            pl.when(huawei).then("drawn").otherwise("y"),
            pl.col("drawn"),
        ]
        for reading, y in zip(READINGS, choices, strict=True):
            head = [pl.lit(reading).alias("reading"), pl.lit(metric).alias("metric"), "dataset", "s_max", "x"]
            parts.append(table.select(*head, y=y))
    return pl.concat(parts)


def averaged(frame: pl.DataFrame) -> pl.DataFrame:
    """“The average value of the dataset parameter”: `readings` with x and y averaged over a data set's s_max."""
    by = frame.group_by("reading", "metric", "dataset", maintain_order=True)
    return by.agg(pl.col("x", "y").mean()).with_columns(s_max=None)


def ranges(frame: pl.DataFrame) -> pl.DataFrame:
    """Pearson's r of each reading and metric, with its range over leaving one data set out.

    Returns:
        ``reading, metric, n, r, low, high, without`` (the data set whose absence gives the least), ``log_r``.
    """
    rows = []
    for (reading, metric), part in frame.group_by("reading", "metric", maintain_order=True):
        out = []
        for name in part["dataset"].unique(maintain_order=True):
            rest = part.filter(pl.col("dataset") != name)
            out.append((statistic(stats.pearsonr(rest["x"], rest["y"])), name))
        found, (low, without), (high, _) = correlation(part["x"], part["y"]), min(out), max(out)
        row = {"reading": reading, "metric": metric, "n": len(part), "r": found["pearson"], "low": low, "high": high}
        rows.append({**row, "without": without, "log_r": found["log_pearson"]})
    return pl.DataFrame(rows)
