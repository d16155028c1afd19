"""The ranking task: will the next rating be at least four? A small head on any backbone, its training and its test.

The head sees the backbone's state before an event and the event's item, never the event's rating:
logit = h · e_c + u · h + b_c + b, with h the state ``(d,)``, e_c the item's embedding, b_c its bias. It is trained by
the binary log-loss of every event of the training histories but the first of a user. The last event but one of a
user validates and the last one tests, as in `srlaw.sequences.split`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srlaw.models import ModelConfig, build
from srlaw.ratings import LIKED, auc, likes, log_losses
from srlaw.sequences import Sequences, split
from srlaw.training.config import TrainConfig
from srlaw.training.data import Step, batches, next_events
from srlaw.training.evaluate import EVALUATION_EVENTS
from srlaw.training.loop import optimizer_for, schedule


class Liking(nn.Module):
    """A backbone and the head of this module; see above."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.backbone = build(config)
        self.user = nn.Linear(config.d_emb, 1)
        self.item = nn.Embedding(config.n_items, 1)
        for weight in (self.user.weight, self.user.bias, self.item.weight):
            nn.init.zeros_(weight)

    def forward(self, step: Step) -> Tensor:
        """Log-odds that each target event is liked: ``(E,)``."""
        state = self.backbone(step.inputs)[step.valid]  # (B, S, d) → (E, d)
        match = (state * self.backbone.items(step.targets)).sum(1)
        return match + self.user(state)[:, 0] + self.item(step.targets)[:, 0]


class Rated(NamedTuple):
    """What `fit_liking` leaves.

    Attributes:
        curve: one row an epoch: ``epoch, train_log_loss, valid_log_loss, valid_auc``.
        liked: whether each tested event is, bool, shape ``(users,)``.
        by_log_loss, by_auc: log-odds of the tested events after the epoch that is best on the validation events by
            log-loss and by AUC, shape ``(users,)``.
        parameters: of the backbone and its head.
    """

    curve: list[dict[str, float]]
    liked: np.ndarray
    by_log_loss: np.ndarray
    by_auc: np.ndarray
    parameters: int


def held_out(sequences: Sequences, s_max: int, fraction: float = 1.0) -> tuple[Sequences, Sequences, Sequences]:
    """Histories that train, and those whose last event validates and tests; users with four ratings or more.

    Raises:
        InputError: without ratings, or nobody with four of them.
    """
    whole = sequences.at_least(4)
    likes(whole)  # there are ratings
    train = split(whole, s_max, fraction).train
    return train, whole.leave_one_out().history, whole


def fit_liking(sequences: Sequences, model_config: ModelConfig, config: TrainConfig) -> Rated:
    """Train a `Liking` on the CPU, on as many threads as torch has, and test the best epochs.

    One seed gives the same numbers on one machine with one number of threads.

    Of `config` it takes ``epochs``, ``batch_events``, ``learning_rate``, ``weight_decay``, ``warmup``, ``clip``,
    ``fraction`` and ``seed``.

    Raises:
        InputError: as `held_out`.
    """
    s_max = model_config.s_max
    train, valid, test = held_out(sequences, s_max, config.fraction)
    config = config.for_data(train.tokens - train.n_users)
    torch.manual_seed(config.seed)
    model = Liking(model_config.for_data(sequences.timestamps is not None))
    optimizer = optimizer_for(model, config)
    curve: list[dict[str, float]] = []
    best: dict[str, dict[str, Tensor]] = {}
    valid_liked = likes(valid)
    for epoch in range(config.epochs):
        loss = _epoch(model, optimizer, train, config, epoch, s_max)
        log_odds = predict(model, valid, s_max)
        row = {
            "valid_log_loss": float(log_losses(log_odds, valid_liked).mean()),
            "valid_auc": auc(log_odds, valid_liked),
        }
        curve.append({"epoch": epoch + 1, "train_log_loss": loss} | row)
        for name in ("valid_log_loss", "valid_auc"):
            if best_epoch(curve, name) == epoch + 1:
                best[name] = {key: value.clone() for key, value in model.state_dict().items()}
    tested = {}
    for name, state in best.items():
        model.load_state_dict(state)
        tested[name] = predict(model, test, s_max)
    return Rated(
        curve=curve,
        liked=likes(test),
        by_log_loss=tested["valid_log_loss"],
        by_auc=tested["valid_auc"],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def best_epoch(curve: list[dict[str, float]], by: str) -> int:
    """The first epoch, from 1, with the least ``valid_log_loss`` or the greatest ``valid_auc``."""
    values = np.array([row[by] for row in curve])
    return 1 + int(values.argmax() if by == "valid_auc" else values.argmin())


def _epoch(
    model: Liking, optimizer: torch.optim.Optimizer, train: Sequences, config: TrainConfig, epoch: int, s_max: int
) -> float:
    """One pass over the training histories; the mean log-loss of its events while they were learned."""
    model.train()
    assert config.batch_events is not None  # `fit_liking` settled it
    order = batches(train.lengths - 1, config.batch_events, np.random.default_rng([config.seed, epoch]))
    total, events = 0.0, 0
    for i, users in enumerate(order):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * schedule((epoch + i / len(order)) / config.epochs, config.warmup)
        step = next_events(train, users, s_max)
        assert step.ratings is not None  # `held_out` saw to it
        loss = F.binary_cross_entropy_with_logits(model(step), (step.ratings >= LIKED).float())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad()
        total, events = total + float(loss.detach()) * len(step.targets), events + len(step.targets)
    return total / events


@torch.no_grad()
def predict(model: Liking, sequences: Sequences, s_max: int) -> np.ndarray:
    """Log-odds that each user's last event is liked, given up to `s_max` before it: ``(users,)``."""
    model.eval()
    out = np.empty(sequences.n_users)
    for users in batches(np.minimum(sequences.lengths - 1, s_max), EVALUATION_EVENTS):
        step = next_events(sequences, users, s_max)
        ends = step.valid.sum(1).cumsum(0) - 1  # place of each user's last event among the E
        out[users] = model(step)[ends].double().numpy()
    return out
