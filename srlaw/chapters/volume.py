"""Lemma 3.4 and Theorem 3.5: the ball's volume, its Stirling form, and what log Z + 1/Z can be squeezed between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import gammaln, hyp1f1, lambertw

from srlaw import paper
from srlaw.datasets import REGISTRY


def log_volume(n: np.ndarray) -> np.ndarray:
    """ln V_n(√(n/2πe)): the volume of an n-ball of that radius, as below Eq. (23), in log space."""
    n = np.asarray(n, dtype=float)
    return n / 2 * (np.log(n / 2) - 1) - gammaln(n / 2 + 1)


def log_volume_stirling(n: np.ndarray, terms: int = 1) -> np.ndarray:
    """Stirling's form of `log_volume`: −½ ln(πn), with `terms` = 2 also − 1/(6n)."""
    n = np.asarray(n, dtype=float)
    return -np.log(np.pi * n) / 2 - (terms > 1) / (6 * n)


def log_volume_recursive(n: int) -> float:
    """`log_volume` from V_k(r) = V_{k−2}(r)·2πr²/k, without a Gamma function: a second route."""
    squared = n / (2 * np.pi * np.e)
    k = np.arange(n, 1, -2, dtype=float)
    last = np.log(2 * np.sqrt(squared)) if n % 2 else 0.0  # V_1 = 2r, V_0 = 1
    return float(np.log(2 * np.pi * squared / k[k > 1]).sum() + last)


def log_z_of_patterns(d: float, n: np.ndarray) -> np.ndarray:
    """ln Σ ∫ e^−|x − ρ_i| dx over balls of radius R = √(n/2πe) around d patterns ρ_i, no ball touching another.

    One ball gives n·V_n(1)·γ(n, R) = V_n(R)·e^−R·₁F₁(1; n + 1; R), γ the lower incomplete gamma function.
    """
    radius = np.sqrt(np.asarray(n, dtype=float) / (2 * np.pi * np.e))
    return np.log(d) + log_volume(n) - radius + np.log(hyp1f1(1, np.asarray(n, dtype=float) + 1, radius))


def f(z: float | np.ndarray) -> float | np.ndarray:
    """log Z + 1/Z for Z > 0: at least 1, which it is at Z = 1; it falls below that and grows above."""
    return np.log(z) + 1 / z


def log_z_bounds(d: float, s_max: int, d_emb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln of the two ends of Eq. (23) with n = S_max·d_emb throughout: each of the shape of `d_emb`."""
    n = s_max * np.asarray(d_emb, dtype=float)
    upper = np.log(d) + log_volume(n)
    return upper - np.sqrt(n / (2 * np.pi * np.e)), upper


def f_of_log(log_z: np.ndarray) -> np.ndarray:
    """`f` at Z = e^log_z; ∞ where 1/Z overflows."""
    with np.errstate(over="ignore"):
        return log_z + np.exp(-np.asarray(log_z))


def by_construction(widths: Sequence[int], draws: int, seed: int = 0) -> pl.DataFrame:
    """(24) for any Z at all, one configuration at a time: w3 = w4 = 0 on the left, d_emb^w = Z on the right.

    Returns:
        ``d_emb, log_z`` (uniform on ±20), ``w``, and ``left, right``, how far each half is from equality; ≥ 0 is true.
    """
    rng = np.random.default_rng([seed, 35])
    log_z = rng.uniform(-20, 20, (len(widths), draws))
    d_emb = np.repeat(np.asarray(widths, dtype=float)[:, None], draws, axis=1)
    w = log_z / np.log(d_emb)
    left = f_of_log(log_z) - f(1.0)
    right = f_of_log(w * np.log(d_emb)) - f_of_log(log_z)
    columns = {"d_emb": d_emb, "log_z": log_z, "w": w, "left": left, "right": right / f_of_log(log_z)}
    return pl.DataFrame({name: values.ravel() for name, values in columns.items()})


def bound_carried(d_values: Sequence[float], s_max: int, widths: np.ndarray, draws: int = 21) -> pl.DataFrame:
    """Does Z ≤ U, Eq. (23), carry over to f(Z) ≤ f(U), as Eq. (26) has it? Z at `draws` places of its interval.

    Returns:
        One row a d, width and Z: ``d, d_emb, log_u, log_z, below_one`` (U ≤ 1, the paper's case) and ``holds``.
    """
    parts = []
    for d in d_values:
        low, up = log_z_bounds(d, s_max, widths)
        log_z = low + (up - low) * np.linspace(0, 1, draws)[:, None]
        columns = {
            "d_emb": np.broadcast_to(widths, log_z.shape),
            "log_u": np.broadcast_to(up, log_z.shape),
            "log_z": log_z,
        }
        columns["holds"] = f_of_log(log_z) <= f_of_log(up) * (1 + 1e-12)
        parts.append(pl.DataFrame({name: values.ravel() for name, values in columns.items()}).with_columns(d=pl.lit(d)))
    return pl.concat(parts).with_columns(below_one=pl.col("log_u") <= 0)


def log_f(log_z: float) -> float:
    """ln `f` at Z = e^log_z, without overflow."""
    if log_z < 0:
        return float(-log_z + np.log1p(log_z * np.exp(log_z)))
    return float(np.log(log_z + np.exp(-log_z)))


def fails_beyond(d: float, s_max: int, w: float, widest: float = 1e12) -> float | None:
    """The width beyond which d_emb^w·d (or its inverse) no longer serves the right half of (24), Z at its least.

    The last crossing of ln f(Z), Z the lower end of (23), and ln f(d·d_emb^w), found by root finding in ln d_emb. The
    difference is about √(n/2πe) − w ln d_emb: past the width where √(n/2πe) = 2w it only grows.

    Returns:
        2 if it fails at every width from there on; None if it serves at `widest`.
    """

    def short(log_width: float) -> float:
        need = float(log_z_bounds(d, s_max, np.exp(log_width))[0])
        log_x = w * log_width + np.log(d)
        return log_f(need) - max(log_f(log_x), log_f(-log_x))

    start, end = np.log(max(2.0, 8 * np.pi * np.e * w**2 / s_max)), np.log(widest)
    if short(end) <= 0:
        return None
    if short(start) >= 0:
        return 2.0
    log_width, _ = brentq(short, start, end, full_output=True)
    return float(np.exp(log_width))


def uniform_exponents(d_values: Sequence[float], s_max: int, exponents: Sequence[float]) -> pl.DataFrame:
    """One pair of exponents for all widths: ``d, w, fails_at``, the width of `fails_beyond`; d is held fixed."""
    rows = [(float(d), float(w), fails_beyond(d, s_max, w)) for d in d_values for w in exponents]
    schema = {"d": pl.Float64, "w": pl.Float64, "fails_at": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def fitted_exponents() -> pl.DataFrame:
    """Exponents w4 of ln d + p·d^−w4 that the paper reports: ``where, w4, w2, p`` (w2, p null in Table 4)."""
    rows: list[tuple[str, float, float | None, float | None]]
    rows = [(f"Table 4, {r['model']} {r['precision']}", r["w4"], None, None) for r in paper.table(4).to_dicts()]
    for number in (29, 30):
        _, params = paper.equation(number)
        rows.append((f"Eq. ({number})", params["w4"], params["w2"], float(params["p_d"])))
    schema = {"where": pl.String, "w4": pl.Float64, "w2": pl.Float64, "p": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def panel_profile(exponents: Sequence[float]) -> pl.DataFrame:
    """Every panel of Figures 3 and 5 fitted with a + b ln N + c ln² N + w2 ln d + q·d^−w4 by least squares, w4 given.

    The limit w4 = 0 is ln² d in place of the power. The depth part is that of the same limit for w3.

    Returns:
        ``dataset, s_max, metric, w4, r2, w2, q``: one row a panel and exponent.
    """
    rows = []
    for panel in paper.panels():
        depth, width = (np.log(panel.points[c].to_numpy()) for c in ("n_layers", "d_emb"))
        y = panel.points["y"].to_numpy()
        for w4 in exponents:
            # (d^−w4 − 1 + w4 ln d) / w4² spans the same curves and turns into ½ ln² d at 0
            curve = width**2 / 2 if abs(w4) < 1e-6 else (np.expm1(-w4 * width) + w4 * width) / w4**2
            design = np.column_stack([np.ones_like(y), depth, depth**2, width, curve])
            coef, *_ = np.linalg.lstsq(design, y, rcond=None)
            r2 = 1 - ((y - design @ coef) ** 2).sum() / ((y - y.mean()) ** 2).sum()
            w2 = coef[3] + coef[4] / w4 if w4 else None
            q = coef[4] / w4**2 if w4 else None
            rows.append((*panel.key, float(w4), float(r2), w2, q))
    schema = {"dataset": pl.String, "s_max": pl.Int64, "metric": pl.String}
    schema |= dict.fromkeys(("w4", "r2", "w2", "q"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def z_with(value: float) -> tuple[float, float]:
    """The two Z with log Z + 1/Z = `value` > 1, one below and one above 1: Z = −1/W(−e^−value)."""
    branches = [-1 / lambertw(-np.exp(-value), k).real for k in (-1, 0)]
    return float(branches[0]), float(branches[1])


def z_by_reading() -> pl.DataFrame:
    """What (23) says of Z ≤ 1 at the 224 configurations of Figures 3 and 5, for three readings of its d.

    Returns:
        ``d`` (layers, items or users), ``cases`` (where that number is public: `srlaw.datasets.REGISTRY`), and how
        many of them have ``below`` (the upper end at most 1), ``above`` (the lower end above 1) and ``undecided``.
    """
    grid = paper.grid()
    names = grid["dataset"]
    known = {
        what: names.replace_strict({n: getattr(d, what) for n, d in REGISTRY.items()}, default=None)
        for what in ("items", "users")
    }
    rows = []
    for reading, d in {"layers": grid["n_layers"], **known}.items():
        part = grid.with_columns(d=d).drop_nulls("d")
        n = part["s_max"].to_numpy() * part["d_emb"].to_numpy()
        log_d = np.log(part["d"].to_numpy())
        low, high = log_z_bounds(1, 1, n)
        below, above = int((log_d + high <= 0).sum()), int((log_d + low > 0).sum())
        rows.append((reading, len(part), below, above, len(part) - below - above))
    return pl.DataFrame(rows, schema=["d", "cases", "below", "above", "undecided"], orient="row")


def past_their_best() -> int:
    """Panels of Figures 3 and 5 whose greatest metric is not that of the model with most layers and most width."""
    found = 0
    for panel in paper.panels():
        best = panel.points.row(int(panel.points["y"].to_numpy().argmax()), named=True)
        found += any(best[name] < panel.points[name].to_numpy().max() for name in ("n_layers", "d_emb"))
    return found


def losses_below_one() -> dict[str, float | str | None]:
    """Published losses of sequential recommenders (`paper.srt_runs`), those below 1, and the least.

    Returns:
        ``losses`` (runs); of the training losses ``below`` (1), ``lowest`` and ``logs_below`` (the data sets of those
        below 1, None if there are none); ``tested_below`` (test and validation losses below 1), ``least_test`` and
        ``least_valid``.
    """
    runs = paper.srt_runs()
    trained, test, valid = runs["train_train_loss"], runs["test_eval_loss"], runs["valid_eval_loss"]
    logs = runs.filter(trained < 1)["dataset"].str.replace("amazon-", "Amazon ").unique().sort().to_list()
    return {
        "losses": len(runs),
        "below": int((trained < 1).sum()),
        "lowest": float(trained.to_numpy().min()),
        "logs_below": " and ".join(logs) or None,
        "tested_below": len(test.filter(test < 1)) + len(valid.filter(valid < 1)),
        "least_test": float(test.to_numpy().min()),
        "least_valid": float(valid.to_numpy().min()),
    }
