"""The 448 measurements refitted: every law on every panel of Figures 3 and 5, and what the data cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import stats

from srlaw import paper, stored
from srlaw.laws import PANEL_LAWS, Fit, bootstrap, fit, fit_tables, get, leave_one_out, profile
from srlaw.paper import PANEL, Panel

Key = tuple[str, int, str, str]  # dataset, s_max, metric, law
SLOW = ("performance-shared", "performance-code")  # one p for both terms: each refit takes a second or more


def fit_panels(laws: Sequence[str] = PANEL_LAWS) -> dict[Key, Fit]:
    """Every law fitted to every panel, by (dataset, s_max, metric, law)."""
    panels = paper.panels()
    fits = {name: fit_tables(get(name), [panel.points for panel in panels], "y") for name in laws}
    return {(*panel.key, name): fits[name][i] for i, panel in enumerate(panels) for name in laws}


def summary(fits: dict[Key, Fit]) -> pl.DataFrame:
    """One row a fit: ``dataset, s_max, metric, law, n, parameters, r2, adjusted_r2, aicc, loo, status``.

    ``loo`` is the root mean squared error of leave-one-out predictions, in units of the metric; of the laws in `SLOW`
    it is read from the stored `thorough_errors`.
    """
    rows, known = [], {tuple(row[:-1]): row[-1] for row in stored.leave_one_out().iter_rows()}
    for key, result in fits.items():
        rows.append(
            {
                **dict(zip((*PANEL, "law"), key, strict=True)),
                "n": result.n,
                "parameters": result.free,
                "r2": result.r2,
                "adjusted_r2": result.adjusted_r2,
                "aicc": result.aicc,
                "loo": known[key] if result.law.name in SLOW else _loo(result),
                "status": result.status,
            }
        )
    return pl.DataFrame(rows)


def _loo(result: Fit, thorough: bool = False) -> float:
    return float(np.sqrt(np.mean((leave_one_out(result, thorough) - result.y) ** 2)))


def thorough_errors(panels: Sequence[Panel] | None = None) -> pl.DataFrame:
    """Leave-one-out errors of the laws in `SLOW`, each refit searched to its end: ``dataset, s_max, metric, law, loo``.

    The quicker search stops in valleys, at points that depend on the processor's rounding. Five significant digits.
    """
    rows = [
        (*panel.key, law, _loo(fit(get(law), panel.points, "y"), thorough=True))
        for panel in (paper.panels() if panels is None else panels)
        for law in SLOW
    ]
    return pl.DataFrame(rows, [*PANEL, "law", "loo"], orient="row").with_columns(pl.col("loo").round_sig_figs(5))


def reported_beside_refitted(table: pl.DataFrame) -> pl.DataFrame:
    """R² as printed in the figures beside that of our refits: one row a panel.

    Args:
        table: `summary` of at least the laws performance, performance-shared, performance-code, log-linear and power.

    Returns:
        ``dataset, s_max, metric, reported`` (Performance Law), ``performance, performance-shared,
        performance-code``, ``reported_scaling`` (the plain scaling law), ``log-linear`` and ``power``.
    """
    wide = table.pivot("law", index=PANEL, values="r2", maintain_order=True)
    for law, name in (("performance_law", "reported"), ("scaling_law", "reported_scaling")):
        printed = paper.figure_fits(law).select(*PANEL, pl.col("r2").alias(name))
        wide = wide.join(printed, on=PANEL, how="left", maintain_order="left")
    names = ["performance", "performance-shared", "performance-code"]
    return wide.select(*PANEL, "reported", *names, "reported_scaling", "log-linear", "power")


def ranking(table: pl.DataFrame) -> pl.DataFrame:
    """Laws over all panels: mean rank by AICc and by leave-one-out, panels won, and median loo relative to the best.

    Returns:
        ``law, parameters, mean_rank_aicc, wins_aicc, mean_rank_loo, wins_loo, median_loo_ratio``, best loo rank first.
    """
    ranked = table.with_columns(
        rank_aicc=pl.col("aicc").rank("min").over(PANEL),
        rank_loo=pl.col("loo").rank("min").over(PANEL),
        ratio=pl.col("loo") / pl.col("loo").min().over(PANEL),
    )
    return (
        ranked.group_by("law", maintain_order=True)
        .agg(
            pl.col("parameters").first(),
            mean_rank_aicc=pl.col("rank_aicc").mean(),
            wins_aicc=(pl.col("rank_aicc") == 1).sum(),
            mean_rank_loo=pl.col("rank_loo").mean(),
            wins_loo=(pl.col("rank_loo") == 1).sum(),
            median_loo_ratio=pl.col("ratio").median(),
        )
        .sort("mean_rank_loo")
    )


def beaten(table: pl.DataFrame, law: str, rivals: Sequence[str]) -> pl.DataFrame:
    """On how many panels a law is ahead of each rival, by three measures.

    Args:
        table: `summary` of the law and its rivals.

    Returns:
        ``rival, parameters, r2, aicc, loo``: the rival's parameters, and the panels where the law's R² is higher, its
        AICc lower, its leave-one-out error lower.
    """
    own = table.filter(pl.col("law") == law)
    rows = []
    for rival in rivals:
        both = own.join(table.filter(pl.col("law") == rival), on=PANEL, suffix="_rival")
        ahead = {
            "r2": both["r2"] > both["r2_rival"],
            "aicc": both["aicc"] < both["aicc_rival"],
            "loo": both["loo"] < both["loo_rival"],
        }
        counts = {name: int(values.sum()) for name, values in ahead.items()}
        rows.append({"rival": rival, "parameters": both["parameters_rival"][0], **counts})
    return pl.DataFrame(rows)


def curves(fits: dict[Key, Fit], law: str, metric: str, points: int = 13) -> pl.DataFrame:
    """Measurements and fitted curves of one law and metric, for drawing.

    Returns:
        ``panel, n_layers, d_emb, measured, fitted, residual``: each measurement with its fit, and rows with null
        ``measured`` along a finer grid of depths.
    """
    frames = []
    for (dataset, s_max, which, name), result in fits.items():
        if (which, name) != (metric, law):
            continue
        panel = {"panel": f"{dataset}, s_max {s_max}"}
        n, d = result.x["n_layers"], result.x["d_emb"]
        seen = {"n_layers": n, "d_emb": d, "measured": result.y, "fitted": result.y - result.residuals}
        frames.append(pl.DataFrame({**seen, "residual": result.residuals}).with_columns(**_literals(panel)))
        depth, width = np.meshgrid(np.geomspace(n.min(), n.max(), points), np.unique(d))
        fine = {"n_layers": depth.ravel(), "d_emb": width.ravel()}
        frames.append(pl.DataFrame({**fine, "fitted": result.predict(fine)}).with_columns(**_literals(panel)))
    return pl.concat(frames, how="diagonal")


def _literals(values: dict) -> dict[str, pl.Expr]:
    return {name: pl.lit(value) for name, value in values.items()}


def exponents(fits: dict[Key, Fit], n_bootstrap: int, seed: int = 0, laws=("performance",)) -> pl.DataFrame:
    """The exponents w3 and w4 of Eq. (7) in each panel as fitted by one of `laws`, with their uncertainty.

    Returns:
        ``dataset, s_max, metric, parameter, value, low, high`` (95% residual bootstrap, percentiles).
    """
    rows = []
    for (*panel, law), result in fits.items():
        if law not in laws:
            continue
        interval = bootstrap(result, n_bootstrap, seed=seed).interval()
        for name in ("w3", "w4"):
            low, high = interval[name]
            found = {"parameter": name, "value": result.params[name], "low": low, "high": high}
            rows.append({**dict(zip(PANEL, panel, strict=True)), **found})
    return pl.DataFrame(rows)


def held_fits(held: pl.DataFrame) -> dict[Key, Fit]:
    """Eq. (7) with p held at the whole number of each panel's printed R², by the law's engine.

    Args:
        held: rows of `srlaw.chapters.printed.nearest`.
    """
    found = {}
    for row in held.iter_rows(named=True):
        law, name = ("performance-code", "p") if row["form"] == "code" else ("performance-shared", "p1")
        panel = paper.panel(*(row[column] for column in PANEL))
        found[(*panel.key, law)] = fit(get(law), panel.points, "y", fixed={name: row["p"]})
    return found


def equal_fits(result: Fit, name: str = "w3", tolerance: float = 0.005) -> pl.DataFrame:
    """Distinct parameter vectors of one panel whose R² is within `tolerance` of the best.

    Returns:
        the best fit, and the smallest and the largest value of `name` that the tolerance allows, each with the
        other parameters refitted; with ``r2`` and ``difference``, the largest change of a prediction.
    """
    line = profile(result, name, np.linspace(*result.law.bounds[name], 81)).filter(
        pl.col("r2") >= result.r2 - tolerance
    )
    parameters = list(result.law.parameters)
    rows = [{"r2": result.r2, **result.params}]
    for row in (line.row(line["value"].arg_min(), named=True), line.row(line["value"].arg_max(), named=True)):
        rows.append({"r2": row["r2"], **{p: row["value"] if p == name else row[p] for p in parameters}})
    fitted = [result.law.predict({p: row[p] for p in parameters}, result.x) for row in rows]
    difference = [float(np.abs(values - fitted[0]).max()) for values in fitted]
    return pl.DataFrame(rows).select("r2", pl.Series("difference", difference), *parameters)


def interactions() -> pl.DataFrame:
    """Whether depth and width act together, which no sum f(N) + g(d) can follow, and Eq. (7) is one.

    In the two-way table of a panel, with the means of every depth and width free, the contrast ln N · ln d is
    tested against what is left of the interaction.

    Returns:
        ``dataset, s_max, metric, slope`` (of ln N · ln d), ``f, p`` (F test of one degree of freedom).
    """
    rows = []
    for panel in paper.panels():
        table = panel.points.pivot("d_emb", index="n_layers", values="y", sort_columns=False).sort("n_layers")
        widths = sorted(table.columns[1:], key=float)
        y = table.select(widths).to_numpy()
        left = y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()
        depth, width = np.log(table["n_layers"].to_numpy()), np.log(np.array(widths, float))
        contrast = np.outer(depth - depth.mean(), width - width.mean())
        slope = float((contrast * left).sum() / (contrast**2).sum())
        rest = float(((left - slope * contrast) ** 2).sum())
        free = (y.shape[0] - 1) * (y.shape[1] - 1) - 1
        f = slope**2 * float((contrast**2).sum()) / (rest / free)
        rows.append((*panel.key, slope, f, float(stats.f.sf(f, 1, free))))
    return pl.DataFrame(rows, [*PANEL, "slope", "f", "p"], orient="row")


def decay(fits: dict[Key, Fit]) -> pl.DataFrame:
    """Whether performance decays beyond an optimum within the grid: one row a panel.

    Taken from the log-quadratic law with interaction, so that the best of many noisy runs is not flattered.

    Returns:
        ``dataset, s_max, metric``; ``best_n, best_d``, the configuration with the highest fitted value; ``drop``, how
        far the fitted value of the largest one lies below it; ``t``, the drop over its standard error.
    """
    rows = []
    for (*panel, law), result in fits.items():
        if law != "log-quadratic-interaction":
            continue
        n, d = result.x["n_layers"], result.x["d_emb"]
        fitted = result.y - result.residuals
        best, largest = int(fitted.argmax()), int(np.lexsort((d, n))[-1])
        design = result.law.jacobian(result.params, result.x)
        contrast = design[best] - design[largest]
        noise = result.objective / (result.n - result.free)
        error = np.sqrt(noise * contrast @ np.linalg.pinv(design.T @ design) @ contrast)
        drop = fitted[best] - fitted[largest]
        at = {"best_n": int(n[best]), "best_d": int(d[best])}
        label = dict(zip(PANEL, panel, strict=True))
        rows.append({**label, **at, "drop": drop, "t": drop / error if best != largest else 0.0})
    return pl.DataFrame(rows)
