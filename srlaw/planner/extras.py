"""What a plan's table tells besides its sizes: what more data would bring, and whether the runs were long enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from srlaw.laws.inference import percentiles
from srlaw.runs import filled

TIMES = (2, 10)  # as much data, at which the gain is asked for
POWERS = (-0.25, 0.0, 0.25, 0.5, 1.0)  # p of the curves ln f (p = 0) and −f^−p (f^−p below 0), f the share of users
DRAWS = 2000
LIMIT = 2.0  # standard errors
SIZE = ("model", "s_max", "n_layers", "d_emb")
SETTINGS = ("learning_rate", "dropout")
VARIED = ("fraction", "max_epochs", *SETTINGS)


@dataclass(frozen=True, eq=False)
class Split:
    """A table in parts: ``sizes`` to plan by, with one setting of the rest a model; runs at other shares of the users;
    runs of other lengths; runs on histories in random order; the run that was tested (its metrics are of the test
    event) if there is one."""

    sizes: pl.DataFrame
    shares: pl.DataFrame
    lengths: pl.DataFrame
    random: pl.DataFrame
    tested: pl.DataFrame


def split_rows(rows: pl.DataFrame) -> Split:
    """The parts of a table of a plan's sweep; of any other table, everything is to plan by, unless `VARIED` differ.

    To plan by are the runs on most users with the settings that are the most frequent among the sizes of each model.
    """
    rows = filled(rows)
    tested = random = rows.clear()
    if "judged_on" in rows.columns and set(rows["judged_on"]) == {"test", "validation"}:
        tested, rows = (rows.filter(pl.col("judged_on") == event) for event in ("test", "validation"))
    if 0 < len(in_order := recorded(rows)) < len(rows):
        random, rows = rows.filter(order="random"), in_order
    present = [name for name in VARIED if name in rows.columns]
    if not any(rows[name].n_unique() > 1 for name in present):
        return Split(rows, rows.clear(), rows.clear(), random, tested)
    kept, models = [], ["model"] if "model" in rows.columns else pl.lit(0)
    for _, part in rows.group_by(models, maintain_order=True):
        whole = part.filter(pl.col("fraction") == part["fraction"].max()) if "fraction" in present else part
        keys = [name for name in present if name != "fraction"]
        usual = _usual(whole, keys)
        same = [pl.col(name).eq_missing(usual[name]) for name in keys if name in SETTINGS]
        kept.append(part.filter(pl.lit(True), *same).with_columns(length=pl.lit(usual.get("max_epochs"))))
    rows = pl.concat(kept)
    most = rows["fraction"].max() if "fraction" in present else None
    whole = pl.lit(True) if most is None else pl.col("fraction") == most
    usual_length = pl.lit(True) if "max_epochs" not in present else pl.col("max_epochs") == pl.col("length")
    conditions = (whole & usual_length, ~whole & usual_length, whole & ~usual_length)
    sizes, shares, lengths = (rows.filter(condition).drop("length") for condition in conditions)
    return Split(sizes, shares, lengths, random, tested)


def recorded(rows: pl.DataFrame) -> pl.DataFrame:
    """Without the runs on histories in random order."""
    return rows.filter(pl.col("order").ne_missing("random")) if "order" in rows.columns else rows


def _usual(rows: pl.DataFrame, keys: list[str]) -> dict[str, Any]:
    """The settings with which the most sizes were run."""
    if not keys:
        return {}
    sizes = rows.group_by(keys, maintain_order=True).agg(count=pl.struct("n_layers", "d_emb").n_unique())
    return sizes.sort("count", descending=True, maintain_order=True).row(0, named=True)


def trained_to_the_end(parts: Split, metric: str, sigma: float) -> dict[str, Any] | None:
    """What twice the epochs gain at a size, and what noise alone could: ``gain, limit, enough`` and the size."""
    found = []
    for size, longer, usual in _beside(parts.sizes, parts.lengths, SIZE):
        longer = longer.filter(pl.col("max_epochs") >= 2 * int(usual["max_epochs"][0]))
        if not len(longer):
            continue
        gain, limit = _difference(longer, usual, metric, sigma)
        epochs = {"epochs": int(usual["max_epochs"][0]), "twice": int(longer["max_epochs"][0])}
        found.append(size | epochs | {"gain": gain, "limit": limit, "enough": gain <= limit})
    return max(found, key=lambda one: one["gain"] - one["limit"], default=None)


def worth_of_order(parts: Split, metric: str, sigma: float) -> dict[str, Any] | None:
    """What a size loses when every history is in random order, and what noise alone could: ``loss, limit, tells``.

    Of several sizes the one that loses the most beyond its limit, with the metric that it keeps, ``keeps``.
    """
    found = []
    for size, blind, usual in _beside(parts.sizes, parts.random, (*SIZE, *SETTINGS)):
        loss, limit = _difference(usual, blind, metric, sigma)
        kept = {"keeps": float(blind[metric].to_numpy().mean())}
        found.append(size | kept | {"loss": loss, "limit": limit, "tells": loss > limit})
    return max(found, key=lambda one: one["loss"] - one["limit"], default=None)


def _beside(
    sizes: pl.DataFrame, others: pl.DataFrame, keys: Iterable[str]
) -> Iterator[tuple[dict[str, Any], pl.DataFrame, pl.DataFrame]]:
    """Each size that was run otherwise too: the values of `keys` that the table has, those runs, and the usual ones."""
    names = [name for name in keys if name in sizes.columns]
    for key, part in others.group_by(names, maintain_order=True):
        size = dict(zip(names, key, strict=True))
        usual = sizes.filter([pl.col(name) == value for name, value in size.items()])
        if len(usual):
            yield size, part, usual


def _difference(a: pl.DataFrame, b: pl.DataFrame, metric: str, sigma: float) -> tuple[float, float]:
    """The mean of `a` less that of `b`, and what noise alone makes of so many runs."""
    difference = float(a[metric].to_numpy().mean() - b[metric].to_numpy().mean())
    return difference, LIMIT * sigma * float(np.sqrt(1 / len(a) + 1 / len(b)))


def more_data(parts: Split, metric: str, sigma: float, seed: int = 0) -> dict[str, Any] | None:
    """Gains at 2× and 10× the data from runs at shares of the users: ``gain`` and ``interval``, None if it cannot tell.

    The metric is taken to grow with the share of the users as one of the curves of `POWERS` does; each
    size has its own level, all have one slope. The interval is over these curves and the noise of a run.
    Where it holds zero, or a curve has no spare measurement, the data cannot tell.
    """
    if not len(parts.shares):
        return None
    names = [name for name in SIZE if name in parts.sizes.columns]
    sizes = parts.shares.select(names).unique(maintain_order=True)
    points = pl.concat([parts.shares, parts.sizes.join(sizes, on=names, how="semi", nulls_equal=True)])
    means = points.group_by([*names, "fraction"], maintain_order=True).agg(y=pl.col(metric).mean(), runs=pl.len())
    level = _levels(means, names)
    y, share, runs = (means[name].to_numpy().astype(float) for name in ("y", "fraction", "runs"))
    cut: dict[str, Any] = {"points": means.to_dicts(), **{f"{times}x": None for times in TIMES}}
    if len(y) <= level.shape[1] + 1 or len(np.unique(share)) < 3:
        return cut
    rng = np.random.default_rng(seed)
    drawn = y + sigma / np.sqrt(runs) * rng.normal(size=(DRAWS, len(y)))
    which = rng.integers(0, len(POWERS), DRAWS)
    gains = np.empty((DRAWS, len(TIMES)))
    for number, power in enumerate(POWERS):
        mine = which == number
        design = np.column_stack([level, _curve(share, power)])
        slope = np.linalg.lstsq(design, drawn[mine].T)[0][-1]
        gains[mine] = slope[:, None] * (_curve(np.array(TIMES, float), power) - _curve(np.ones(1), power))
    for times, column in zip(TIMES, gains.T, strict=True):
        low, high = percentiles(column)
        if low > 0 or high < 0:
            cut[f"{times}x"] = {"gain": float(np.median(column)), "interval": [float(low), float(high)]}
    return cut


def _levels(means: pl.DataFrame, names: list[str]) -> np.ndarray:
    _, number = np.unique(means.select(pl.struct(names).rank("dense"))[:, 0].to_numpy(), return_inverse=True)
    return np.eye(number.max() + 1)[number]


def _curve(share: np.ndarray, power: float) -> np.ndarray:
    return np.log(share) if power == 0 else -math.copysign(1, power) * share**-power


def over_yardstick(yardsticks: dict[str, float], expected: float, interval: tuple[float, float], error: float) -> dict:
    """Gain over the best yardstick, with the 95% interval of the forecast and of the users that both are tested on."""
    name = max(yardsticks, key=lambda key: yardsticks[key])
    gain = expected - yardsticks[name]
    ends = [
        gain + sign * float(np.hypot(expected - end, 1.96 * error)) for sign, end in zip((-1, 1), interval, strict=True)
    ]
    return {"yardstick": name, "reaches": yardsticks[name], "gain": gain, "interval": ends}
