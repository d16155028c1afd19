"""What is asked of a plan of a log, and what can be said of the log before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srlaw import output
from srlaw.baselines import METRICS, yardsticks
from srlaw.datasets import load
from srlaw.errors import InputError, quoted
from srlaw.metrics import smallest_difference
from srlaw.models import MODELS
from srlaw.sequences import Sequences, split

S_MAX = (25, 50, 100)
COVERED = 0.8  # of the events, by the s_max that is taken where none is given


@dataclass(frozen=True)
class Request:
    """What is asked: minutes of wall clock, s_max (by the log if empty), seeds of a repeated size, runs at a time."""

    log: str
    path: str | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    minutes: float = 15.0
    metric: str = "ndcg10"
    models: Sequence[str] = ("hstu",)
    s_max: Sequence[int] = ()
    max_params: float | None = None
    seeds: int = 2
    jobs: int = 1

    def __post_init__(self) -> None:
        for name in ("minutes", "seeds", "jobs"):
            if not 0 < getattr(self, name) < 1e6:
                raise InputError(f"{name} is {getattr(self, name)}; it must be a number above 0")
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the noise of one run takes 2 at least")
        if self.metric not in METRICS:
            raise InputError(f"metric is {quoted(self.metric)}; of a log it must be one of {', '.join(METRICS)}")
        if any(one < 1 for one in self.s_max):
            raise InputError(f"s_max is {min(self.s_max)}; it must be at least 1")
        for model in self.models:
            if model not in MODELS:
                raise InputError(f"models: {quoted(model)} is not one of {', '.join(MODELS)}")

    @property
    def source(self) -> dict[str, Any]:
        """The log and how it is read, as a specification of a sweep says it."""
        return output.source(self.log, self.path, self.reading)


def read_log(request: Request) -> Sequences:
    """The log.

    Raises:
        InputError: all faults at once that an option could answer, or the first that none can.
    """
    reading, faults = dict(request.reading), []
    while True:
        try:
            sequences = load(request.log, request.path, **reading)
            break
        except InputError as error:
            faults.append(str(error))
            if "(--sort)" in faults[-1] and not reading.get("sort"):
                reading["sort"] = True
            elif "(--duplicates drop)" in faults[-1] and reading.get("duplicates", "error") == "error":
                reading["duplicates"] = "drop"
            else:
                raise InputError("; and ".join(faults)) from error
    if faults:
        raise InputError("; and ".join(faults))
    return sequences


def facts(sequences: Sequences, s_max: int) -> dict[str, Any]:
    """Before any training: the users who count, the yardsticks on the validation event, what can be told apart."""
    parts = split(sequences, s_max)
    known = yardsticks(parts.train, parts.validation, s_max)
    found = {
        "users": sequences.n_users,
        "items": sequences.n_items,
        "events": sequences.tokens,
        "tested_users": parts.validation.history.n_users,
        "users_with_less_than_4_events": int((sequences.lengths < 4).sum()),
        "s_max": s_max,
        "covered": float(np.minimum(sequences.lengths, s_max).sum() / max(1, sequences.tokens)),
        "yardsticks": {name: value for name, value in known.items() if "without" not in name},
    }
    for metric in METRICS:
        best = max((name for name in known if name.endswith(f"_{metric}")), key=lambda name: known[name])
        found[f"smallest_visible_{metric}"] = smallest_difference(known[f"{best}_se"])
    return found


def chosen_s_max(sequences: Sequences) -> int:
    """The first of `S_MAX` that keeps `COVERED` of the events, or the last."""
    for cut in S_MAX:
        if np.minimum(sequences.lengths, cut).sum() >= COVERED * sequences.tokens:
            return cut
    return S_MAX[-1]
