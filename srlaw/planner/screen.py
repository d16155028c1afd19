"""What `srlaw plan` prints for people: what it found and will do before it trains, and one screen of what came out."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from srlaw.baselines import NAMES
from srlaw.errors import one_line
from srlaw.output import log_words, options
from srlaw.planner.rows import LITTLE
from srlaw.summary import METRICS, aligned, named, recommended, size_words

WRAPPED = 72  # characters of what a stage is for
VISIBLE = (
    "± one standard error over users. Smallest visible difference: what two separate groups",
    "of so many users show in four of five cases; the same users show smaller ones.",
)


def before(found: dict[str, Any]) -> str:
    """Facts of the log, yardsticks, speed, memory and the schedule."""
    left = found["users_with_less_than_4_events"]
    text = [
        f"{found['users']:,} users, {found['items']:,} items, {found['events']:,} events; the last {found['s_max']} "
        f"of each user (s_max) are {found['covered']:.0%} of them",
        f"all choices are made on the last event but one of {found['tested_users']:,} users"
        + (f"; {left:,} users have less than 4 events and are left out" if left else ""),
        "",
    ]
    known = found["yardsticks"]
    table = [["yardstick", *METRICS.values()]]
    for name, words in NAMES.items():
        cells = [f"{known[key]:.4f} ± {known[f'{key}_se']:.4f}" for key in (f"baseline_{name}_{m}" for m in METRICS)]
        table.append([words, *cells])
    table.append(["smallest visible difference", *(f"{found[f'smallest_visible_{m}']:.4f}" for m in METRICS)])
    speeds = "; ".join(f"{at.replace('x', ' × ')}: {rate:,.0f}" for at, rate in found["events_per_s"].items())
    text += [*aligned(table), "", *VISIBLE, "", f"events/s of training here, layers × width: {speeds}"]
    room = f"{found['largest_mib']:,.0f} MiB of {found['memory_mib']:,.0f}"
    text.append(f"memory: the largest model and its optimiser take {room}")
    parts = [["stage", "runs", "minutes", "what for, and with which settings"]]
    for part in found["schedule"]:
        first, *more = [line for told in (part["why"], part["detail"]) for line in textwrap.wrap(told, WRAPPED)]
        parts.append([part["stage"], str(part["runs"]), f"{part['minutes']:.1f}", first])
        parts += [["", "", "", line] for line in more]
    total = sum(part["minutes"] for part in found["schedule"]) + found["preparation_s"] / 60
    text += ["", *aligned(parts), "", f"{total:.1f} of {found['minutes']:g} minutes are scheduled. What is left of"]
    text.append("them goes into larger sizes where the best is at an edge, then into other seeds of the best sizes.")
    text.append("What no longer fits is left out.")
    return "\n".join(text)


def after(answer: dict[str, Any]) -> str:
    """One screen."""
    text = "\n".join(f"{name:<24}  {one_line(value)}" for name, value in lines(answer))
    return text + (f"\n\n{answer['command']}" if answer.get("command") else "")


def lines(answer: dict[str, Any]) -> list[Sequence[str]]:
    """What came out, as pairs of a name and a value: the lines of the screen."""
    evidence, chosen = answer["evidence"], answer["recommendation"]
    if chosen is None:
        rows: list[Sequence[str]] = [["no recommendation", answer["reason"]]]
    else:
        rows = [["recommended", recommended(chosen)]]
        event = _event("test" if "tested" in evidence else evidence.get("event"))
        for name, words in METRICS.items():
            if name in chosen:
                rows.append([f"expected {words}", f"{chosen[name]:.4f}, 95% {_ends(chosen['interval'][name])}{event}"])
        if tested := evidence.get("tested"):
            name = evidence["metric"]
            told = f"{METRICS.get(name, name)} {tested[name]:.4f} ± {tested[f'{name}_se']:.4f}"
            gain = f"{tested[f'gain_{name}']:+.4f} ± {tested[f'gain_{name}_se']:.4f} over the best yardstick"
            rows.append(["tested once, fresh seed", f"{told} (s.e. over users), {gain}"])
        rows.append(["draws that agree", f"{evidence['agree']:.0%}"])
    rows += list(_gains(evidence))
    if full := answer.get("full_run"):
        rows.append(["the full run", f"{60 * full['hours']:.1f} minutes, about {full['params']:,} parameters"])
    if "minutes" in answer:
        rows.append(["minutes it took", f"{answer['minutes']:.1f}"])
    return rows


def forecasts(answer: dict[str, Any]) -> str:
    """Every forecast behind an answer, a line each, with its weight, its error and the size that it would choose."""
    table = [["forecast", "weight", "error on the most expensive sizes", "would choose, layers × width"]]
    for row in answer["evidence"]["forecasts"]:
        error = "-" if row["error_on_dearest"] is None else f"{row['error_on_dearest']:.4f}"
        table.append([row["forecast"], f"{row['weight']:.0%}", error, f"{row['n_layers']} × {row['d_emb']}"])
    return "\n".join(aligned(table))


def _gains(evidence: dict[str, Any]) -> Iterable[Sequence[str]]:
    if alike := evidence.get("alike"):
        yield "all sizes alike", f"{alike['mean']:.4f}, 95% {_ends(alike['interval'])}; cheapest: {named(alike)}"
    if gain := evidence.get("gain_over_yardstick"):
        name = NAMES.get(gain["yardstick"], gain["yardstick"])
        yield (
            "gain over yardstick",
            f"over {name} ({gain['reaches']:.4f}): {gain['gain']:+.4f}, 95% {_ends(gain['interval'], '+')}"
            + _event(evidence.get("event")),
        )
    if small := evidence.get("gain_over_smallest"):
        yield (
            "gain over smallest",
            f"{size_words(small)}: {small['difference']:+.4f}, 95% {_ends(small['interval'], '+')}",
        )
    if small := evidence.get("smaller"):
        yield "smaller", f"{size_words(small)}; what it loses is less than {LITTLE} ({-small['difference']:.4f})"
    if noise := evidence.get("noise"):
        yield (
            "noise of one run",
            f"{noise['sigma']:.4f} (from {noise['source']}, {noise['freedom']} degrees of freedom)",
        )
    if longer := evidence.get("longer"):
        words = f"{longer['gain']:+.4f}; noise alone reaches {longer['limit']:.4f}"
        yield f"{longer['twice']} epochs for {longer['epochs']}", words
    if order := evidence.get("order"):
        words = f"{-order['loss']:+.4f}; noise alone reaches {order['limit']:.4f}"
        yield "events in random order", words
    if data := evidence.get("more_data"):
        for times in ("2x", "10x"):
            told = data[times] and f"{data[times]['gain']:+.4f}, 95% {_ends(data[times]['interval'], '+')}"
            yield f"gain at {times[:-1]}× the users", told or "cannot tell"


def _event(name: str | None) -> str:
    """Which event a value is of, behind it; nothing where the table does not say."""
    return f", {name} event" if name else ""


def _ends(interval: Sequence[float], sign: str = "") -> str:
    return f"{interval[0]:{sign}.4f} to {interval[1]:{sign}.4f}"


def command(source: dict[str, Any], settings: dict[str, Any] | None) -> str | None:
    """The ready `srlaw train` of the chosen size."""
    if settings is None:
        return None
    return shlex.join(["srlaw", "train", *log_words(source), *options(settings), "--save", "my-model"])


def kept(folder: Path, source: dict[str, Any], arguments: Sequence[str], dry_run: bool) -> str:
    """Where a plan of a log lies, and the command that goes on from here; `arguments` are those of this one."""
    if dry_run:
        again = shlex.join([argument for argument in arguments if argument != "--dry-run"])
        return f"nothing was trained; to train in these minutes: srlaw {again}"
    said = f"{folder} holds plan.html, plan.json, rows.csv and the specifications"
    if (best := folder / "chosen" / "best").exists():
        use = shlex.join(["srlaw", "recommend", str(best), *log_words(source)])
        said += f"; to use the model that was tested: {use}"
    return said
