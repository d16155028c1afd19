"""From the rows of a plan's sweep to its answer: the size, whether it may be told, what more data would bring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from srlaw.baselines import NAMES
from srlaw.laws import PANEL_LAWS
from srlaw.planner.extras import more_data, over_yardstick, split_rows, trained_to_the_end
from srlaw.planner.rows import DRAWS, Priors, plan_rows
from srlaw.planner.table import METRICS
from srlaw.runs import finished_rows

TEXT = ("dataset", "data", "model", "key", "judged_on")


def decide(
    table: str | Path | pl.DataFrame,
    metric: str = "ndcg10",
    priors: Priors | None = None,
    models: Sequence[str] = (),
    max_params: float | None = None,
    laws: Sequence[str] = PANEL_LAWS,
    count: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """`plan_rows` of the runs that are to plan by, and what the other runs of the table tell.

    A recommendation is taken back where no yardstick is beaten by more than its uncertainty, and where twice the
    epochs gain more than the noise. Once a run has been tested, ``hr10`` and ``ndcg10`` are those to expect on the
    test event: the forecast, moved by how much that run's test differs from its validation.

    Raises:
        InputError: as `plan_rows`.
    """
    if not isinstance(table, pl.DataFrame):
        rows, failed = finished_rows(table, TEXT)
        table = pl.DataFrame(rows, infer_schema_length=None)
    else:
        failed = 0
    if not {"n_layers", "d_emb", metric} <= set(table.columns):
        return plan_rows(table, metric, priors, models, max_params, laws, count, seed)
    parts = split_rows(table)
    answer = plan_rows(_by_validation(parts.sizes), metric, priors, models, max_params, laws, count, seed)
    evidence = answer["evidence"]
    evidence["failed"] += failed
    evidence["longer"] = evidence["more_data"] = None
    if noise := evidence.get("noise"):
        evidence["longer"] = trained_to_the_end(parts, metric, noise["sigma"])
        evidence["more_data"] = more_data(parts, metric, noise["sigma"], seed)
    chosen, reasons = answer["recommendation"], []
    if chosen is None:
        reasons.append(answer["reason"])
    else:
        reasons += _unbeaten(chosen, parts.sizes, evidence, metric)
    reasons += _unfinished(evidence["longer"])
    if reasons:
        return answer | {"recommendation": None, "reason": "; and ".join(reasons)}
    if chosen and len(tested := _of(parts.tested, chosen)):
        _expect_test(answer, tested, evidence)
    return answer


def _by_validation(sizes: pl.DataFrame) -> pl.DataFrame:
    """Runs that were judged on validation have it in the columns of the metrics already."""
    judged = "judged_on" in sizes.columns and (sizes["judged_on"] == "validation").all()
    return sizes.drop([f"valid_{name}" for name in METRICS], strict=False) if judged else sizes


def _unbeaten(chosen: dict[str, Any], sizes: pl.DataFrame, evidence: dict[str, Any], metric: str) -> list[str]:
    """Why the best yardstick may be as good, in a list of one sentence; empty if it is beaten, or if there is none."""
    error = sizes[f"gain_{metric}_se"].mean() if f"gain_{metric}_se" in sizes.columns else None
    known = evidence["yardsticks"][metric]
    if (
        not known or evidence["chosen_by"] != metric or not isinstance(error, float)
    ):  # they are of the event of `metric`
        return []
    gain = over_yardstick(known, chosen[metric], evidence["expected_interval"], error)
    evidence["gain_over_yardstick"] = gain
    low, high = gain["interval"]
    if low > 0:
        return []
    name = NAMES.get(gain["yardstick"], gain["yardstick"])
    told = f"the gain is {gain['gain']:+.4f} (95%: {low:+.4f} to {high:+.4f})"
    return [f"the best size is not shown to beat {name}, whose {metric} is {gain['reaches']:.4f}: {told}"]


def _unfinished(longer: dict[str, Any] | None) -> list[str]:
    """That the models were not trained to the end, in a list of one sentence; empty if they were, or if none tells."""
    if longer is None or longer["enough"]:
        return []
    size = f"{longer['n_layers']} layers of width {longer['d_emb']}"
    gain = f"{longer['gain']:.4f} at {size}, more than the noise ({longer['limit']:.4f})"
    epochs = f"{longer['twice']} epochs instead of {longer['epochs']}"
    return [f"the models are not trained to the end: {epochs} gain {gain}; grant more minutes"]


def _of(tested: pl.DataFrame, chosen: dict[str, Any]) -> pl.DataFrame:
    keys = [name for name in ("model", "s_max", "n_layers", "d_emb") if name in tested.columns]
    return tested.filter([pl.col(name) == chosen[name] for name in keys])


def _expect_test(answer: dict[str, Any], tested: pl.DataFrame, evidence: dict[str, Any]) -> None:
    chosen, runs = answer["recommendation"], len(tested)
    evidence["validation"] = {name: [chosen[name], chosen["interval"][name]] for name in METRICS if name in chosen}
    columns = [
        name
        for name in tested.columns
        if name in METRICS or name.startswith(("gain_", "baseline_", "hr10_", "ndcg10_"))
    ]
    evidence["tested"] = tested.select("seed", "params_total", "wall_s", *columns).row(0, named=True)
    sigma = evidence["noise"]["sigma"]
    for name in METRICS:
        if name not in chosen or f"valid_{name}" not in tested.columns:
            continue
        shift = float((tested[name] - tested[f"valid_{name}"]).mean())  # pyright: ignore[reportArgumentType]
        scale = chosen[name] / max(chosen[evidence["metric"]], 1e-12)  # σ is of the metric that was chosen by
        noise = 1.96 * sigma * scale * np.sqrt(2 / runs)
        low, high = chosen["interval"][name]
        ends = [chosen[name] - np.hypot(chosen[name] - low, noise), chosen[name] + np.hypot(high - chosen[name], noise)]
        chosen["interval"][name] = [float(end) + shift for end in ends]
        chosen[name] += shift
    name = evidence["metric"]
    low, high = chosen["interval"][name]
    text = f"on the test event, {name} {chosen[name]:.4f} is to be expected ({low:.4f} to {high:.4f})"
    answer["reason"] = f"{answer['reason']}; {text}"
