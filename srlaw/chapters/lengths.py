"""Loss and ranking with a longer history: sweep A at several s_max, and Eq. (1) with its D."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw.chapters import loss_scaling as study
from srlaw.files import repository
from srlaw.laws import bootstrap, fit, get

LONGER = Path("data/sweeps/loss-scaling-lengths.csv")
TOKENS = "train_tokens"
SIZE = ["n_layers", "d_emb"]
LAWS = {"Eq. (1)": "kaplan", "E + A/Nᵅ + B/Dᵝ": "chinchilla"}
EXPONENTS = {"kaplan": ("alpha_n", "alpha_d"), "chinchilla": ("alpha", "beta")}
"""Of each law the exponent of size and that of data."""
SHORT = {"all parameters": "all", "parameters without embeddings": "without embeddings"}
UNBOUNDED = ("at-bound", "degenerate-limit")
RESAMPLES = 200
LEAST_SIZES = 3  # trained at both lengths of a step
INSIDE = 0.001  # an interval this near to a bound of the search, in its own logarithm's scale, has reached it


def rows(table: str | Path | None = None, **only: Any) -> pl.DataFrame:
    """The runs of every s_max of `srlaw.chapters.loss_scaling.rows`; None for this project's own."""
    if table is not None:
        return study.rows(table, **only)
    own = (study.rows(**only), study.rows(repository() / LONGER, **only))
    return pl.concat(own, how="diagonal_relaxed")


def cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Means over seeds: ``s_max, n_layers, d_emb``, tokens, sizes, losses and metrics; shortest and smallest first."""
    names = (TOKENS, *study.SIZES, *study.LOSSES, *study.METRICS)
    there = [name for name in names if name in frame.columns]
    return frame.group_by("s_max", *SIZE).agg(pl.col(there).mean()).sort("s_max", *SIZE)


def several(points: pl.DataFrame) -> bool:
    """Whether some two lengths have `LEAST_SIZES` sizes in common."""
    return bool(len(steps(points)))


def steps(points: pl.DataFrame) -> pl.DataFrame:
    """From each s_max to the next longer one, over the sizes that were trained at both.

    Returns:
        ``before, after`` (s_max), ``name`` (loss or metric), ``sizes``, ``change`` (mean), ``low, high`` (95% t
        interval over the sizes), ``narrow, wide``: the mean change at the least and at the greatest width.
    """
    if "s_max" not in points.columns:
        return pl.DataFrame()
    out = []
    names = [name for name in (*study.LOSSES, *study.METRICS) if name in points.columns]
    for a, b in pairwise(sorted(points["s_max"].unique())):
        both = points.filter(s_max=a).join(points.filter(s_max=b), on=SIZE, suffix="_after")
        if len(both) < LEAST_SIZES:
            continue
        by_width = both["d_emb"]
        for name in names:
            change = (both[f"{name}_after"] - both[name]).to_numpy()
            half = float(stats.t.ppf(0.975, len(both) - 1) * change.std(ddof=1) / len(both) ** 0.5)
            mean = float(change.mean())
            edges = [float(change[(by_width == width).to_numpy()].mean()) for width in (by_width.min(), by_width.max())]
            out.append((a, b, name, len(both), mean, mean - half, mean + half, *edges))
    columns = ["before", "after", "name", "sizes", "change", "low", "high", "narrow", "wide"]
    return pl.DataFrame(out, columns, orient="row")


def laws(points: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Both laws with their D fitted to every loss, and what a residual bootstrap says of the two exponents.

    Returns:
        ``law, size, loss, r2, status`` and for ``n`` and ``d``, the exponents of size and of data: the value, ``_low``
        and ``_high`` (95%), null where it is not identified: where the data leave it free, or the fit or the interval
        reaches a bound of the search. No row for a table without tokens or parameters.
    """
    out = []
    for title, name in LAWS.items() if TOKENS in points.columns else ():
        for size in (name for name in study.SIZES if name in points.columns):
            for loss in study.losses_of(points):
                found = fit(get(name), points, loss, x={"n_params": size, "tokens": TOKENS})
                draws = bootstrap(found, RESAMPLES, seed=seed).params
                row = {"law": title, "size": study.SIZES[size], "loss": loss, "r2": found.r2, "status": found.status}
                for side, parameter in zip("nd", EXPONENTS[name], strict=True):
                    low, high = np.quantile(draws[parameter], [0.025, 0.975], method="nearest")
                    free = found.stderr[parameter] is None or found.status in UNBOUNDED
                    known = not free and not _at_bound(name, parameter, draws)
                    value = (found.params[parameter], float(low), float(high)) if known else (None, None, None)
                    row |= dict(zip((side, f"{side}_low", f"{side}_high"), value, strict=True))
                out.append(row)
    return pl.DataFrame(out, infer_schema_length=None)


def shown(fitted: pl.DataFrame) -> pl.DataFrame:
    """The table of `laws`, for readers."""
    cell = {}
    for side in "nd":
        numbers = [pl.col(f"{side}{end}").round_sig_figs(2) for end in ("", "_low", "_high")]
        known = pl.format("{} [{}, {}]", *numbers)
        cell[side] = pl.when(pl.col(side).is_null()).then(pl.lit("not identified")).otherwise(known)
    return fitted.select(
        pl.col("law").alias("law"),
        pl.col("size").replace(SHORT).alias("parameters"),
        pl.col("loss").replace(study.SHORT).alias("loss"),
        pl.col("r2").alias("R²"),
        cell["n"].alias("exponent of size"),
        cell["d"].alias("exponent of data"),
    )


def _at_bound(law: str, parameter: str, draws: dict[str, np.ndarray]) -> bool:
    """Whether the middle 95% of an exponent's draws reach a bound of the search."""
    form = get(law)
    coordinate, values = parameter, draws[parameter]
    if law == "kaplan" and parameter == "alpha_n":  # searched as its ratio to the other
        coordinate, values = "a", values / draws["alpha_d"]
    axis = np.asarray(form.grid[form.search.index(coordinate)])
    low, high = np.quantile(values, [0.025, 0.975], method="nearest")
    return bool(low <= axis[0] * (1 + INSIDE) or high >= axis[-1] * (1 - INSIDE))


def words(points: pl.DataFrame, changes: pl.DataFrame, fitted: pl.DataFrame) -> str:
    """What `steps` and `laws` say, in sentences."""
    said = []
    for a, b in changes.select("before", "after").unique(maintain_order=True).iter_rows():
        part = changes.filter(before=a, after=b)
        told = "".join(f"\n- {_change(row)}" for row in part.iter_rows(named=True))
        test = part.filter(name="loss").row(0, named=True)
        edges = f"{test['narrow']:+.3f} at the least width and by {test['wide']:+.3f} at the greatest"
        more = (
            " That wide models gain most is in line with Eq. (1): where N is large, its term of D rules."
            if test["wide"] < test["narrow"] < 0
            else ""
        )
        said.append(f"From {a} to {b} events, mean over {test['sizes']} sizes and its 95% interval:\n{told}")
        said.append(f"The test loss changes by {edges}.{more}")
    if fitted.is_empty():
        return "\n\n".join(said)
    values, known = points["s_max"].n_unique(), {side: fitted.drop_nulls(side) for side in "nd"}
    exponents = (
        f"{values} lengths are {values} values of D. The exponent of size is identified in {len(known['n'])} of "
        f"{len(fitted)} fits, and that of data in {len(known['d'])}."
    )
    if values == 2:
        exponents += " Two values of D cannot tell one β from another in B/Dᵝ."
    if len(known["n"]) > 1:
        least, most = known["n"]["n"].min(), known["n"]["n"].max()
        exponents += (
            f" Where it is identified, the exponent of size goes from {least:.2g} to {most:.2g}. It says little "
            "without the loss, the law and the parameters that it was fitted with."
        )
    return "\n\n".join([*said, exponents])


def _change(row: dict[str, Any]) -> str:
    """One line of `words`."""
    title = {**study.LOSSES, **study.METRICS}[row["name"]]
    digits = 3 if row["name"] in study.LOSSES else 4
    change, low, high = (f"{row[name]:+.{digits}f}" for name in ("change", "low", "high"))
    unsure = ", which may be no change" if row["low"] <= 0 <= row["high"] else ""
    return f"{title}: {change} [{low}, {high}]{unsure}"
