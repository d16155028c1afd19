"""What commands print for people: metrics with errors and yardsticks, size and cost, before all details."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from srlaw.baselines import NAMES
from srlaw.errors import one_line
from srlaw.metrics import smallest_difference

METRICS = {"hr10": "HR@10", "ndcg10": "NDCG@10"}
SIZES = {"n_layers": "layers", "d_emb": "width", "s_max": "s_max", "precision": "precision", "seed": "seed"}


def size_words(row: dict[str, Any]) -> str:
    """``n_layers`` and ``d_emb`` in words."""
    return f"{row['n_layers']} layer{'s' * (row['n_layers'] != 1)} of width {row['d_emb']}"


def named(alike: dict[str, Any]) -> str:
    """`size_words` with the model and s_max, as far as they are known, where there are ``groups`` of them."""
    if alike.get("groups", 1) == 1:
        return size_words(alike)
    known = [alike.get("model"), f"s_max {alike['s_max']}" if alike.get("s_max") else None]
    where = " at ".join(part for part in known if part)
    return ", ".join([*([where] if where else []), size_words(alike)])


def recommended(chosen: dict[str, Any]) -> str:
    """A recommended size with its model and s_max, as far as they are known, and whether it is the greatest tried."""
    model, s_max = chosen.get("model"), chosen.get("s_max")
    what = ", ".join([*([model] if model else []), size_words(chosen), *([f"s_max {s_max}"] if s_max else [])])
    return what if chosen["bounded"] else f"{what} (at least; larger was not tried)"


def sentence(text: str) -> str:
    """A reason as a sentence: its first letter large, and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def of_training(row: dict[str, Any]) -> str:
    """A row of `Trained.row` as a table of metrics, and the size and the cost of the model."""
    lines = [["", *METRICS.values()], [row["model"], *(_value(row, metric) for metric in METRICS)]]
    lines += _yardsticks(row)
    lines.append(["gain over the best of these", *(_value(row, f"gain_{metric}", "+") for metric in METRICS)])
    lines.append(["smallest visible difference", *(f"{_visible(row, metric):.4f}" for metric in METRICS)])
    what = f"{size_words(row)}, s_max {row['s_max']}, {row['params_total']:,} parameters"
    loss = row["objective"] if row["objective"] == "full" else f"sampled softmax, {row['negatives']} negatives"
    return "\n".join(
        [
            f"{one_line(row['dataset'])}: the last event of each of {row['users']:,} users, ranked among all "
            f"{row['n_items']:,} items",
            "",
            *aligned(lines),
            "",
            "± one standard error over users; that of the gain is paired, user by user. Smallest visible difference:",
            "what two independent samples of so many users show (5%, power 80%); the same users show smaller ones.",
            "",
            f"{row['model']}: {what}",
            f"training: {row['epochs']} epochs (best {row['best_epoch']}), loss {loss}, {row['wall_s']:,.0f} s, "
            f"{row['events_per_s']:,.0f} events/s, {row['flops']:.2g} FLOPs, {row['device']}",
        ]
    )


def of_sweep(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of a sweep as one table, with the yardsticks of each s_max and fraction, where the rows have them."""
    done = [row for row in rows if row["status"] == "finished"]
    lines = [["model", *SIZES.values(), "status", *METRICS.values(), ""]]
    for row in rows:
        found = (_value(row, metric) for metric in METRICS)
        error = one_line(str(row.get("error") or ""), 60)
        lines.append([*(str(row.get(name, "-")) for name in ("model", *SIZES, "status")), *found, error])
    blocks = aligned(lines)
    asked: dict[tuple, dict[str, Any]] = {}
    for row in done:
        if row.get("baseline_popularity_hr10") is not None:
            asked.setdefault(tuple(row.get(name) for name in ("s_max", "fraction", "test_fraction")), row)
    for row in asked.values():
        where = f"s_max {row['s_max']}" + (f", fraction {row['fraction']:g}" if row.get("fraction", 1) != 1 else "")
        visible = ["smallest visible difference", *(f"{_visible(row, metric):.4f}" for metric in METRICS)]
        blocks += ["", *aligned([[f"yardsticks, {where}", *METRICS.values()], *_yardsticks(row), visible])]
    if asked:
        blocks += [
            "",
            "± one standard error over users. Smallest visible difference: what two independent samples of so many",
            "users show (5%, power 80%); the same users show smaller ones.",
        ]
    return "\n".join(blocks)


def of_evidence(found: dict[str, Any]) -> str:
    """What `srlaw.statistics.evidence` found, as tables and sentences."""
    orders = [["given … events before", "conditional entropy, nats", "coverage"]]
    orders += [[str(f["order"]), f"{f['value']:.4f}", f"{f['coverage']:.1%}"] for f in found["conditional_entropy"]]
    names = ["repeats_per_user", "repeat_share", "events_per_item", "shuffle_loss", "s_real"]
    values = [[name, "-" if found[name] is None else f"{found[name]:.6g}"] for name in names]
    blocks = ["\n".join(aligned(values)), "\n".join(aligned(orders))]
    if found["baseline_next_ndcg10"] is not None:
        head = [f"last events of {found['tested_users']:,} users", *METRICS.values()]
        shuffled = ["item→next counts, histories shuffled", "-", _value(found, "next_ndcg10_shuffled")]
        blocks.append("\n".join([*aligned([head, *_yardsticks(found), shuffled]), "± one standard error over users"]))
    return "\n\n".join([*blocks, *found["notes"], found["support"]])


def aligned(lines: Iterable[Sequence[str]]) -> list[str]:
    """Lines of cells as text, columns of one width, two spaces between them."""
    lines = list(lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _yardsticks(row: dict[str, Any]) -> list[list[str]]:
    return [[words, *(_value(row, f"baseline_{name}_{metric}") for metric in METRICS)] for name, words in NAMES.items()]


def _visible(row: dict[str, Any], metric: str) -> float:
    return smallest_difference(row[f"{metric}_se"])


def _value(row: dict[str, Any], name: str, sign: str = "") -> str:
    """A metric with its standard error, where the row has them; rows of an earlier srlaw lack the error."""
    value, error = row.get(name), row.get(f"{name}_se")
    if value is None:
        return "-"
    return f"{value:{sign}.4f}" + ("" if error is None else f" ± {error:.4f}")
