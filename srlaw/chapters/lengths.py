"""Loss and ranking with a longer history: sweep A at several s_max, and Eq. (1) with its D."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from srlaw.chapters import loss_scaling as study
from srlaw.errors import InputError
from srlaw.files import repository
from srlaw.laws import bootstrap, fit, get
from srlaw.laws.inference import percentiles
from srlaw.runs import SETTINGS, read_runs

LONGER = Path("data/sweeps/loss-scaling-lengths.csv")
TOKENS = "train_tokens"
SIZE = ["n_layers", "d_emb"]
LAWS = {"Eq. (1)": "kaplan", "E + A/Nᵅ + B/Dᵝ": "chinchilla"}
EXPONENTS = {"kaplan": ("alpha_n", "alpha_d"), "chinchilla": ("alpha", "beta")}
"""Of each law the exponent of size and that of data."""
SHORT = {"all parameters": "all", "parameters without embeddings": "without embeddings"}
RESAMPLES = 200
LEVEL = 0.95  # of an interval
REFUSED = 0.05  # greatest p of an F test that a law misses its cells by more than the noise between seeds
ENDS = {"at-bound": "at a bound", "degenerate-limit": "in a limit"}
"""Where a fit can end but inside: status → what a table says."""
LEAST_SIZES = 3  # trained at both lengths of a step
EVENTS = "events"  # training targets seen in all epochs
INSIDE = 0.001  # an interval this near to a bound of the search, in its own logarithm's scale, has reached it


def rows(table: str | Path | None = None, **only: Any) -> pl.DataFrame:
    """The runs of every s_max of `srlaw.chapters.loss_scaling.rows`; None for this project's own."""
    if table is not None:
        return study.rows(table, **only)
    own = (study.rows(**only), study.rows(repository() / LONGER, **only))
    return pl.concat(own, how="diagonal_relaxed")


def compared(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The cells of every length of history, or why lengths cannot be compared.

    Returns:
        Means over seeds: ``s_max, n_layers, d_emb, runs``, tokens, sizes, losses and metrics as far as every run has
        them, shortest and smallest first; and a reason in words, empty where there is none.
    """
    if "s_max" not in frame.columns:
        return pl.DataFrame(), "the table has no column s_max"
    frame = frame.drop_nulls("s_max")
    if frame["s_max"].n_unique() < 2:
        return pl.DataFrame(), "all runs have one length of history"
    told = [name for name in SETTINGS if name in frame.columns and name not in ("s_max", *SIZE)]
    mixed = [name for name in told if frame[name].drop_nulls().n_unique() > 1]
    if mixed:
        return pl.DataFrame(), f"runs of several lengths differ in {', '.join(mixed)} too"
    names = (TOKENS, EVENTS, *study.SIZES, *study.LOSSES, *study.METRICS)
    there = [name for name in names if name in frame.columns and _whole(frame[name])]
    try:
        points = read_runs(frame, x=["s_max", *SIZE], y=there).frame
    except InputError as error:  # of runs at another length, without which the rest of the chapter does
        return pl.DataFrame(), str(error)
    points = points.drop([f"{name}_se" for name in there]).sort("s_max", *SIZE).cast({"s_max": pl.Int64})
    if not any(len(both) >= LEAST_SIZES for *_, both in _pairs(points)):
        return pl.DataFrame(), f"no two lengths of history have {LEAST_SIZES} sizes in common"
    return points, ""


def _whole(column: pl.Series) -> bool:
    return column.dtype.is_numeric() and not column.null_count() and bool(column.cast(pl.Float64).is_finite().all())


def _pairs(points: pl.DataFrame) -> list[tuple[int, int, pl.DataFrame]]:
    """Each s_max, the next longer one, and the sizes that were trained at both."""
    lengths = sorted(points["s_max"].unique())
    return [
        (a, b, points.filter(s_max=a).join(points.filter(s_max=b), on=SIZE, suffix="_after"))
        for a, b in pairwise(lengths)
    ]


def steps(points: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """From each s_max to the next longer one, over the sizes that were trained at both.

    Args:
        points: of `compared`. frame: the runs behind it, for the noise between seeds.

    Returns:
        ``before, after`` (s_max), ``name`` (loss or metric), ``sizes``, ``change`` (mean over them), ``low, high``: its
        95% interval by the noise between seeds alone, as these sizes are no sample of others; ``narrow, wide``: the
        mean at the least and at the greatest width; ``width_r``: correlation of the change with ln width, null where
        there is none; ``falls, rises``: the sizes whose own change is over `srlaw.chapters.loss_scaling.CLEAR` standard
        errors. Intervals and counts are null without repeats.
    """
    noise = _noise(frame)
    out = []
    names = [name for name in (*study.LOSSES, *study.METRICS) if name in points.columns]
    for a, b, both in _pairs(points):
        if len(both) < LEAST_SIZES:
            continue
        widths = both["d_emb"].to_numpy()
        for name in names:
            change = (both[f"{name}_after"] - both[name]).to_numpy()
            edges = [float(change[widths == width].mean()) for width in (widths.min(), widths.max())]
            mean, ends, counts = float(change.mean()), (None, None), (None, None)
            if name in noise:
                sigma, dof = noise[name]
                runs = (1 / both["runs"] + 1 / both["runs_after"]).to_numpy()
                half = float(stats.t.ppf((1 + LEVEL) / 2, dof) * sigma * np.sqrt(runs.sum()) / len(both))
                clear = study.CLEAR * sigma * np.sqrt(runs)
                ends = (mean - half, mean + half)
                counts = (int((change < -clear).sum()), int((change > clear).sum()))
            out.append((a, b, name, len(both), mean, *ends, *edges, _with_width(change, widths), *counts))
    columns = [
        "before",
        "after",
        "name",
        "sizes",
        "change",
        "low",
        "high",
        "narrow",
        "wide",
        "width_r",
        "falls",
        "rises",
    ]
    return pl.DataFrame(out, columns, orient="row", infer_schema_length=None)


def _with_width(change: np.ndarray, widths: np.ndarray) -> float | None:
    """Correlation of a change with ln width; None if either is constant."""
    if np.ptp(change) == 0 or np.ptp(widths) == 0:
        return None
    return float(np.corrcoef(change, np.log(widths))[0, 1])


def _noise(frame: pl.DataFrame) -> dict[str, tuple[float, int]]:
    """Standard deviation of one run and its degrees of freedom, from the length with the most repeats."""
    found = [study.noise(part) for _, part in frame.drop_nulls("s_max").group_by("s_max", maintain_order=True)]
    best = max(found, key=lambda table: table["dof"].sum() if len(table) else 0)
    return {name: (sigma, dof) for name, sigma, dof in best.select("name", "sigma", "dof").iter_rows()}


def laws(points: pl.DataFrame, frame: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Both laws with their D fitted to every loss, and what a residual bootstrap says of the two exponents.

    Args:
        points: of `compared`. frame: the runs behind it, for the noise between seeds.

    Returns:
        ``law, size, loss, r2, status``; ``times, p``: residual over noise and its F test, as in
        `srlaw.chapters.loss_scaling.fits`, null without repeats; and for ``n`` and ``d``, the exponents of size and of
        data: the value, ``_low`` and ``_high`` (95%), null where it is not identified: where the data leave it free, or
        the fit or the interval reaches a bound of the search. ``narrow, wide``: the change from the least to the
        greatest length by the law, as in `steps`. No row for a table without parameters, or with less than two amounts
        of tokens.
    """
    out, noise = [], _noise(frame)
    amounts = np.unique(points[TOKENS].to_numpy()) if TOKENS in points.columns else np.zeros(1)
    for title, name in LAWS.items() if len(amounts) > 1 and amounts.min() > 0 else ():
        for size in (name for name in study.SIZES if name in points.columns):
            for loss in study.losses_of(points):
                found = fit(get(name), points, loss, x={"n_params": size, "tokens": TOKENS})
                draws = bootstrap(found, RESAMPLES, seed=seed).params
                ends = _ends(points, found.predict, size)
                row = {
                    "law": title,
                    "size": study.SIZES[size],
                    "loss": loss,
                    "r2": found.r2,
                    "status": found.status,
                    **dict(zip(("times", "p"), study.missed(found, noise.get(loss)), strict=True)),
                    **ends,
                }
                for side, parameter in zip("nd", EXPONENTS[name], strict=True):
                    low, high = percentiles(draws[parameter])
                    free = found.stderr[parameter] is None or found.status in study.UNBOUNDED
                    known = not free and not _at_bound(name, parameter, draws)
                    value = (found.params[parameter], low, high) if known else (None, None, None)
                    row |= dict(zip((side, f"{side}_low", f"{side}_high"), value, strict=True))
                out.append(row)
    return pl.DataFrame(out, infer_schema_length=None)


def _ends(points: pl.DataFrame, predict: Callable, size: str) -> dict[str, float]:
    """A law's mean change from the shortest to the longest histories, at the least and at the greatest width."""
    first, last = (points.filter(s_max=points["s_max"].min()), points.filter(s_max=points["s_max"].max()))
    both = first.join(last, on=SIZE, suffix="_after")
    values = [
        predict({"n_params": both[size].to_numpy(), "tokens": both[name].to_numpy()})
        for name in (TOKENS, f"{TOKENS}_after")
    ]
    change, widths = values[1] - values[0], both["d_emb"].to_numpy()
    edges = {"narrow": widths.min(), "wide": widths.max()} if len(both) else {}
    return {name: float(change[widths == width].mean()) for name, width in edges.items()}


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
        pl.col("status").replace_strict(ENDS, default="inside").alias("the fit ends"),
    )


def _at_bound(law: str, parameter: str, draws: dict[str, np.ndarray]) -> bool:
    """Whether the middle 95% of an exponent's draws reach a bound of the search."""
    form = get(law)
    coordinate, values = parameter, draws[parameter]
    if law == "kaplan" and parameter == "alpha_n":  # searched as its ratio to the other
        coordinate, values = "a", values / draws["alpha_d"]
    axis = np.asarray(form.grid[form.search.index(coordinate)])
    low, high = percentiles(values)
    return bool(low <= axis[0] * (1 + INSIDE) or high >= axis[-1] * (1 - INSIDE))


def words(points: pl.DataFrame, changes: pl.DataFrame, fitted: pl.DataFrame) -> str:
    """What `steps` and `laws` say, in sentences."""
    said = []
    for a, b, both in _pairs(points):
        part = changes.filter(before=a, after=b)
        if part.is_empty():
            continue
        told = "".join(f"\n- {_change(row)}" for row in part.iter_rows(named=True))
        said.append(f"**From {a} to {b} events.** {_compared(points, a, b, both)}\n{told}\n\n{_caveats(part)}")
    return "\n\n".join(said if fitted.is_empty() else [*said, _exponents(points, fitted)])


def _compared(points: pl.DataFrame, a: int, b: int, both: pl.DataFrame) -> str:
    """Which sizes are compared, and what differs beside the length."""
    there = {length: points.filter(s_max=length) for length in (a, b)}
    text = f"{len(both)} sizes were trained with both, of {len(there[a])} and {len(there[b])}."
    for length, other in ((a, b), (b, a)):
        lacks = [
            f"{title} {value:g}"
            for name, title in zip(SIZE, ("depth", "width"), strict=True)
            for value in sorted(set(there[other][name]) - set(there[length][name]))
        ]
        text += f" None of {length} events has {' or '.join(lacks)}." if lacks else ""
    if EVENTS in both.columns:
        ratio = float((both[f"{EVENTS}_after"] / both[EVENTS]).to_numpy().mean())
        text += (
            f" The longer ones saw {ratio:.1f} times the training events, so more data, more steps and a longer "
            "context come together here, and their effects are not told apart."
        )
    ends = f"{both['d_emb'].min():g} and {both['d_emb'].max():g}"
    return f"{text} Each line has the mean over these sizes, and the means at the widths {ends} alone:"


def _caveats(part: pl.DataFrame) -> str:
    """How the changes of one step go with the width, what their intervals are, and what the training losses are."""
    titles = {**study.LOSSES, **study.METRICS}
    text = ""
    known = part.drop_nulls("width_r")
    if len(known):
        each = ", ".join(f"{r:+.2f} ({titles[name]})" for name, r in known.select("name", "width_r").iter_rows())
        text += (
            f"The correlation of the change with the logarithm of the width is {each}. The farther it is from 0, the "
            "more the change depends on the width, and the less a mean over these widths says about others. "
        )
    text += (
        "No size was trained twice, so no interval is given."
        if part["low"].null_count()
        else f"The {LEVEL:.0%} intervals are of the noise between seeds alone, from the length with the most repeats."
    )
    if "final_loss" in part["name"]:
        text += (
            " The training losses of the two lengths are means over different target events, so their difference is no "
            "effect of training."
        )
    return text


def _change(row: dict[str, Any]) -> str:
    """One line of `words`."""
    title = {**study.LOSSES, **study.METRICS}[row["name"]]
    digits = 3 if row["name"] in study.LOSSES else 4
    mean, narrow, wide = (f"{row[name]:+.{digits}f}" for name in ("change", "narrow", "wide"))
    known = "" if row["low"] is None else f" [{row['low']:+.{digits}f}, {row['high']:+.{digits}f}]"
    text = f"{title}: {mean}{known}; {narrow} and {wide}"
    if row["falls"] is not None:
        text += f"; it falls clearly in {row['falls']} of {row['sizes']} sizes and rises clearly in {row['rises']}"
    return text


def _exponents(points: pl.DataFrame, fitted: pl.DataFrame) -> str:
    """Which exponents are identified, and what Eq. (1) has for the change with the length."""
    values, known = points[TOKENS].n_unique(), {side: fitted.drop_nulls(side) for side in "nd"}
    text = (
        f"**Exponents.** There are {values} values of D. The exponent of size is identified in {len(known['n'])} of "
        f"{len(fitted)} fits, and that of data in {len(known['d'])}."
    )
    if values == 2:
        text += " Two values of D cannot tell one β from another in B/Dᵝ."
    if len(known["n"]) > 1:
        least, most = known["n"]["n"].min(), known["n"]["n"].max()
        text += (
            f" Where it is identified, the exponent of size goes from {least:.2g} to {most:.2g}. It says little "
            "without the loss, the law and the parameters that it was fitted with."
        )
    edges = int(fitted["status"].is_in(study.UNBOUNDED).sum())
    if edges:
        where = "at a bound of the search or in a limit of the form"
        end = "ends" if edges == 1 else "end"
        text += f" {edges} of the {len(fitted)} fits {end} {where}, as the table says."
    text += " The intervals redraw the residuals as if these were independent, so they hold only if the law is right."
    if not fitted["p"].null_count() and (refused := int((fitted["p"] < REFUSED).sum())):
        text += (
            f" In {refused} of {len(fitted)} fits the residuals are clearly larger than the noise between seeds. Over "
            f"all fits they are {fitted['times'].min():.1f} to {fitted['times'].max():.1f} times the noise. There the "
            "law is not right, and the interval says less than it seems to."
        )
    test = fitted.filter(pl.col("law") == next(iter(LAWS)), pl.col("loss") == "loss").drop_nulls("narrow")
    each = [f"{r['narrow']:+.3f} and {r['wide']:+.3f} in {r['size']}" for r in test.iter_rows(named=True)]
    if each:
        a, b = points["s_max"].min(), points["s_max"].max()
        text += (
            f" From {a} to {b} events the test loss of the fitted Eq. (1) changes, at the least and the greatest "
            f"width, by {', and by '.join(each)}."
        )
    return text
