"""How fast this machine trains this model: a few steps of real training at a few sizes, and what a run will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from srlaw.errors import InputError
from srlaw.models import MODELS
from srlaw.sequences import Sequences, split
from srlaw.sweep import Run
from srlaw.sweep.backends import backend_at_work
from srlaw.training import TrainConfig, train
from srlaw.training.config import BATCH_EVENTS

STEPS = 4  # of real training at each size that is measured
DEPTHS = (1, 4)  # measured: the time of an event is linear in the depth
LEAST_USERS = 120
EPOCH_STEPS = 60  # at least, as far as batches stay within `BATCH_EVENTS`
SETUP = 0.5  # seconds to build a model and to write its row
RANKINGS = 3.0  # passes of validation that the last look at the held-out events takes, which ranks in three ways


def batch(events: int) -> int:
    """Events of a batch where an epoch has so many: larger than what `srlaw train` takes by default, for speed."""
    return max(BATCH_EVENTS[0], min(BATCH_EVENTS[1], events // EPOCH_STEPS))


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        rates: by ``model/s_max/d_emb``: seconds of a training event without blocks and of each block, and seconds of
            a pass over the validation events without blocks and of each block.
        events: target events of an epoch, by s_max.
    """

    rates: dict[str, list[float]]
    events: dict[int, int]

    def widths(self, model: str, s_max: int) -> list[int]:
        """Those measured, from the smallest."""
        return sorted(int(key.split("/")[2]) for key in self.rates if key.startswith(f"{model}/{s_max}/"))

    def _rate(self, model: str, s_max: int, d_emb: int) -> list[float]:
        """At the width, or at the next larger one that was measured; beyond them the cost grows as d²."""
        known = self.widths(model, s_max)
        rates = self.rates[f"{model}/{s_max}/{next((d for d in known if d >= d_emb), known[-1])}"]
        return [rate * max(1.0, d_emb / known[-1]) ** 2 for rate in rates]

    def shorter(self, sequences: Sequences, model: str, s_max: int, cut: int) -> None:
        """Take over what was measured at `s_max` for a shorter one, in proportion to the events that are left."""
        self.events[cut] = split(sequences, cut).events
        share = self.events[cut] / self.events[s_max]
        for width in self.widths(model, s_max):
            base, block, look, look_block = self.rates[f"{model}/{s_max}/{width}"]
            self.rates[f"{model}/{cut}/{width}"] = [base, block, look * share, look_block * share]

    def seconds(self, run: Run) -> float:
        """What a run takes, on a machine as busy as it was when the speed was measured."""
        _, _, look, look_block = self._rate(run.model, run.architecture["s_max"], run.architecture["d_emb"])
        return SETUP + RANKINGS * (look + look_block * run.architecture["n_layers"]) + self.epochs(run)

    def epochs(self, run: Run) -> float:
        """The part of `seconds` that goes into epochs, which a row has in ``wall_s``."""
        sizes, training = run.architecture, run.training
        base, block, look, look_block = self._rate(run.model, sizes["s_max"], sizes["d_emb"])
        events = self.events[sizes["s_max"]] * training.get("fraction", 1.0)
        steps = events * (base + block * sizes["n_layers"])
        return training["epochs"] * (steps + look + look_block * sizes["n_layers"])

    def events_per_s(self, model: str, s_max: int, n_layers: int, d_emb: int) -> float:
        base, block, *_ = self._rate(model, s_max, d_emb)
        return 1 / max(base + block * n_layers, 1e-12)


def measure_together(
    sequences: Sequences,
    model: str,
    s_max: int,
    widths: tuple[int, ...],
    settings: dict[str, Any],
    most: float,
    jobs: int,
) -> Speed:
    """`measure` in as many processes at once as there will be runs, each with its share of the cores: their mean.

    Runs beside each other share more than the cores: a memory, caches, perhaps a GPU.

    Raises:
        InputError: if a process is killed.
    """
    with backend_at_work("loky", jobs, sequences) as threads:
        task = delayed(_measure_with)(threads, sequences, model, s_max, widths, settings, most)
        try:
            return mean_speed(list(Parallel(batch_size=1)([task] * jobs)))  # pyright: ignore[reportArgumentType]
        except TerminatedWorkerError as error:
            why = "the processes that measure the speed were killed, perhaps for their memory"
            raise InputError(f"{why}; give fewer jobs (--jobs {max(1, jobs // 2)})") from error


def _measure_with(threads: int, *arguments: Any) -> Speed:
    torch.set_num_threads(min(threads, torch.get_num_threads()))  # as a run of a sweep
    return measure(*arguments)


def mean_speed(found: list[Speed]) -> Speed:
    """Of the widths that all have measured, the mean of every rate."""
    common = [key for key in found[0].rates if all(key in one.rates for one in found)]
    return Speed({key: np.mean([one.rates[key] for one in found], axis=0).tolist() for key in common}, found[0].events)


def measure(
    sequences: Sequences, model: str, s_max: int, widths: tuple[int, ...], settings: dict[str, Any], most: float
) -> Speed:
    """Train `model` for `STEPS` steps at each width and two depths; wider ones only while a run fits into `most` s."""
    parts = split(sequences, s_max)
    config = TrainConfig(epochs=2, judged_on="validation", batch_events=batch(parts.events), **settings)
    few = _some(sequences, s_max, STEPS * batch(parts.events))
    share = parts.validation.history.n_users / max(1, split(few, s_max).validation.history.n_users)

    def once(n_layers: int, d_emb: int) -> np.ndarray:
        """Seconds of an event and of a pass over all validation events, in the second epoch: the first is slower."""
        sizes = MODELS[model].config(n_items=sequences.n_items, s_max=s_max, n_layers=n_layers, d_emb=d_emb)
        row = train(few, sizes, config, progress=False).history.row(1, named=True)
        return np.array([row["train_s"] / row["events"], (row["seconds"] - row["train_s"]) * share])

    took: dict[int, np.ndarray] = {}
    for width in widths:
        took[width] = np.stack([once(depth, width) for depth in DEPTHS])  # (depths, events and passes)
        if took[width][0] @ [5 * parts.events, 5] > most:
            break
    speed = Speed({}, {s_max: parts.events})
    for width, (low, high) in zip(took, _rising(np.stack(list(took.values()))), strict=True):
        block = np.maximum(high - low, 0) / (DEPTHS[1] - DEPTHS[0])
        base = np.maximum(low - DEPTHS[0] * block, 0)
        speed.rates[f"{model}/{s_max}/{width}"] = [float(rate) for rate in (base[0], block[0], base[1], block[1])]
    return speed


def _rising(took: np.ndarray) -> np.ndarray:
    """Times that do not fall along the first axis: a wider model is not faster; where it seems so, others were busy."""
    return (np.maximum.accumulate(took) + np.minimum.accumulate(took[::-1])[::-1]) / 2


def _some(sequences: Sequences, s_max: int, events: int) -> Sequences:
    """Users drawn at random, with about so many target events; the catalogue stays whole."""
    place = np.random.default_rng(0).permutation(sequences.n_users)
    targets = np.clip(sequences.lengths[place] - 3, 0, s_max)
    count = max(LEAST_USERS, int(np.searchsorted(np.cumsum(targets), events)) + 1)
    chosen = np.zeros(sequences.n_users, bool)
    chosen[place[:count]] = True
    return sequences.of_users(chosen)
