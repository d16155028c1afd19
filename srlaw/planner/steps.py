"""What to do after a plan: sentences that follow from its answer."""

from __future__ import annotations

from typing import Any

from srlaw.baselines import NAMES
from srlaw.planner.rows import DIRECTIONS, LEAST, LITTLE
from srlaw.summary import named, size_words


def next_steps(answer: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What to do now, a sentence each, from the answer of the planner.

    Args:
        found: of `srlaw.planner.request.facts`; empty where the log itself is not at hand.
    """
    evidence, chosen = answer["evidence"], answer["recommendation"]
    steps = []
    if not evidence:
        return ["Give minutes: 15 of them are enough for most logs of some thousand users."]
    if evidence.get("configurations", LEAST) < LEAST:
        return [
            f"Train {LEAST} sizes at least, of several depths and widths, some also with other seeds (`srlaw sweep`).",
            "Or give the log itself: `srlaw plan LOG` trains what it needs.",
        ]
    if chosen is None:
        steps += _without_a_size(evidence)
    elif answer.get("command"):
        steps.append("Train the recommended size with the command that is shown, and recommend with `srlaw recommend`.")
    else:
        steps.append("Train the recommended size with `srlaw train`, and recommend with `srlaw recommend`.")
    steps += _about_yardsticks(evidence, chosen, found)
    if chosen and (longest := [name for name, end in evidence["edges"].items() if end == "upper"]):
        where = " and ".join(DIRECTIONS[name] for name in longest)
        how = "grant more minutes" if "minutes" in answer else "train larger sizes, or plan the log with more minutes"
        steps.append(f"The best size is at the edge of what was tried: {how}, so that more {where} is tried.")
    if chosen and (small := evidence.get("smaller")):
        steps.append(
            f"Where cost counts take {size_words(small)}: it loses {-small['difference']:.4f}, less than {LITTLE}."
        )
    if (order := evidence.get("order")) and not order["tells"]:
        steps.append("Try a model that counts which items occur together: the order of the events adds nothing here.")
    if (longer := evidence.get("longer")) and not longer["enough"]:
        steps.append(f"Train longer: {longer['twice']} epochs still gain {longer['gain']:.4f} at one size.")
    if data := evidence.get("more_data"):
        told = data["2x"]
        steps.append(
            f"Twice the users would gain about {told['gain']:.4f}: weigh that against a larger model."
            if told
            else "Whether more users would help cannot be told from these runs."
        )
    return steps


def _without_a_size(evidence: dict[str, Any]) -> list[str]:
    """What follows where no size is named: the cheapest may do where all are alike and beat what only counts."""
    alike, gain = evidence.get("alike"), evidence.get("gain_over_yardstick")
    if not alike:
        return ["Take no size from these runs: none of them is shown to be worth its training."]
    further = "Try sizes that are further apart, or more seeds, before you pay for a larger model."
    order = evidence.get("order")
    if gain and gain["interval"][0] > 0 and (order is None or order["tells"]):
        name = NAMES.get(gain["yardstick"], gain["yardstick"])
        smallest = f"Where a model is wanted now take the cheapest, {named(alike)}"
        return [f"{smallest}: these sizes are alike, and beat {name} by {gain['gain']:.4f} on average.", further]
    return ["Take no size from these runs: they are alike, and none is shown to be worth its training.", further]


def _about_yardsticks(evidence: dict[str, Any], chosen: dict[str, Any] | None, found: dict[str, Any]) -> list[str]:
    gain = evidence.get("gain_over_yardstick")
    if not gain:
        return []
    name, visible = NAMES.get(gain["yardstick"], gain["yardstick"]), found.get(f"smallest_visible_{evidence['metric']}")
    if gain["interval"][0] <= 0:
        return [f"Use {name} until a model is shown to beat it; it needs no training."]
    if chosen and visible and gain["gain"] < visible:
        return [
            f"The gain over {name} is {gain['gain']:.4f}. Two separate groups of so many users show differences from "
            f"{visible:.4f} on: compare the model and the counts on the same users."
        ]
    return []
