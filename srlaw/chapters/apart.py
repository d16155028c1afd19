"""Could these panels tell Eq. (7) from another smooth curve? Counts of panels, beside what they are in made worlds.

A law that is true need not have the lowest AICc: at 24 points a shorter one often predicts better. So the number of
panels in which Eq. (7) is ahead is compared with the numbers in worlds where it, or a log-quadratic, is true, with the
noise of each panel and the correlation of the two metrics of one run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from srlaw import paper
from srlaw.chapters import alarms
from srlaw.chapters.methods import penalty
from srlaw.laws import fit, fit_many, fit_tables, get
from srlaw.paper import Panel

WORLDS = {"performance-shared": "Eq. (7) is true", "log-quadratic": "a log-quadratic is true"}
RIVALS = {"log-quadratic": ("log-quadratic",), "both": ("log-quadratic", "log-quadratic-interaction")}


def ahead(panels: Sequence[Panel], made: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """In how many panels Eq. (7) with one p has a lower AICc than its rivals, by the keys of `RIVALS`.

    Args:
        made: responses of each panel, ``(R, n)``.

    Returns:
        Counts, ``(R,)`` each.
    """
    counts = {name: np.zeros(len(made[0]), int) for name in RIVALS}
    for panel, y in zip(panels, made, strict=True):
        law = aicc("performance-shared", panel, y)
        for name, rivals in RIVALS.items():
            counts[name] += law < np.min([aicc(rival, panel, y) for rival in rivals], axis=0)
    return counts


def aicc(law: str, panel: Panel, y: np.ndarray) -> np.ndarray:
    """AICc of a law fitted to each row of responses ``(R, n)``: ``(R,)``; σ counts as a parameter."""
    x = {name: panel.points[name].to_numpy().astype(float) for name in get(law).arguments}
    squares = np.min([solutions.objective for _, solutions in fit_many(get(law), x, y)], axis=0)
    n = y.shape[1]
    return n * np.log(squares / n) + penalty(len(get(law).parameters), n)


def made_worlds(replicates: int = 100, seed: int = 0, panels: Sequence[Panel] | None = None) -> pl.DataFrame:
    """Counts of `ahead` in each of `WORLDS`, whose truth is that law as it fits each panel.

    Returns:
        ``world, rival, replicates, mean, low, high`` (2.5% and 97.5% points), over studies of all panels.
    """
    panels = paper.panels() if panels is None else panels
    rows, rho = [], correlation(panels)
    for world in WORLDS:
        rng = np.random.default_rng(seed)
        fits = fit_tables(get(world), [panel.points for panel in panels], "y")
        means = [result.y - result.residuals for result in fits]
        sigma = np.array([np.sqrt(result.objective / (result.n - result.free)) for result in fits])
        drawn = [alarms.draw(panels, means, sigma, rho, rng) for _ in range(replicates)]
        made = [np.stack([study[i].points["y"].to_numpy() for study in drawn]) for i in range(len(panels))]
        for rival, seen in ahead(panels, made).items():
            low, high = np.quantile(seen, [0.025, 0.975])
            rows.append((world, rival, replicates, float(seen.mean()), float(low), float(high)))
    return pl.DataFrame(rows, ["world", "rival", "replicates", "mean", "low", "high"], orient="row")


def correlation(panels: Sequence[Panel]) -> float:
    """Of the residuals, over σ, of HR@10 and NDCG@10 of one run, around the log-quadratic law with interaction."""
    left: dict[str, list[np.ndarray]] = {metric: [] for metric in paper.FIGURE_METRICS}
    for panel in panels:
        residuals = fit(get("log-quadratic-interaction"), panel.points, "y").residuals
        left[panel.metric].append(residuals / residuals.std())
    first, second = (np.concatenate(left[metric]) for metric in paper.FIGURE_METRICS)
    return float(np.corrcoef(first, second)[0, 1])
