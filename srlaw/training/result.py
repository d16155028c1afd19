"""`Trained`: what a run leaves behind."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import polars as pl
import torch

import srlaw
from srlaw.baselines import gains, summaries
from srlaw.models import ModelConfig, SequenceModel, count_parameters, flops_per_event, name_of
from srlaw.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model with its provenance.

    Attributes:
        model: with the weights of the best epoch, on the CPU, in evaluation mode.
        model_config, config: what it was made from.
        history: one row per epoch: ``epoch``, ``loss`` (mean of the training loss), ``valid_loss`` (full
            softmax), ``valid_hr10``, ``valid_ndcg10``, ``events``, ``train_s``, ``seconds`` (with validation).
        test: `evaluate` on the last events, under every ranking.
        outcomes: what became of each tested user, see `srlaw.training.evaluate.outcomes`.
        yardsticks: `srlaw.baselines.baseline_ranks` of the same users, from the same training histories.
        dataset: name of the sequences.
        train_lengths: target events of each training history, shape ``(users,)``.
        device: what it was trained on.
    """

    model: SequenceModel
    model_config: ModelConfig
    config: TrainConfig
    history: pl.DataFrame
    test: dict[str, float]
    outcomes: dict[str, np.ndarray]
    yardsticks: dict[str, tuple[np.ndarray, np.ndarray]]
    dataset: str
    train_lengths: np.ndarray
    device: str
    versions: str = field(default_factory=lambda: versions())

    @property
    def best_epoch(self) -> int:
        row = int(self.history["valid_ndcg10"].to_numpy().argmax())
        return int(self.history["epoch"][row])

    @property
    def flops(self) -> float:
        """As `training_flops`, of the epochs that were run."""
        events = float(self.history["events"].sum())
        return training_flops(self.model_config, self.config, self.train_lengths, events)

    def row(self) -> dict[str, object]:
        """One flat, JSON-ready row: configuration, test metrics, size, cost and provenance.

        ``loss`` is the full softmax on the held-out last events, nats per target event; ``objective`` is the
        loss trained with; ``max_epochs`` what was allowed, ``epochs`` what was run. ``valid_…`` and ``train_loss``
        (its mean over the epoch, with dropout) are those of the chosen epoch, ``best_epoch``;
        ``least_valid_loss`` may be another epoch's, ``least_valid_loss_epoch``. ``train_users`` and
        ``train_tokens`` are what an epoch sees; ``wall_s`` counts training and validation of all epochs;
        ``events_per_s`` training alone; ``date`` is when it ended (UTC). ``baseline_…`` are the yardsticks, see
        `srlaw.baselines.summaries`, and ``gain_…`` what the model gains over the best of them.
        """
        total, without_embeddings = count_parameters(self.model)
        settings = asdict(self.config)
        best = self.history.row(self.best_epoch - 1, named=True)
        least = self.history.row(self.history["valid_loss"].arg_min(), named=True)
        events = int(self.history["events"].sum())
        return {
            "dataset": self.dataset,
            "model": name_of(self.model_config),
            **asdict(self.model_config),
            "objective": settings.pop("loss"),
            "max_epochs": settings.pop("epochs"),
            **settings,
            **self.test,
            **summaries(self.yardsticks),
            **gains(self.outcomes["rank"], self.yardsticks),
            "valid_hr10": best["valid_hr10"],
            "valid_ndcg10": best["valid_ndcg10"],
            "valid_loss": best["valid_loss"],
            "train_loss": best["loss"],
            "least_valid_loss": least["valid_loss"],
            "least_valid_loss_epoch": least["epoch"],
            "train_users": len(self.train_lengths),
            "train_tokens": int((self.train_lengths + 1).sum()),
            "params_total": total,
            "params_non_embedding": without_embeddings,
            "flops": self.flops,
            "events": events,
            "epochs": self.history.height,
            "best_epoch": self.best_epoch,
            "wall_s": float(self.history["seconds"].sum()),
            "events_per_s": events / float(self.history["train_s"].sum()),
            "device": self.device,
            "versions": self.versions,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def training_flops(model_config: ModelConfig, config: TrainConfig, lengths: np.ndarray, events: float) -> float:
    """Floating-point operations of training: three times forward, model and comparison with the items.

    Args:
        lengths: target events of each training history, shape ``(users,)``. events: target events of all epochs.
    """
    lengths = lengths.astype(float)
    compared = model_config.n_items if config.loss == "full" else config.negatives + 1
    forward = flops_per_event(model_config, (lengths**2).sum() / max(1.0, lengths.sum()))
    return 3 * (forward + 2 * compared * model_config.d_emb) * events


def describe_device(device: torch.device, count: int) -> str:
    """E.g. ``"cpu, x86_64, 2 threads"`` or ``"2 × NVIDIA H200"``."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"cpu, {platform.machine()}, {torch.get_num_threads()} threads"
    return name if count == 1 else f"{count} × {name}"


def versions() -> str:
    """Of srlaw, Python and the packages that decide what numbers a run gives."""
    packages = [f"{name} {version(name)}" for name in ("torch", "lightning-fabric", "numpy")]
    return ", ".join([f"srlaw {srlaw.__version__}", f"python {platform.python_version()}", *packages])
