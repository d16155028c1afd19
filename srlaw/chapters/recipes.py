"""The paper's panel of MovieLens-1M trained again, one recipe or several for a size; published figures beside ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw import paper, stored
from srlaw.chapters.frameworks import MODELS, RANKINGS, SIZE, cells, name_of, noise

PANEL = ("ml-1m", 100)
LARGE = (16, 100)
"""The large cell that is tuned beside the best one."""
SETTINGS = ["max_epochs", "learning_rate", "dropout"]
TARGETS = {"sasrec": 0.315, "hstu": 0.325, "llama": 0.335}
"""HR@10 without the history that this project set itself, before its runs with tuned settings."""
JUDGE = "valid_ndcg10"
CLEAR = 2  # standard errors of a difference


def panel() -> pl.DataFrame:
    """Our cells of the paper's panel beside its measurements.

    Returns:
        ``n_layers, d_emb, runs, valid`` (validation NDCG@10), ``hr10, ndcg10`` under all items, the same
        ``_without_history`` and ``_sampled``, means over seeds, and ``paper_hr10, paper_ndcg10``.
    """
    rows = stored.sweep("paper-panel")
    metrics = [f"{m}{end}" for m in ("hr10", "ndcg10") for end in ("", "_without_history", "_sampled")]
    own = rows.group_by(SIZE).agg(pl.len().alias("runs"), pl.col(JUDGE).mean().alias("valid"), pl.col(metrics).mean())
    there = paper.panel(*PANEL, "hr10").points.select(*SIZE, paper_hr10="hr10", paper_ndcg10="ndcg10")
    return own.join(there, on=SIZE, how="left").sort(SIZE)


def peak(table: pl.DataFrame, column: str) -> tuple[int, int]:
    """Depth and width of the greatest value."""
    row = table.sort(column, descending=True).row(0, named=True)
    return row["n_layers"], row["d_emb"]


def panel_noise() -> float | None:
    """σ of one run of the panel, validation NDCG@10."""
    sigma = noise(stored.sweep("paper-panel"), JUDGE)
    return sigma and sigma.sigma


def agreement(table: pl.DataFrame) -> pl.DataFrame:
    """How far ours and the paper's panel agree over the cells, in order and in level.

    Returns:
        ``metric, ranking, spearman, p`` (of no correlation), ``gap`` (mean of ours less the paper's).
    """
    out = []
    for at, metric in enumerate(("hr10", "ndcg10")):
        for ranking, columns in RANKINGS.items():
            ours, theirs = (table[name].to_numpy() for name in (columns[at], f"paper_{metric}"))
            found: Any = stats.spearmanr(ours, theirs)
            row = {"metric": paper.METRICS[metric], "ranking": ranking, "spearman": float(found.statistic)}
            out.append({**row, "p": float(found.pvalue), "gap": float((ours - theirs).mean())})
    return pl.DataFrame(out)


def longer(epochs: int) -> dict[str, float]:
    """Of each model, validation NDCG@10 after twice as many epochs less that after so many, all settings the same."""
    rows = stored.sweep("tuning")
    same = ["model", *SIZE, "learning_rate", "dropout", "weight_decay", "seed"]
    long, short = (rows.filter(max_epochs=n).select(*same, JUDGE) for n in (2 * epochs, epochs))
    both = long.join(short, on=same, suffix="_short", maintain_order="left")
    gains = both.select(pl.col("model").replace(MODELS), pl.col(JUDGE) - pl.col(f"{JUDGE}_short"))
    return dict(gains.iter_rows())


def tried() -> pl.DataFrame:
    """Every setting of the large cell and of the best cell of the panel, the common recipe first.

    Returns:
        ``cell, n_layers, d_emb, max_epochs, learning_rate, dropout, common`` (the recipe of all sizes), ``runs,
        valid, valid_se, ndcg10, hr10``.
    """
    rows = pl.concat([stored.sweep("paper-panel"), stored.sweep("paper-panel-tuning")], how="diagonal_relaxed")
    common = stored.sweep("paper-panel").select(SETTINGS).unique().row(0)
    best = best_cell()
    names = {LARGE: "large", best: "best"}
    where = [(pl.col("n_layers") == n) & (pl.col("d_emb") == d) for n, d in names]
    own = rows.filter(pl.any_horizontal(where))
    y = pl.col(JUDGE)
    table = own.group_by(*SIZE, *SETTINGS).agg(
        pl.len().alias("runs"),
        valid=y.mean(),
        valid_se=y.std() / pl.len().sqrt(),
        ndcg10=pl.col("ndcg10").mean(),
        hr10=pl.col("hr10").mean(),
    )
    same = pl.all_horizontal(pl.col(name) == value for name, value in zip(SETTINGS, common, strict=True))
    label = pl.format("{} × {}", *SIZE)
    table = table.with_columns(common=same, cell=label)
    return table.sort(*SIZE, "common", "valid", descending=[False, False, True, True])


def best_cell() -> tuple[int, int]:
    """The best size of the panel by validation, under the recipe of all sizes."""
    return peak(cells(stored.sweep("paper-panel"), JUDGE), "y")


def decay() -> dict[str, Any]:
    """Whether the large cell still loses to the best one when each has its best setting, by validation NDCG@10.

    Returns:
        ``large, best``: names; ``gap_common, gap_tuned``: best less large, with the recipe of all sizes and with the
        best setting of each; ``error_common, error_tuned, error_change``: standard errors of the two and of what the
        first is more than the second, from the panel's repeats, ``freedom`` behind them, all None without repeats;
        ``luck``: what the best of as many equal settings gains by chance; ``gain_large``;
        ``settings_large, settings_best``: tried, the common one included; ``cells``: that the best is the best of;
        ``test_common, test_tuned``: the same gaps in NDCG@10 on the test events. Of the settings that both cells have:
        ``shared`` (how many), ``shared_gap`` (mean gap), ``shared_error``, ``shared_below`` (in how many the large one
        is lower), ``shared_test`` (mean gap on the test events), ``shared_common`` (mean gap without the common one).
    """
    table = tried()
    sigma = noise(stored.sweep("paper-panel"), JUDGE)
    sides = {name: table.filter(n_layers=n, d_emb=d) for name, (n, d) in (("large", LARGE), ("best", best_cell()))}
    shared = {name: part.filter("common").row(0, named=True) for name, part in sides.items()}
    tuned = {name: part.sort("valid", descending=True).row(0, named=True) for name, part in sides.items()}

    def error(*rows: dict[str, Any]) -> float | None:
        return sigma and sigma.sigma * sum(1 / row["runs"] for row in rows) ** 0.5

    both = sides["large"].join(sides["best"], on=SETTINGS, suffix="_best")
    gaps = (both["valid_best"] - both["valid"]).to_numpy()
    weights = float(np.sqrt((1 / both["runs"] + 1 / both["runs_best"]).to_numpy().sum())) / len(both)
    changed = [row for name in sides if not tuned[name]["common"] for row in (shared[name], tuned[name])]
    return {
        "large": shared["large"]["cell"],
        "best": shared["best"]["cell"],
        "gap_common": shared["best"]["valid"] - shared["large"]["valid"],
        "gap_tuned": tuned["best"]["valid"] - tuned["large"]["valid"],
        "gain_large": tuned["large"]["valid"] - shared["large"]["valid"],
        "error_common": error(*shared.values()),
        "error_tuned": error(*tuned.values()),
        "error_change": error(*changed),
        "freedom": sigma and sigma.freedom,
        "luck": sigma and sigma.sigma * luck(len(sides["large"])),
        "settings_large": len(sides["large"]),
        "settings_best": len(sides["best"]),
        "cells": len(panel()),
        "test_common": shared["best"]["ndcg10"] - shared["large"]["ndcg10"],
        "test_tuned": tuned["best"]["ndcg10"] - tuned["large"]["ndcg10"],
        "setting": {name: tuned["large"][name] for name in SETTINGS},
        "shared": len(both),
        "shared_gap": float(gaps.mean()),
        "shared_error": sigma and sigma.sigma * weights,
        "shared_below": int((gaps > 0).sum()),
        "shared_test": float((both["ndcg10_best"] - both["ndcg10"]).to_numpy().mean()),
        "shared_common": float(gaps[~both["common"].to_numpy()].mean()),
    }


def decay_words(found: dict[str, Any]) -> str:
    """What `decay` says, in sentences."""
    large, best, error = found["large"], found["best"], found["error_tuned"]
    setting = found["setting"]
    said = (
        f"With one recipe for all sizes, {large} stands {found['gap_common']:.4f} below {best} in validation NDCG@10. "
        f"The best of {found['settings_large']} settings of {large} (dropout {setting['dropout']:g}, learning rate "
        f"{setting['learning_rate']:g}, {setting['max_epochs']} epochs) gains {found['gain_large']:.4f}"
    )
    if not error:
        return f"{said}. No cell was repeated, so no difference can be judged."
    side = "below" if found["gap_tuned"] > 0 else "above"
    settings = "setting" if found["settings_best"] == 1 else "settings"
    shrunk, change = found["gap_common"] - found["gap_tuned"], found["error_change"]
    said += (
        f", of which the choice among so many would give about {found['luck']:.4f} by luck alone. It is then "
        f"{abs(found['gap_tuned']):.4f} {side} the best of {found['settings_best']} {settings} of {best}; the standard "
        f"error of this difference is {error:.4f}, from repeats with {found['freedom']} degrees of freedom. "
    )
    if found["settings_large"] != found["settings_best"]:
        said += "The two have not had the same number of settings, which favours the one with more. "
    if found["gap_common"] <= CLEAR * found["error_common"]:
        word = "With the common recipe already the gap is not clear of the noise, so there is no decay to explain."
    elif found["gap_tuned"] > CLEAR * error:
        word = "So the larger model still loses when it has settings of its own: the decay is one of size."
    elif shrunk > CLEAR * change:
        word = (
            "So the larger model is not seen to lose once both have settings of their own, and the gap has clearly "
            f"shrunk, by {shrunk:.4f} ± {change:.4f}: here the decay is one of the common recipe."
        )
    else:
        word = (
            "So the larger model is not seen to lose once both have settings of their own. But the gap is "
            f"{abs(shrunk):.4f} {'smaller' if shrunk > 0 else 'larger'} than with the common recipe, with a standard "
            f"error of {change:.4f}, and the best of {found['cells']} cells is likely to have been lucky. So it is not "
            "decided whether the decay is one of size or of the common recipe. More repeats of these settings could "
            "decide it."
        )
    return f"{said}{word} {_test_words(found)}\n\n{_shared_words(found)}"


def _shared_words(found: dict[str, Any]) -> str:
    """How the two cells stand over all settings that both have, none of them chosen."""
    gap, error = found["shared_gap"], found["shared_error"]
    clear = abs(gap) > CLEAR * error
    verdict = (
        "So over equal settings no difference is clear."
        if not clear
        else "So over equal settings the larger model is lower, though the best of its settings may make up for it."
        if gap > 0
        else "So over equal settings the larger model is higher."
    )
    return (
        f"**Over equal settings.** No choice is made if all {found['shared']} settings of both sizes count alike. Then "
        f"{found['large']} is {_side(gap)} {found['best']} by validation NDCG@10, on average, with a standard "
        f"error of {error:.4f}, and it is lower in {found['shared_below']} of the {found['shared']}. Without the "
        f"common recipe, by which {found['best']} was found to be the best, it is {_side(found['shared_common'])}. On "
        f"the test events it is {_side(found['shared_test'])}. {verdict}"
    )


def _side(gap: float) -> str:
    return f"{abs(gap):.4f} {'below' if gap > 0 else 'above'}"


def _test_words(found: dict[str, Any]) -> str:
    """The same gaps on the test events."""
    gaps = [_side(found[f"test_{name}"]) for name in ("common", "tuned")]
    return (
        f"On the test events {found['large']} is {gaps[0]} {found['best']} in NDCG@10 with the common recipe, and "
        f"{gaps[1]} with these settings."
    )


def luck(settings: int) -> float:
    """Expected greatest of so many independent standard normal numbers."""
    x = np.linspace(-8, 8, 4001)
    density = settings * stats.norm.pdf(x) * stats.norm.cdf(x) ** (settings - 1)
    return float(np.trapezoid(x * density, x))


def literature() -> pl.DataFrame:
    """Published figures and ours with the same protocol: the user's history left out of a full ranking.

    Ours are two blocks of width 64 at s_max 200, means over the seeds of ``full-ranking.csv``: of each model the
    setting of ``full-ranking-tuning.csv`` with the best validation NDCG@10, all items ranked. Its own run counts for
    the choice alone.

    Returns:
        ``source, model, hr10, ndcg10, hr10_se`` (of ours, over seeds), ``runs, target``, and ``tried_low,
        tried_high``: HR@10 of the settings that were tried, one run each.
    """
    tried, rows = stored.sweep("full-ranking-tuning"), stored.sweep("full-ranking")
    hr = pl.col("hr10_without_history")
    ours = rows.group_by("model").agg(
        hr10=hr.mean(),
        ndcg10=pl.col("ndcg10_without_history").mean(),
        hr10_se=hr.std() / pl.len().sqrt(),
        runs=pl.len().cast(pl.Int64),
    )
    ours = ours.join(tried.group_by("model").agg(tried_low=hr.min(), tried_high=hr.max()), on="model")
    ours = ours.sort("hr10").with_columns(
        pl.lit("this book").alias("source"),
        pl.col("model").map_elements(name_of, pl.String),
        target=pl.col("model").replace_strict(TARGETS),
    )
    return pl.concat([paper.full_ranking().drop("key"), ours], how="diagonal_relaxed")


def edge_words() -> str:
    """Which chosen settings are the least or the greatest that were tried, in a sentence; empty where none is."""
    tried, rows = stored.sweep("full-ranking-tuning"), stored.sweep("full-ranking")
    found: dict[str, list[str]] = {}
    for (model,), chosen in rows.group_by("model", maintain_order=True):
        mine = tried.filter(model=model)
        for name in ("learning_rate", "dropout"):
            for word, value in (("least", mine[name].min()), ("greatest", mine[name].max())):
                if chosen[name].unique().item() == value:
                    found.setdefault(f"the {word} {name.replace('_', ' ')}", []).append(name_of(str(model)))
    said = " and ".join(f"{setting} ({', '.join(models)})" for setting, models in found.items())
    return said and f"The choice is {said} that was tried, so better settings may lie beyond."


def user_error() -> float:
    """Standard error of one HR@10 of `literature` over the tested users, the mean of ours."""
    rows = stored.sweep("full-ranking")
    hr, users = rows["hr10_without_history"], rows["users"]
    return float((hr * (1 - hr) / users).sqrt().to_numpy().mean())


def targets_words(table: pl.DataFrame) -> str:
    """Which of `TARGETS` are met, in one sentence each."""
    said = []
    for row in table.drop_nulls("target").iter_rows(named=True):
        short = row["target"] - row["hr10"]
        met = "meets" if short <= 0 else "misses"
        near = f"{abs(short):.3f} {'above' if short <= 0 else 'below'}"
        mean = f"{row['hr10']:.3f} ± {row['hr10_se']:.3f} over {row['runs']} seeds"
        said.append(f"{row['model']} reaches {mean} and {met} {row['target']:.3f}, {near}.")
    return " ".join(said)
