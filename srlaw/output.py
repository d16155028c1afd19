"""What the command prints: rows as one JSON document or as lines of names and values; words of other commands."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from srlaw.errors import one_line


def json_text(rows: dict | list[dict]) -> str:
    """JSON, escaped to ASCII, so that it is the same in every encoding, with null for what is undefined."""
    return json.dumps(_null_for_nan(rows), indent=2, allow_nan=False)


def text(rows: dict | list[dict]) -> str:
    """A line for each value behind its name, and a blank line between two rows."""
    parts = []
    for row in rows if isinstance(rows, list) else [rows]:
        width = max(map(len, row))
        parts.append("\n".join(f"{key:<{width}}  {_shown(value)}" for key, value in row.items()))
    return "\n\n".join(parts)


def options(settings: Mapping[str, Any]) -> list[str]:
    """Settings as the words of a command line: ``--s-max 50``, or ``--sort`` alone where the value is True."""
    words = []
    for name, value in settings.items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is True else [f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def source(dataset: str, path: str | None, reading: Mapping[str, Any]) -> dict[str, Any]:
    """A log and how it is read, as a specification of a sweep says it: without what is the default."""
    usual = {"duplicates": (None, False, "error")}
    given = {"path": path, **reading}.items()
    return {"dataset": dataset} | {name: x for name, x in given if x not in usual.get(name, (None, False))}


def log_words(source: Mapping[str, Any]) -> list[str]:
    """A log and how it is read, as a specification of a sweep says it, as the words of a command line."""
    return [source["dataset"], *options({name: value for name, value in source.items() if name != "dataset"})]


def _shown(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, dict):
        return "  ".join(f"{key} {_shown(entry)}" for key, entry in value.items()) or "-"
    if isinstance(value, list):
        return "; ".join(map(_shown, value)) or "-"
    return f"{value:.6g}" if isinstance(value, float) else one_line(str(value))


def _null_for_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _null_for_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_null_for_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
