"""Training and evaluation of the models in `srlaw.models`."""

from srlaw.training.checkpoint import ForeignCheckpoint
from srlaw.training.config import TrainConfig, loss_for
from srlaw.training.evaluate import evaluate
from srlaw.training.liking import Liking, Rated, fit_liking
from srlaw.training.loop import train
from srlaw.training.losses import event_losses
from srlaw.training.result import Trained
from srlaw.training.room import require_room

__all__ = [
    "ForeignCheckpoint",
    "Liking",
    "Rated",
    "TrainConfig",
    "Trained",
    "evaluate",
    "event_losses",
    "fit_liking",
    "loss_for",
    "require_room",
    "train",
]
