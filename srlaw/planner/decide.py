"""From the rows of a plan's sweep to its answer: the size, whether it may be told, what more data would bring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from scipy.special import stdtrit

from srlaw.baselines import NAMES
from srlaw.laws import PANEL_LAWS
from srlaw.planner.extras import SIZE, more_data, over_yardstick, split_rows, trained_to_the_end, worth_of_order
from srlaw.planner.rows import DRAWS, Priors, plan_rows
from srlaw.planner.table import METRICS, SIZES
from srlaw.runs import finished_rows, read_runs
from srlaw.summary import size_words

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

    A recommendation is taken back where no yardstick is beaten by more than its uncertainty, where histories in random
    order do as well within the noise, and where twice the epochs gain more than it. Once a run has been tested,
    ``hr10`` and ``ndcg10`` are those to expect on the test event, see `_expect_test`.

    Raises:
        InputError: as `plan_rows`.
    """
    if not isinstance(table, pl.DataFrame):
        read_runs(table, SIZES, [metric], repeats="each", positive=SIZES)  # says the line of what is wrong
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
    evidence["event"] = _event(parts.sizes)
    evidence["longer"] = evidence["order"] = evidence["more_data"] = None
    if noise := evidence.get("noise"):
        evidence["longer"] = trained_to_the_end(parts, metric, noise["sigma"])
        evidence["order"] = worth_of_order(parts, metric, noise["sigma"])
        evidence["more_data"] = more_data(parts, metric, noise["sigma"], seed)
    chosen, reasons = answer["recommendation"], []
    if chosen is None:
        reasons.append(answer["reason"])
        if alike := evidence.get("alike"):
            evidence["gain_over_yardstick"] = _gain(alike["mean"], alike["interval"], parts.sizes, evidence, metric)
    elif evidence["chosen_by"] == metric:  # the yardsticks are of the event of `metric`
        gain = _gain(chosen[metric], evidence["expected_interval"], parts.sizes, evidence, metric)
        evidence["gain_over_yardstick"] = gain
        reasons += _unbeaten(gain, metric)
    reasons += _without_order(evidence["order"]) + _unfinished(evidence["longer"])
    if reasons:
        return answer | {"recommendation": None, "reason": "; and ".join(reasons)}
    if chosen and len(tested := _of(parts.tested, chosen)):
        _expect_test(answer, tested, parts.sizes, evidence)
    return answer


def _event(sizes: pl.DataFrame) -> str | None:
    """The event that the metrics of the runs are of, ``"validation"`` or ``"test"``; None if the table does not say."""
    said = sizes["judged_on"].drop_nulls().unique().to_list() if "judged_on" in sizes.columns else []
    return said[0] if len(said) == 1 else None


def _by_validation(sizes: pl.DataFrame) -> pl.DataFrame:
    """Runs that were judged on validation have it in the columns of the metrics already."""
    judged = "judged_on" in sizes.columns and (sizes["judged_on"] == "validation").all()
    return sizes.drop([f"valid_{name}" for name in METRICS], strict=False) if judged else sizes


def _gain(
    expected: float, interval: Sequence[float], sizes: pl.DataFrame, evidence: dict[str, Any], metric: str
) -> dict[str, Any] | None:
    """By how much what is expected beats the best yardstick; None without one, or without errors of the gains."""
    error = sizes[f"gain_{metric}_se"].mean() if f"gain_{metric}_se" in sizes.columns else None
    known = evidence["yardsticks"][metric]
    if not known or not isinstance(error, float):
        return None
    return over_yardstick(known, expected, (interval[0], interval[1]), error)


def _unbeaten(gain: dict[str, Any] | None, metric: str) -> list[str]:
    """Why the best yardstick may be as good, in a list of one sentence; empty if it is beaten, or if there is none."""
    if gain is None or gain["interval"][0] > 0:
        return []
    low, high = gain["interval"]
    name = NAMES.get(gain["yardstick"], gain["yardstick"])
    told = f"the gain is {gain['gain']:+.4f} (95%: {low:+.4f} to {high:+.4f})"
    return [f"the best size is not shown to beat {name}, whose {metric} is {gain['reaches']:.4f}: {told}"]


def _without_order(order: dict[str, Any] | None) -> list[str]:
    """That a model needs no order here, in a list of one sentence; empty if it does, or if no run tells."""
    if order is None or order["tells"]:
        return []
    size = size_words(order)
    kept = f"with every history in random order {size} would reach {order['keeps']:.4f}"
    loss = f"a loss of {order['loss']:.4f}, and noise alone makes up to {order['limit']:.4f}"
    return [f"the order of the events tells these models nothing: {kept}, {loss}; a model without order would do"]


def _unfinished(longer: dict[str, Any] | None) -> list[str]:
    """That the models were not trained to the end, in a list of one sentence; empty if they were, or if none tells."""
    if longer is None or longer["enough"]:
        return []
    gain = f"{longer['gain']:.4f} at {size_words(longer)}, more than the noise ({longer['limit']:.4f})"
    epochs = f"{longer['twice']} epochs instead of {longer['epochs']}"
    return [f"the models are not trained to the end: {epochs} gain {gain}; grant more minutes"]


def _of(tested: pl.DataFrame, chosen: dict[str, Any]) -> pl.DataFrame:
    keys = [name for name in SIZE if name in tested.columns]
    return tested.filter([pl.col(name) == chosen[name] for name in keys])


def _expect_test(answer: dict[str, Any], tested: pl.DataFrame, sizes: pl.DataFrame, evidence: dict[str, Any]) -> None:
    """What a new run of the chosen size is to reach on the test event: what the tested one did, whose seed is fresh.

    It was not chosen among others, so it is no better than its like. The interval is Student's of the noise between
    seeds, of that run and of the new one.
    """
    chosen, runs = answer["recommendation"], len(tested)
    evidence["validation"] = {name: [chosen[name], chosen["interval"][name]] for name in METRICS if name in chosen}
    wanted = ("gain_", "baseline_", *METRICS)
    columns = [name for name in tested.columns if name.startswith(wanted)]
    evidence["tested"] = tested.select("seed", "params_total", "wall_s", *columns).row(0, named=True)
    for name in METRICS:
        if name not in chosen:
            continue
        sigma, freedom = _between_seeds(sizes, name)
        if not freedom:  # what is known is of the metric that was chosen by
            freedom = evidence["noise"]["freedom"]
            sigma = evidence["noise"]["sigma"] * chosen[name] / max(chosen[evidence["metric"]], 1e-12)
        chosen[name] = float(tested[name].to_numpy().mean())
        half = float(stdtrit(freedom, 0.975)) * sigma * (1 + 1 / runs) ** 0.5
        chosen["interval"][name] = [chosen[name] - half, chosen[name] + half]
    name = evidence["metric"]
    low, high = chosen["interval"][name]
    text = f"on the test event, {name} {chosen[name]:.4f} is to be expected ({low:.4f} to {high:.4f})"
    answer["reason"] = f"{answer['reason']}; {text}"


def _between_seeds(sizes: pl.DataFrame, metric: str) -> tuple[float, int]:
    """Standard deviation of runs of one size, pooled over sizes, and its degrees of freedom."""
    keys = [name for name in SIZE if name in sizes.columns]
    groups = sizes.group_by(keys).agg(pl.col(metric).var(), runs=pl.len()).filter(pl.col("runs") > 1)
    freedom = int((groups["runs"] - 1).sum())
    if not freedom:
        return 0.0, 0
    squares = groups[metric].to_numpy() * (groups["runs"].to_numpy() - 1)
    return float((squares.sum() / freedom) ** 0.5), freedom
