"""How often a rule of chapter 6 would be wrong: the same design and noise, with a truth that we choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl

from srlaw import paper
from srlaw.chapters import extrapolation as ex
from srlaw.laws import fit_tables, get
from srlaw.paper import PANEL, Panel
from srlaw.rules import extrapolation as rules

READINGS = ("performance", "performance-shared", "performance-code")
WORLDS = ("law", "flat")
"""Eq. (7) as it fits all points of each panel is true; or no configuration is better than another."""
SHARES = {"least feasible": 0.0, "half": 0.5, "three quarters": 0.75}


def truths(panels: Sequence[Panel], world: str) -> list[np.ndarray]:
    """Expected measurements of each panel in a world, in the order of its points: ``(n,)`` each."""
    if world == "flat":
        return [np.full(len(panel.points), panel.points["y"].mean()) for panel in panels]
    fits = fit_tables(get("performance"), [panel.points for panel in panels], "y")
    return [result.y - result.residuals for result in fits]


def paired_residuals(fits: pl.DataFrame) -> pl.DataFrame:
    """Residuals of both metrics of the same runs around each panel's best law, over σ.

    Args:
        fits: from `extrapolate`, with k = n among its rows.

    Returns:
        ``dataset, s_max, n_layers, d_emb`` and a column a metric.
    """
    best = ex.noise(fits).select(*PANEL, "sigma", law="best_law")
    rows = fits.filter(pl.col("k") == pl.col("n")).join(best, on=[*PANEL, "law"], maintain_order="left")
    rows = rows.with_columns(z=(pl.col("y") - pl.col("prediction")) / pl.col("sigma"))
    return rows.pivot("metric", index=["dataset", "s_max", "n_layers", "d_emb"], values="z", maintain_order=True)


def correlation(residuals: pl.DataFrame) -> float:
    """Of HR@10 and NDCG@10 in `paired_residuals`, all panels pooled."""
    first, second = (residuals[name].to_numpy() for name in paper.FIGURE_METRICS)
    return float(np.corrcoef(first, second)[0, 1])


def draw(panels: Sequence[Panel], means: Sequence[np.ndarray], sigma: np.ndarray, rho: float, rng) -> list[Panel]:
    """One replicate: Gaussian noise of each panel's σ, correlated by ρ between the two metrics of a run."""
    common = {key: rng.normal(size=size) for key, size in {p.key[:2]: len(p.points) for p in panels}.items()}
    out = []
    for panel, mean, level in zip(panels, means, sigma, strict=True):
        own = rng.normal(size=len(mean))
        noise = level * (np.sqrt(rho) * common[panel.key[:2]] + np.sqrt(1 - rho) * own)
        values = panel.points.with_columns(pl.Series(panel.metric, mean + noise))
        out.append(Panel(*panel.key, values))
    return out


def said(panels: Sequence[Panel], readings: Sequence[str], starts: int = 6) -> list[str]:
    """The word of the rule few-small-points for made panels, and which of its flags hold.

    σ is estimated from the made panels as the book estimates it from the paper's, by the laws of `CHEAP`, and so are
    both of its estimates. The surface, which the word does not depend on, is the measurements.
    """
    level = ex.noise(ex.extrapolate(panels, ex.CHEAP, shares=(1.0,), starts=starts))
    tables = {}
    for order, shares in (("size", tuple(SHARES.values())), ("depth", (0.5,))):
        fits = ex.extrapolate(panels, readings, order, starts, shares)
        own = fits.join(level.select(*PANEL, "sigma"), on=PANEL, maintain_order="left")
        tables[order] = ex.scored(own.with_columns(surface="y"))
    at = {name: ex.judged(ex.at_share(tables["size"], share)) for name, share in SHARES.items()}
    at["half, larger noise"] = ex.larger_noise(ex.at_share(tables["size"], SHARES["half"]), level)
    by_depth = ex.judged(ex.at_share(tables["depth"], SHARES["half"]))
    flags = rules.flags(at, by_depth, ex.paired(at["three quarters"]), list(readings))
    return [rules.word(flags), *(name for name, holds in flags.items() if holds)]


def false_alarms(replicates: int, readings: Sequence[str], seed: int = 0, starts: int = 6) -> pl.DataFrame:
    """How often the rule says what, in each of the `WORLDS`.

    Returns:
        ``readings`` (how many), ``world, replicates, outcome, share``: an outcome is a word, or a flag that holds;
        those that never came are left out.
    """
    rows = []
    for world in WORLDS:
        counts = Counter(outcome for i in range(replicates) for outcome in study(world, i, readings, seed, starts))
        label = {"readings": len(readings), "world": world, "replicates": replicates}
        rows += [{**label, "outcome": name, "share": count / replicates} for name, count in sorted(counts.items())]
    return pl.DataFrame(rows)


def study(world: str, replicate: int, readings: Sequence[str], seed: int = 0, starts: int = 6) -> list[str]:
    """`said` of one simulated study: twenty panels with the designs and the noise of the paper's."""
    panels, means, level, rho = _world(world)
    rng = np.random.default_rng([seed, WORLDS.index(world), replicate])
    return said(draw(panels, means, level["sigma"].to_numpy(), rho, rng), readings, starts)


@cache
def _world(world: str) -> tuple[list[Panel], list[np.ndarray], pl.DataFrame, float]:
    """The panels, their expected measurements, their σ, and the correlation of the two metrics' noise."""
    panels = paper.panels()
    whole = ex.extrapolate(panels, ex.CHEAP, shares=(1.0,))
    return panels, truths(panels, world), ex.noise(whole).select(*PANEL, "sigma"), correlation(paired_residuals(whole))
