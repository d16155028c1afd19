"""The ranking task of *Scaling New Frontiers* on MovieLens-100K: AUC and log-loss of a rating of at least four."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy import stats

from srlaw import stored
from srlaw.chapters.frameworks import name_of
from srlaw.ratings import auc, auc_error, log_losses, placements

LEVEL = 0.95
YARDSTICKS = {"item": "item's share", "item_user": "item's and user's share"}
BEST = YARDSTICKS["item_user"]
CELL = ("model", "d_emb", "fraction")
Name = tuple[str, int | None, float]  # model or yardstick, its width or None, share of the users who train


class Cell(NamedTuple):
    """What runs that differ in their seeds alone made of the tested events: each array of shape ``(seeds, users)``."""

    placed: np.ndarray
    losses: np.ndarray
    seeds: tuple[int, ...]


class Task(NamedTuple):
    """The runs of each cell's best settings, the cells, which events were liked, ``(users,)``, and learning curves.

    A cell that was trained with several learning rates has the one with the least validation log-loss, mean over
    seeds; ``rows`` keeps its runs alone, and the curves, a line an epoch, are those of all runs.
    """

    rows: pl.DataFrame
    cells: dict[Name, Cell]
    liked: np.ndarray
    curves: pl.DataFrame


def task(name: str = "ranking-small") -> Task:
    """The stored runs, and the yardsticks beside them as cells of one row."""
    users, curves = stored.sweep(f"{name}-users"), stored.sweep(f"{name}-curves")
    rows = _best_settings(stored.sweep(name), curves)
    liked = users["liked"].to_numpy() == 1

    def cell(columns: list[str], seeds: tuple[int, ...]) -> Cell:
        odds = [users[column].to_numpy() / 100 for column in columns]
        placed, losses = (np.array([measure(x, liked) for x in odds]) for measure in (placements, log_losses))
        return Cell(placed, losses, seeds)

    cells: dict[Name, Cell] = {}
    for share in rows["fraction"].unique().sort(descending=True):
        cells |= {(label, None, share): cell([f"{key} {share:g}"], ()) for key, label in YARDSTICKS.items()}
    for (model, width, share), part in rows.sort(*CELL, "seed").group_by(*CELL, maintain_order=True):
        cells[name_of(str(model)), width, share] = cell(part["key"].to_list(), tuple(part["seed"]))
    return Task(rows, cells, liked, curves)


def _best_settings(rows: pl.DataFrame, curves: pl.DataFrame) -> pl.DataFrame:
    """The runs of each cell at its learning rate of the least validation log-loss, mean over the seeds of that rate."""
    least = curves.group_by("key").agg(pl.col("valid_log_loss").min())
    rows = rows.join(least, on="key", maintain_order="left")
    means = pl.col("valid_log_loss").mean().over(*CELL, "learning_rate")
    return rows.filter(means == means.min().over(*CELL))


def contrast(found: Task, weights: Mapping[Name, float], measure: str, level: float = LEVEL) -> dict[str, float]:
    """A weighted sum of the AUC or log-loss of cells, on the same users and, run by run, the same seeds.

    Its error adds that over users, of the means over seeds, to that over seeds; yardsticks have none of these.

    Args:
        measure: ``"auc"`` or ``"log_loss"``.

    Returns:
        ``value, low, high`` (interval of `level`) and ``error``, the standard error; one seed leaves the error of
        users alone.
    """
    cells = {name: found.cells[name] for name in weights}
    repeated = [set(cell.seeds) for cell in cells.values() if cell.seeds]
    seeds = sorted(set.intersection(*repeated)) if repeated else []
    total = np.zeros((len(seeds) if repeated else 1, len(found.liked)))
    for name, cell in cells.items():
        values = cell.placed if measure == "auc" else cell.losses
        total += weights[name] * (values[[cell.seeds.index(seed) for seed in seeds]] if cell.seeds else values)
    mean = total.mean(0)
    per_seed = total[:, found.liked].mean(1) if measure == "auc" else total.mean(1)
    over_users = auc_error(mean, found.liked) if measure == "auc" else float(mean.std(ddof=1) / np.sqrt(len(mean)))
    repeats = len(per_seed)
    over_seeds = float(per_seed.std(ddof=1) / np.sqrt(repeats)) if repeats > 1 else 0.0
    of_seeds = stats.t.ppf((1 + level) / 2, repeats - 1) * over_seeds if repeats > 1 else 0.0
    half = float(np.hypot(stats.norm.ppf((1 + level) / 2) * over_users, of_seeds))
    value = float(per_seed.mean())
    return {"value": value, "low": value - half, "high": value + half, "error": float(np.hypot(over_users, over_seeds))}


def summary(found: Task) -> pl.DataFrame:
    """Each cell: ``model, d_emb, fraction, seeds``, and ``auc, log_loss`` with ``…_low, …_high, …_error``."""
    return _measured(found, {name: {name: 1.0} for name in found.cells})


def leads(found: Task, over: str = BEST) -> pl.DataFrame:
    """Each model's cells less a yardstick that learned from the same users: the columns of `summary`."""
    models = [name for name in found.cells if name[1] is not None]
    return _measured(found, {name: {name: 1.0, (over, None, name[2]): -1.0} for name in models})


def _measured(found: Task, sums: Mapping[Name, Mapping[Name, float]]) -> pl.DataFrame:
    out = []
    for name, weights in sums.items():
        row: dict[str, Any] = dict(zip(CELL, name, strict=True)) | {"seeds": len(found.cells[name].seeds)}
        for measure in ("auc", "log_loss"):
            both = contrast(found, weights, measure)
            row |= {measure: both["value"]} | {f"{measure}_{end}": both[end] for end in ("low", "high", "error")}
        out.append(row)
    return pl.DataFrame(out, infer_schema_length=None)


def widths(found: Task, model: str, share: float) -> list[int]:
    """Widths at which a model was trained on a share of the users, the least first."""
    return sorted(d for name, d, f in found.cells if name == model and f == share and d is not None)


def slope(found: Task, model: str, measure: str, share: float = 1.0) -> dict[str, float] | None:
    """Change of a measure by a doubling of the width, the slope through all widths; None with fewer than two."""
    at = widths(found, model, share)
    if len(at) < 2:
        return None
    x = np.log2(at) - np.log2(at).mean()
    return contrast(found, {(model, d, share): w for d, w in zip(at, x / (x @ x), strict=True)}, measure)


def narrow_less_wide(found: Task, model: str, measure: str, share: float) -> dict[str, float] | None:
    """What the least width has more of a measure than the greatest; None with fewer than two widths."""
    at = widths(found, model, share)
    return contrast(found, {(model, at[0], share): 1.0, (model, at[-1], share): -1.0}, measure) if len(at) > 1 else None


def chosen(found: Task, model: str, share: float = 1.0) -> int:
    """The width with the least validation log-loss of its chosen epochs, mean over seeds."""
    runs = found.rows.filter(pl.col("model").map_elements(name_of, pl.String) == model, fraction=share)
    means = runs.group_by("d_emb").agg(pl.col("valid_log_loss").mean()).sort("valid_log_loss")
    return int(means["d_emb"][0])


def pairs(found: Task) -> pl.DataFrame:
    """Every two cells that learned from the same share of the users, the one with the lower log-loss first.

    Returns:
        ``first, second, fraction, log_loss, auc`` (first less second); ``apart``: the first has the lower AUC; and
        ``clear``: and both differences are beyond their errors, at a level shared by all pairs.
    """
    every = [(a, b) for a, b in combinations(found.cells, 2) if a[2] == b[2]]
    level = 1 - (1 - LEVEL) / max(1, len(every))
    out = []
    for a, b in every:
        loss = contrast(found, {a: 1.0, b: -1.0}, "log_loss", level)
        if loss["value"] > 0:
            a, b, loss = b, a, contrast(found, {b: 1.0, a: -1.0}, "log_loss", level)
        area = contrast(found, {a: 1.0, b: -1.0}, "auc", level)
        apart = area["value"] < 0
        clear = apart and loss["high"] < 0 and area["high"] < 0
        out.append((_label(a), _label(b), a[2], loss["value"], area["value"], apart, clear))
    return pl.DataFrame(out, ["first", "second", "fraction", "log_loss", "auc", "apart", "clear"], orient="row")


def steps(found: Task) -> tuple[int, int]:
    """From epoch to epoch of each run: how often the validation log-loss fell, and how often the AUC fell with it."""
    moved = (
        found.curves.filter(pl.col("key").is_in(found.rows["key"].implode()))
        .sort("key", "epoch")
        .with_columns(loss=pl.col("valid_log_loss").diff().over("key"), area=pl.col("valid_auc").diff().over("key"))
    )
    fell = moved.filter(pl.col("loss") < 0)
    return len(fell), int((fell["area"] < 0).sum())


def doubled(found: Task, name: Name) -> tuple[float, float, float, float]:
    """Log-loss and AUC of a yardstick as it is and with its log-odds doubled, which changes no order."""
    users = stored.sweep("ranking-small-users")
    key = next(key for key, label in YARDSTICKS.items() if label == name[0])
    odds = users[f"{key} {name[2]:g}"].to_numpy() / 100
    once, twice = (float(log_losses(k * odds, found.liked).mean()) for k in (1, 2))
    return once, twice, auc(odds, found.liked), auc(2 * odds, found.liked)


def _label(name: Name) -> str:
    return name[0] if name[1] is None else f"{name[0]} {name[1]}"


def effective_evidence(found: Task, model: str = "HSTU") -> dict[str, Any]:
    """Evidence on whether HSTU is effective on the ranking task, and gains from width."""
    width = chosen(found, model)
    cell = (model, width, 1.0)
    lead = contrast(found, {cell: 1.0, (BEST, None, 1.0): -1.0}, "auc")
    rise = slope(found, model, "auc") or dict.fromkeys(("value", "low", "high"))
    at = widths(found, model, 1.0)
    return {
        "users": len(found.liked), "seeds": len(found.cells[cell].seeds), "width": width,
        "auc": contrast(found, {cell: 1.0}, "auc")["value"],
        "yardstick": contrast(found, {(BEST, None, 1.0): 1.0}, "auc")["value"],
        "lead": lead["value"], "lead_low": lead["low"], "lead_high": lead["high"],
        "narrow": at[0], "wide": at[-1], "slope": rise["value"], "slope_low": rise["low"], "slope_high": rise["high"],
    }  # fmt: skip


def log_loss_evidence(found: Task) -> dict[str, Any]:
    """Evidence on whether a lower log-loss is a higher AUC."""
    compared = pairs(found)
    fell, apart = steps(found)
    return {
        "pairs": len(compared), "apart": int(compared["apart"].sum()), "clear": int(compared["clear"].sum()),
        "steps": fell, "steps_apart": apart, "runs": len(found.rows),
        "epochs_differ": int((found.rows["best_epoch"] != found.rows["best_auc_epoch"]).sum()),
    }  # fmt: skip


def width_evidence(found: Task, few: float = 0.25, model: str = "HSTU") -> dict[str, Any]:
    """Evidence on whether a small width helps where data are few: all users, and a share of them."""
    at = widths(found, model, 1.0)
    out: dict[str, Any] = {"narrow": at[0], "wide": at[-1], "share": few}
    for where, share in (("all", 1.0), ("few", few)):
        for measure, sign in (("auc", 1.0), ("log_loss", -1.0)):
            gain = narrow_less_wide(found, model, measure, share)
            ends = [None] * 3 if gain is None else sorted(sign * gain[end] for end in ("low", "value", "high"))
            out |= {f"{where}_{measure}{end}": x for end, x in zip(("_low", "", "_high"), ends, strict=True)}
    return out
