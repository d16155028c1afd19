"""Table 3: where Eqs. (29) and (30) have their optima, how far the printed digits fix them, what the data say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl
from scipy import stats

from srlaw import paper
from srlaw.laws import PANEL_LAWS, Fit, bootstrap, fit_tables, get, optimum

HALF_UNIT = {"w1": 0.005, "p_n": 0.5, "w3": 5e-5, "w2": 0.005, "p_d": 0.5, "w4": 5e-5}
"""Half a unit of the last printed digit of each coefficient of Eqs. (29) and (30) that an optimum can depend on."""

READINGS = {
    "(29) as printed": (29, "printed", {}),
    "(29), 34 for 3": (29, "corrected", {}),
    "(30) as printed": (30, "printed", {}),
    "(30), exponents exchanged": (30, "printed", {"w4": 0.0410, "w5": 0.0395}),
    "(30), 32 for 31": (30, "printed", {"p_d": 32.0}),
}
BUDGETS = {"N·d = 512": "N*d=512", "N·d² = 32768": "N*d^2=32768"}  # what N = 8 and d = 64 give
TURNING = tuple(law for law in PANEL_LAWS if law not in ("power", "log-linear"))  # these fall or grow for ever
LAWS = (*TURNING, "power")


def reading(name: str) -> dict[str, float]:
    """Coefficients of one of `READINGS`."""
    number, variant, changes = READINGS[name]
    return {**paper.equation(number, variant)[1], **changes}


def turning_width(p: float | np.ndarray, w: float | np.ndarray):
    """Where ln d + p d^−w stops falling: d = (p w)^(1/w), for w > 0."""
    return (p * w) ** (1 / w)


def equation_optima() -> pl.DataFrame:
    """Optima of every reading by `srlaw.laws.optimum`, free and on both budgets.

    Returns:
        ``reading, budget, n_layers, d_emb`` (null where the law grows up to a limit) and ``says``, a sentence.
    """
    rows = []
    for name in READINGS:
        law, params = paper.in_panel(reading(name))
        for budget, constraint in {"free": None, **BUDGETS}.items():
            best = optimum(law, params, constraint)
            where = {"n_layers": best.n_layers, "d_emb": best.d_emb}
            rows.append({"reading": name, "budget": budget, **where, "says": best.reason})
    return pl.DataFrame(rows)


def rounding_one_by_one(name: str, constraint: str | None = None) -> pl.DataFrame:
    """Range of the optimum as each printed coefficient alone moves by half a unit of its last digit.

    Returns:
        ``coefficient, printed, half_unit, d_low, d_high``, and ``n_low, n_high`` under a constraint. Coefficients on
        which the optimum does not depend are left out.
    """
    law, params = paper.in_panel(reading(name))
    rows = []
    for coefficient in HALF_UNIT if constraint else ("p_d", "w4"):
        half = HALF_UNIT[coefficient]
        ends = [{**params, coefficient: params[coefficient] + side * half} for side in (-1, 1)]
        found = [optimum(law, end, constraint) for end in ends]
        widths = sorted(best.d_emb for best in found if best.d_emb is not None)
        row = {"coefficient": coefficient, "printed": params[coefficient], "half_unit": half}
        row |= {"d_low": widths[0], "d_high": widths[1]}
        if constraint:
            depths = sorted(best.n_layers for best in found if best.n_layers is not None)
            row |= {"n_low": depths[0], "n_high": depths[1]}
        rows.append(row)
    return pl.DataFrame(rows)


def rounding_all(name: str, n: int = 1000, seed: int = 0, constraint: str | None = None) -> pl.DataFrame:
    """Optima of `n` coefficient vectors that all print alike (uniform within half a unit): ``d_emb`` (, ``n_layers``).

    Free optima are (p w)^(1/w); draws without a maximum under the constraint are left out.
    """
    law, params = paper.in_panel(reading(name))
    rng = np.random.default_rng(seed)
    draws = {key: np.full(n, value) for key, value in params.items()}
    for key, half in HALF_UNIT.items():
        draws[key] = draws[key] + rng.uniform(-half, half, n)
    if constraint is None:
        return pl.DataFrame({"d_emb": turning_width(draws["p_d"], draws["w4"])})
    found = [optimum(law, {key: values[i] for key, values in draws.items()}, constraint) for i in range(n)]
    frame = pl.DataFrame([{"n_layers": best.n_layers, "d_emb": best.d_emb} for best in found])
    return frame.drop_nulls()


def equations_against_points(dataset: str, cuts: Sequence[int] = (25, 50)) -> pl.DataFrame:
    """How well each reading follows the measurements, which the equations' own numbers are far above.

    Returns:
        ``reading, metric, s_max, r2`` (after a free scale and level: the shape alone), ``times`` (law over metric,
        both averaged over the panel, at the D′ of Table 2's s_max 25 row, whose w5 Eq. (29) has), ``r2_times`` (of the
        law divided by the best such factor, no level) and ``reported``, the R² printed in the figure.
    """
    fits = paper.figure_fits("performance_law").filter(pl.col("dataset") == dataset)
    d_primes = paper.table(2).row(by_predicate=(pl.col("dataset") == dataset) & (pl.col("s_max") == 25), named=True)
    rows = []
    for name, (number, _, _) in READINGS.items():
        metric = "hr10" if number == 29 else "ndcg10"
        law, params = paper.in_panel(reading(name), d_primes[f"{metric}_d_prime"])
        for s_max in cuts:
            points = paper.panel(dataset, s_max, metric).points
            y = points["y"].to_numpy()
            value = law.predict(params, {key: points[key].to_numpy() for key in ("n_layers", "d_emb")})
            spread = ((y - y.mean()) ** 2).sum()
            scaled = 1 - ((y - value * (value @ y) / (value @ value)) ** 2).sum() / spread
            here = fits.filter((pl.col("s_max") == s_max) & (pl.col("metric") == metric))
            row = {"reading": name, "metric": paper.METRICS[metric], "s_max": s_max}
            row |= {"r2": np.corrcoef(value, y)[0, 1] ** 2, "times": value.mean() / y.mean(), "r2_times": scaled}
            rows.append({**row, "reported": here["r2"].item()})
    return pl.DataFrame(rows)


def fit_all(dataset: str, s_max: int, laws: Sequence[str] = LAWS, metrics=paper.FIGURE_METRICS):
    """Each law fitted to each metric of a panel: (metric, law) → `Fit`."""
    points = [paper.panel(dataset, s_max, metric).points for metric in metrics]
    fits = {law: fit_tables(get(law), points, "y") for law in laws}
    return {(metric, law): fits[law][i] for i, metric in enumerate(metrics) for law in laws}


def own_optima(fits: dict[tuple[str, str], Fit], n_bootstrap: int, seed: int = 0) -> pl.DataFrame:
    """Optimum of each fitted law, free and on the budget N·d² = 32768, with 95% bootstrap intervals.

    Returns:
        ``metric, law, budget, r2, n_layers, n_low, n_high, d_emb, d_low, d_high, share`` (resamples with a maximum
        inside the limits; the interval is over these).
    """
    rows = []
    for (metric, law), result in fits.items():
        draws = bootstrap(result, n_bootstrap, seed=seed)
        for budget, constraint in (("free", None), ("N·d² = 32768", BUDGETS["N·d² = 32768"])):
            best = optimum(result, constraint=constraint, draws=draws)
            interval = best.interval or {"n_layers": (None, None), "d_emb": (None, None)}
            row = {"metric": paper.METRICS[metric], "law": law, "budget": budget, "r2": result.r2}
            for key, short in (("n_layers", "n"), ("d_emb", "d")):
                row |= {key: getattr(best, key)}
                row |= {f"{short}_low": interval[key][0], f"{short}_high": interval[key][1]}
            rows.append({**row, "share": best.share})
    return pl.DataFrame(rows, infer_schema_length=None)


def table3(half: str) -> pl.DataFrame:
    """One half of Table 3, "global" or "local", with its two columns as floats."""
    rows = paper.table(3).filter(pl.col("solution") == half)
    return rows.with_columns(pl.col("col1", "col2").cast(pl.Float64))


def printed_again() -> pl.DataFrame:
    """The rows of Table 3 whose three common metrics the successor's Table 2 prints too, for Huawei Music.

    Returns:
        ``col1, col2`` (headed N and d in Table 3), ``n_layers, d_emb`` (of the successor's row), ``hr10, ndcg10``,
        and ``same``: whether both tables name the same size, ``exchanged``: whether they do with the columns exchanged.
    """
    metrics = ["ndcg10", "ndcg50", "hr10"]
    there = paper.successor("2").filter(dataset="huawei-music").select("n_layers", "d_emb", *metrics)
    both = paper.table(3).join(there, on=metrics, maintain_order="left")
    straight = (pl.col("col1") == pl.col("n_layers")) & (pl.col("col2") == pl.col("d_emb"))
    turned = (pl.col("col2") == pl.col("n_layers")) & (pl.col("col1") == pl.col("d_emb"))
    names = ("solution", "col1", "col2", "n_layers", "d_emb", "hr10", "ndcg10")
    return both.select(*names, same=straight, exchanged=turned)


def depth_steps() -> pl.DataFrame:
    """Huawei Music, measured: from each depth to the next at one width, the change of each metric.

    Returns:
        ``s_max, metric, d_emb, n_layers`` (the deeper), ``change``.
    """
    frames = [
        panel.points.sort("d_emb", "n_layers")
        .with_columns(change=pl.col("y").diff().over("d_emb"))
        .drop_nulls("change")
        .select(pl.lit(panel.s_max).alias("s_max"), pl.lit(panel.metric).alias("metric"), "d_emb", "n_layers", "change")
        for panel in paper.panels()
        if panel.dataset == "huawei-music"
    ]
    return pl.concat(frames)


def predictions(fits: dict[tuple[str, str], Fit], half: str, metric: str = "hr10") -> pl.DataFrame:
    """Table 3's measurements beside what laws fitted to the panel predict, in both readings of its columns.

    Returns:
        ``law, col1, col2, measured, printed`` (N = col1, d = col2) and ``exchanged`` (N = col2, d = col1).
    """
    rows = table3(half)
    first, second = rows["col1"].to_numpy(), rows["col2"].to_numpy()
    parts = []
    for (which, law), result in fits.items():
        if which == metric and law != "power":  # its pole at width 0 is no forecast
            printed = result.predict({"n_layers": first, "d_emb": second})
            swapped = result.predict({"n_layers": second, "d_emb": first})
            seen = rows.select("col1", "col2", measured=pl.col(metric), law=pl.lit(law))
            parts.append(seen.with_columns(printed=printed, exchanged=swapped))
    return pl.concat(parts)


def misses(frame: pl.DataFrame) -> pl.DataFrame:
    """Root mean squared error by law of `predictions` in the two readings: ``law, printed, exchanged``."""
    errors = [((pl.col(c) - pl.col("measured")) ** 2).mean().sqrt().alias(c) for c in ("printed", "exchanged")]
    return frame.group_by("law", maintain_order=True).agg(errors)


def peak(d: np.ndarray, y: np.ndarray, level: float = 0.95) -> dict[str, float | None]:
    """Vertex of a quadratic in ln d through points ``(n,)``, with Fieller's exact interval.

    The interval holds every width at which a slope of 0 is not rejected. Either end is None where it is unbounded
    or where the curve does not turn significantly.

    Returns:
        ``d_emb, low, high, residual`` (standard deviation of the residuals, n − 3 degrees of freedom).
    """
    x = np.log(d)
    centre = x.mean()
    design = np.column_stack([np.ones_like(x), x - centre, (x - centre) ** 2])
    coef, *_ = np.linalg.lstsq(design, y, rcond=None)
    free = len(x) - 3
    noise = float(((y - design @ coef) ** 2).sum() / free) if free else 0.0
    out = {"d_emb": float(np.exp(centre - coef[1] / (2 * coef[2]))), "low": None, "high": None}
    out["residual"] = float(np.sqrt(noise)) if free else None
    if free:
        cov, t = noise * np.linalg.inv(design.T @ design), stats.t.ppf((1 + level) / 2, free)
        # (b + 2 c z)² = t² Var(b + 2 c z), a quadratic in z
        a2 = 4 * (coef[2] ** 2 - t**2 * cov[2, 2])
        a1 = 4 * (coef[1] * coef[2] - t**2 * cov[1, 2])
        a0 = coef[1] ** 2 - t**2 * cov[1, 1]
        if a2 > 0:
            low, high = sorted(np.roots([a2, a1, a0]).real)
            out |= {"low": float(np.exp(centre + low)), "high": float(np.exp(centre + high))}
    return out


def peaks(subsets: dict[str, Sequence[int]]) -> pl.DataFrame:
    """`peak` of each metric through the N = 64 rows of Table 3, by named subset of their widths."""
    rows = []
    for metric, label in paper.METRICS.items():
        for name, widths in subsets.items():
            part = table3("global").filter(pl.col("col2").is_in([float(width) for width in widths]))
            found = peak(part["col2"].to_numpy(), part[metric].to_numpy())
            rows.append({"metric": label, "rows": name, **found})
    return pl.DataFrame(rows)


def margins(users: float) -> pl.DataFrame:
    """By how much the configuration marked as optimal leads its half of Table 3, in HR@10.

    Args:
        users: users evaluated, for the binomial standard error of a difference of two hit rates (independent users;
            rounding to four decimals adds up to 1e-4).

    Returns:
        ``half, marked, other, lead, standard_error`` with a row for every other configuration.
    """
    rows = []
    for half in ("global", "local"):
        part = table3(half)
        last = part.row(-1, named=True)
        for row in part.head(-1).iter_rows(named=True):
            p, q = last["hr10"], row["hr10"]
            error = np.sqrt((p * (1 - p) + q * (1 - q)) / users)
            names = {key: f"{r['col1']:.0f} × {r['col2']:.0f}" for key, r in (("marked", last), ("other", row))}
            rows.append({"half": half, **names, "lead": p - q, "standard_error": error})
    return pl.DataFrame(rows)


@cache
def _fitted_widths(dataset: str) -> dict[str, float]:
    """Optimal widths at N = 64 of every law that turns, fitted to either panel and metric."""
    found = {}
    for s_max in (25, 50):
        for (metric, law), result in fit_all(dataset, s_max, TURNING).items():
            best = optimum(result, limits={"n_layers": (64, 64.001)})
            if best.d_emb:
                found[f"our {law}, {paper.METRICS[metric]}, s_max {s_max}, N = 64"] = best.d_emb
    return found


def where_from(target: float, dataset: str = "huawei-music", limit: int = 8) -> pl.DataFrame:
    """Simple ways to an optimal width, those nearest to `target` first: ``source, d_emb, off`` (relative).

    Tried: the readings; every change of one digit in p or the exponent of a width term; our fits of each law, s_max and
    metric at N = 64; parabolas in d and in ln d through all rows of Table 3's global half that are not the target.
    """
    found = {name: turning_width(reading(name)["p_d"], reading(name)["w4"]) for name in list(READINGS)[1:]}
    for number, p, w in ((29, "34", "0.0365"), (30, "31", "0.0395")):
        for place, digit in [(i, k) for i in range(len(p)) for k in "0123456789" if k != p[i]]:
            changed = p[:place] + digit + p[place + 1 :]
            found[f"({number}), {changed} for {p}"] = turning_width(float(changed), float(w))
        for place, digit in [(i, k) for i in range(2, len(w)) for k in "0123456789" if k != w[i]]:
            changed = w[:place] + digit + w[place + 1 :]
            if float(changed):
                found[f"({number}), {changed} for {w}"] = turning_width(float(p), float(changed))
    found |= _fitted_widths(dataset)
    others = table3("global").filter(pl.col("col2") != target)
    d = others["col2"].to_numpy()
    for metric, label in paper.METRICS.items():
        y = others[metric].to_numpy()
        c = np.polyfit(d, y, 2)
        found[f"parabola in d, {label}"] = -c[1] / (2 * c[0])
        found[f"parabola in ln d, {label}"] = peak(d, y)["d_emb"]
    frame = pl.DataFrame({"source": list(found), "d_emb": [float(v) for v in found.values()]})
    return frame.with_columns(off=pl.col("d_emb") / target - 1).sort(pl.col("off").abs()).head(limit)
