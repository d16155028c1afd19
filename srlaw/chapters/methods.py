"""What the book's statistics are worth at its numbers of points: σ, intervals, ranks, AICc, and twenty panels that are
ten.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import friedmanchisquare, studentized_range

from srlaw import paper
from srlaw.chapters.extrapolation import CHEAP, deepest
from srlaw.chapters.optimal_size import peak
from srlaw.laws import Fit, bootstrap, fit, get, profile
from srlaw.laws.fitting import fit_arrays
from srlaw.laws.forecast import forecasts
from srlaw.paper import PANEL, Panel

DESIGNS = {24: ("ml-1m", 100, "hr10"), 16: ("huawei-music", 25, "hr10")}
"""Number of points → the panel whose design, fitted surface and σ the simulations take."""
RESAMPLES = 200


def truth(n: int, law: str) -> tuple[Panel, Fit, float]:
    """A panel of `DESIGNS`, a law fitted to all of it (the truth of the simulation), and σ of that fit."""
    panel = paper.panel(*DESIGNS[n])
    result = fit(get(law), panel.points, "y")
    return panel, result, float(np.sqrt(result.objective / (result.n - result.free)))


def drawn(n: int, law: str, replicates: int, seed: int) -> np.ndarray:
    """Measurements drawn around the truth with Gaussian noise: ``(replicates, n)``."""
    _, result, sigma = truth(n, law)
    rng = np.random.default_rng([seed, n])
    return result.y - result.residuals + sigma * rng.normal(size=(replicates, n))


def sigma_bias(replicates: int = 1000, seed: int = 0) -> pl.DataFrame:
    """σ as estimated over σ as drawn, where Eq. (7) is true: from each law's residuals, and from the least of them.

    Returns:
        ``n, law, parameters, ratio`` (mean of σ̂ / σ), ``low, high`` (its 2.5% and 97.5% points), ``divided_by_n``
        (the mean ratio had the squares been divided by n). The last row of each n is the book's: the least of all laws.
    """
    rows = []
    for n in DESIGNS:
        panel, _, sigma = truth(n, "performance")
        y, each = drawn(n, "performance", replicates, seed), []
        for name in CHEAP:
            rest = y - forecasts(get(name), panel.points, y, np.array([n]))[:, 0]
            free = len(get(name).parameters)
            ratio = np.sqrt((rest**2).sum(1) / (n - free)) / sigma
            each.append(ratio)
            naive = float((ratio * np.sqrt((n - free) / n)).mean())
            rows.append({"n": n, "law": name, "parameters": free, **_spread(ratio), "divided_by_n": naive})
        least = {"n": n, "law": "the least of them", "parameters": None, **_spread(np.min(each, axis=0))}
        rows.append({**least, "divided_by_n": None})
    return pl.DataFrame(rows, infer_schema_length=None)


def _spread(ratio: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(ratio, [0.025, 0.975])
    return {"ratio": float(ratio.mean()), "low": float(low), "high": float(high)}


def coverage(replicates: int = 200, seed: int = 0) -> pl.DataFrame:
    """How often the 95% intervals of the book hold the truth, where their law is true and the noise Gaussian.

    Intervals: percentiles of the residual bootstrap (`RESAMPLES` resamples), Wald (± 1.96 standard errors), profile (F
    threshold), Fieller; and the prediction interval of a single run at the greatest depth (residual bootstrap plus a
    residual, chapter 6).

    Returns:
        ``n, interval, quantity, replicates, given`` (share of the replicates in which there is an interval) and
        ``holds`` (share of those in which it holds the truth).
    """
    hits: dict[tuple[int, str, str], list[bool | None]] = {}
    for n in DESIGNS:
        panel, true, _ = truth(n, "performance")
        both = (drawn(n, law, replicates, seed) for law in ("performance", "log-quadratic"))
        for i, (y, quadratic) in enumerate(zip(*both, strict=True)):
            for key, hit in [*_of_law(true, y, i), *_deepest(panel, quadratic, i)]:
                hits.setdefault((n, *key), []).append(hit)
        for hit in _fieller(n, 5 * replicates, seed):
            hits.setdefault((n, "Fieller", "width of the maximum"), []).append(hit)
    out = []
    for (n, interval, quantity), found in hits.items():
        known = [hit for hit in found if hit is not None]
        row = {"n": n, "interval": interval, "quantity": quantity, "replicates": len(found)}
        out.append({**row, "given": len(known) / len(found), "holds": float(np.mean(known)) if known else None})
    return pl.DataFrame(out, infer_schema_length=None)


def _of_law(true: Fit, y: np.ndarray, seed: int):
    """(interval, quantity) → does it hold the truth, for one draw: exponents, and the value at the largest size."""
    result = fit_arrays(true.law, true.x, y, starts=6)
    largest = {name: values[[-1]] for name, values in true.x.items()}
    top = float((true.y - true.residuals)[-1])
    draws = bootstrap(result, RESAMPLES, seed=seed)
    for name, (low, high) in draws.interval().items():
        if name in ("w3", "w4"):
            yield ("bootstrap", name), low <= true.params[name] <= high
    low, high = np.nanquantile(draws.predict(largest)[:, 0], [0.025, 0.975])
    yield ("bootstrap", "value at the largest size"), bool(low <= top <= high)
    for name in ("w3", "w4"):
        error = result.stderr[name]
        inside = None if error is None else abs(result.params[name] - true.params[name]) <= 1.96 * error
        yield ("Wald", name), inside
        yield ("profile", name), bool(profile(result, name, [true.params[name]])["inside"][0])


def _deepest(panel: Panel, y: np.ndarray, seed: int):
    points = panel.points.with_columns(y=pl.Series(y))
    out = deepest(points, ["log-quadratic"], RESAMPLES, seed)
    for low, value, high in out.select("low", "y", "high").iter_rows():
        yield ("prediction, bootstrap", "single run at the greatest depth"), low <= value <= high


def _fieller(n: int, replicates: int, seed: int):
    """`peak` for n widths along one depth: a parabola in ln d with its maximum inside."""
    rng, d = np.random.default_rng([seed, n, 1]), np.geomspace(16, 1024, n)
    top = float(np.exp(np.log(d).mean() + 0.4))
    curve = -0.004 * (np.log(d) - np.log(top)) ** 2
    for _ in range(replicates):
        found = peak(d, curve + 0.003 * rng.normal(size=n))
        low, high = found["low"], found["high"]
        yield None if low is None or high is None else low <= top <= high


def aicc_choice(replicates: int = 1000, seed: int = 0) -> pl.DataFrame:
    """Which law has the least AICc, where Eq. (7) or the log-quadratic law is true: ``n, truth, law, share``."""
    rows = []
    for n in DESIGNS:
        panel = truth(n, "performance")[0]
        for world in ("performance", "log-quadratic"):
            y = drawn(n, world, replicates, seed)
            scores = []
            for name in CHEAP:
                rest = y - forecasts(get(name), panel.points, y, np.array([n]))[:, 0]
                scores.append(n * np.log((rest**2).sum(1) / n) + penalty(len(get(name).parameters), n))
            counts = np.bincount(np.argmin(scores, axis=0), minlength=len(CHEAP)) / replicates
            label = {"n": n, "truth": world}
            rows += [{**label, "law": name, "share": share} for name, share in zip(CHEAP, counts, strict=True)]
    return pl.DataFrame(rows)


def penalty(parameters: int, n: int) -> float:
    """What AICc adds for `parameters` coefficients and σ: 2 k n / (n − k − 1) with k = parameters + 1."""
    k = parameters + 1
    return 2 * k * n / (n - k - 1)


def critical_difference(laws: int, blocks: int, level: float = 0.05) -> float:
    """Nemenyi: mean ranks over `blocks` that differ by less cannot be told apart."""
    quantile = studentized_range.ppf(1 - level, laws, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(laws * (laws + 1) / (6 * blocks)))


def rank_test(table: pl.DataFrame, value: str, blocks: Sequence[str]) -> tuple[pl.DataFrame, dict[str, float]]:
    """Friedman's test of the laws' ranks, the least `value` first, and Nemenyi's critical difference.

    Args:
        table: one row a panel and law, with ``law`` and `value`. blocks: what counts as one experiment: the columns of
            the panel, or of the data set, over whose panels ranks are averaged and ranked again.

    Returns:
        mean ranks, ``law, rank``, best first; and ``blocks, chi2, p, difference``.
    """
    inner = table.with_columns(rank=pl.col(value).rank().over(PANEL))
    means = inner.group_by(*blocks, "law", maintain_order=True).agg(pl.col("rank").mean())
    means = means.with_columns(rank=pl.col("rank").rank().over(blocks))
    wide = means.pivot("law", index=blocks, values="rank", maintain_order=True).drop(blocks)
    chi2, p = friedmanchisquare(*(column.to_numpy() for column in wide.iter_columns()))
    ranks = pl.DataFrame({"law": wide.columns, "rank": [float(np.mean(c.to_numpy())) for c in wide.iter_columns()]})
    test = {"blocks": len(wide), "chi2": float(chi2), "p": float(p)}
    return ranks.sort("rank"), {**test, "difference": critical_difference(wide.width, len(wide))}
