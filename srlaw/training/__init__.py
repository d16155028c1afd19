"""Training and evaluation of the models in `srlaw.models`."""

from srlaw.training.checkpoint import ForeignCheckpoint
from srlaw.training.config import TrainConfig, loss_for
from srlaw.training.evaluate import evaluate
from srlaw.training.loop import train
from srlaw.training.losses import event_losses
from srlaw.training.result import Trained
from srlaw.training.room import require_room

__all__ = [
    "ForeignCheckpoint",
    "TrainConfig",
    "Trained",
    "evaluate",
    "event_losses",
    "loss_for",
    "require_room",
    "train",
]
