"""Training and evaluation of the models in `srlaw.models`."""

from srlaw.training.config import TrainConfig
from srlaw.training.evaluate import evaluate
from srlaw.training.loop import train
from srlaw.training.losses import event_losses
from srlaw.training.result import Trained

__all__ = ["TrainConfig", "Trained", "evaluate", "event_losses", "train"]
