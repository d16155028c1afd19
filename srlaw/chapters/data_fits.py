"""Fits behind the data terms: the source of Eq. (2) fitted again, and what one panel says of D′."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import least_squares, minimize_scalar
from scipy.special import huber

from srlaw import paper
from srlaw.laws import bootstrap, fit, get
from srlaw.paper import Panel

PUBLISHED = {
    "the paper, Eq. (2)": paper.equation(2)[1],
    "Hoffmann et al. 2022": paper.equation(2, "corrected")[1],
}
"""Parameters of the simplified scaling law, as printed by two publications."""
REPLICATION = {"E": 1.8169, "error": 0.026}
"""E and its standard error as Besiroglu et al. (2024) report them, from the same points."""


def chinchilla_refit(path: Path | str, resamples: int = 300, seed: int = 1) -> pl.DataFrame:
    """The scaling law fitted to the points that Epoch AI read from Hoffmann et al.'s figure (see `data/paper`).

    The five largest losses are dropped, D = FLOP/(6N), and the sum of Huber losses (δ = 0.001) of log-loss residuals
    is minimised.

    Args:
        path: ``chinchilla_epoch_extracted.csv``.
        resamples: of the points, for the standard errors.

    Returns:
        ``fit, E, A, B, alpha, beta, objective``: one row ``least`` (all five free) and ``error`` (standard errors);
        one each for `PUBLISHED`, and one, ``best E``, with the other four parameters of Eq. (2).
    """
    n, flop = pl.col("Model Size"), pl.col("Training FLOP")
    frame = pl.read_csv(path).select(n_params=n, tokens=flop / (6 * n), loss="loss")
    frame = frame.sort("loss").head(len(frame) - 5)
    law, x = get("chinchilla"), {name: frame[name].to_numpy() for name in ("n_params", "tokens")}

    def cost(params: dict[str, float]) -> float:
        residual = np.log(frame["loss"].to_numpy()) - np.log(law.predict(params, x))
        return float(huber(1e-3, residual).sum())

    result = fit(law, frame, "loss", huber=1e-3)
    draws = bootstrap(result, resamples, "pairs", seed=seed)
    printed = PUBLISHED["the paper, Eq. (2)"]
    found: Any = minimize_scalar(lambda e: cost({**printed, "E": e}), bounds=(1, 2.5), method="bounded")
    rows = [{"fit": "least", **result.params, "objective": cost(result.params)}]
    rows.append({"fit": "error", **{name: float(np.std(v)) for name, v in draws.params.items()}, "objective": None})
    rows += [{"fit": name, **params, "objective": cost(params)} for name, params in PUBLISHED.items()]
    rows.append({"fit": "best E", **printed, "E": float(found.x), "objective": float(found.fun)})
    return pl.DataFrame(rows).select("fit", *printed, "objective")


def same_curve(panel: Panel) -> tuple[pl.DataFrame, dict[str, int]]:
    """Eq. (7) with several published D′ and w5 in one panel, p2 chosen so that the curve is the fitted one.

    Returns:
        the table ``source, d_prime, w5, p2, r2`` and the counts ``parameters`` of Eq. (7) with b and D′ included,
        ``identified`` (rank of the Jacobian on the panel) and ``data_columns`` (rank of the columns of b, p2, w5, D′).
    """
    row = paper.of_panel(paper.table(2, corrected=True), panel)
    drawn = paper.of_panel(paper.figure_fits("performance_law"), panel)["d_prime"]
    result, joint = fit(get("performance"), panel.points, "y"), get("performance-joint")
    w5 = row[f"{panel.metric}_w5"]
    choices = [("Table 2", row[f"{panel.metric}_d_prime"], w5), ("figure", drawn, w5)]
    choices += [("tokens/ApEn", row["tokens_over_apen"], 0.1), ("made up", 42.0, -0.5)]
    spread = ((result.y - result.y.mean()) ** 2).sum()
    rows = []
    for source, d_prime, exponent in choices:
        p2 = paper.cancelling_p2(d_prime, exponent)  # b stays as fitted
        params = {**result.params, "p2": p2, "w5": exponent}
        predicted = joint.predict(params, {**result.x, "tokens_over_apen": np.full(result.n, d_prime)})
        r2 = 1 - ((result.y - predicted) ** 2).sum() / spread
        rows.append({"source": source, "d_prime": d_prime, "w5": exponent, "p2": p2, "r2": r2})
    params = {**result.params, "p2": rows[0]["p2"], "w5": w5}
    jacobian = joint.jacobian(params, {**result.x, "tokens_over_apen": np.full(result.n, choices[0][1])})
    by_d = (1 - w5 * params["p2"] * choices[0][1] ** -w5) / choices[0][1]
    full = np.column_stack([jacobian, np.full(result.n, by_d)])
    data = [joint.parameters.index(name) for name in ("b", "p2", "w5")] + [full.shape[1] - 1]
    counts = {"parameters": full.shape[1], "identified": _rank(full), "data_columns": _rank(full[:, data])}
    return pl.DataFrame(rows), counts


def fitted_from(panel: Panel, starts: tuple[float, ...] = (1.0, 10.0, 100.0), p: float = 2.0) -> list[float]:
    """D′ of the authors' code form (p held, b free, all else from 1, D′ ≥ 0) after least squares, by its start."""
    n, d, y = (panel.points[c].to_numpy().astype(float) for c in ("n_layers", "d_emb", "y"))

    def term(x, w):
        return -np.power(x, -w) / p - w * np.log(x)

    def residuals(q):
        w1, w2, d_prime, b, w3, w4, w5 = q
        return w1 * term(n, w3) + w2 * term(d, w4) + term(d_prime, w5) + b - y

    box = (np.where(np.arange(7) == 2, 0, -np.inf), np.inf)
    with np.errstate(all="ignore"):
        return [float(least_squares(residuals, [1, 1, start, 1, 1, 1, 1], bounds=box).x[2]) for start in starts]


def _rank(columns: np.ndarray) -> int:
    norms = np.linalg.norm(columns, axis=0)
    return int(np.linalg.matrix_rank(columns / np.where(norms > 0, norms, 1), tol=1e-9))
