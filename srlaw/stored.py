"""The committed tables of this project: statistics of data sets that may not be redistributed, and its own sweeps.

`data/statistics/README.md` and `data/sweeps/README.md` say how each was made; the paper's tables are in `srlaw.paper`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from srlaw.errors import InputError
from srlaw.files import repository


def lengths(dataset: str) -> pl.DataFrame:
    """`srlaw.entropy.report.length_histogram` of a data set.

    Raises:
        InputError: if none is stored for it. The same holds for every function here.
    """
    return pl.read_csv(_file("statistics", dataset, "-lengths.csv"))


def statistics(dataset: str) -> pl.DataFrame:
    """`srlaw.entropy.report.describe` of a data set at several s_max, one row each."""
    return pl.DataFrame(json.loads(_file("statistics", dataset, "-stats.json").read_text()), infer_schema_length=None)


def duplication(dataset: str) -> pl.DataFrame:
    """`srlaw.chapters.duplication.duplication` of a data set."""
    return pl.read_csv(_file("statistics", dataset, "-duplication.csv"))


def real_entropy(dataset: str) -> pl.DataFrame:
    """`srlaw.chapters.real_entropy.of_log` of a data set."""
    return pl.read_csv(_file("statistics", dataset, "-real-entropy.csv"))


def learning() -> dict[str, Any]:
    """`srlaw.chapters.learning.Lessons.stored` of the settings that chapter 4 has at first."""
    return json.loads(_file("statistics", "learning", ".json").read_text(encoding="utf-8"))


def leave_one_out() -> pl.DataFrame:
    """`srlaw.chapters.panels.thorough_errors` of the paper's panels."""
    return pl.read_csv(_file("statistics", "panels", "-leave-one-out.csv"))


def sweep(name: str) -> pl.DataFrame:
    """The rows of one of this project's own sweeps, as `srlaw sweep` wrote them."""
    return pl.read_csv(_file("sweeps", name, ".csv"), infer_schema_length=None)


def _file(folder: str, name: str, ending: str) -> Path:
    where = repository("data", folder)
    known = sorted(path.name.removesuffix(ending) for path in where.glob(f"*{ending}"))
    if name not in known:
        raise InputError(f"data/{folder} has no {name}{ending}; names that it has are {', '.join(known)}")
    return where / f"{name}{ending}"
