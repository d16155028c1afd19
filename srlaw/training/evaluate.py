"""Full-ranking evaluation on each user's held-out event."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from srlaw.errors import InputError
from srlaw.metrics import ranks_and_losses, summarise
from srlaw.models import Batch, collate
from srlaw.sequences import HeldOut, Sequences
from srlaw.training.data import batches

EVALUATION_EVENTS = 16_384


def evaluate(
    model: nn.Module, sequences: Sequences | HeldOut, s_max: int, leave_out_history: bool = False
) -> dict[str, float]:
    """Leave-one-out: rank each user's last event among all items, given the `s_max` events before it.

    Args:
        model: of `srlaw.models`; it is used where it lies and as it is set to train or evaluate afterwards.
        sequences: whole histories of at least two events (shorter ones are left out), or histories and targets.
        leave_out_history: rank among the items that the user has not had yet. The default ranks among all:
            the paper does not say.

    Returns:
        The metrics of `summarise`, ``loss`` in nats per target event (full softmax), ``users``.

    Raises:
        InputError: if no user has two events.
    """
    history, target = sequences.leave_one_out() if isinstance(sequences, Sequences) else sequences
    if not history.n_users:
        raise InputError(f"{history.name} has no user with two events; nothing can be held out")
    weight = model.items.weight
    training = model.training
    model.eval()
    ranks, losses = [], []
    with torch.no_grad():
        for users in batches(history.truncate(s_max).lengths, EVALUATION_EVENTS):
            batch = Batch(*(None if x is None else x.to(weight.device) for x in collate(history, users, s_max)))
            last = model(batch)[torch.arange(len(users)), batch.lengths - 1]  # (B, S, d) → (B, d)
            targets = torch.from_numpy(target[users]).to(weight.device, torch.int64)
            seen = _items_of(history, users).to(weight.device) if leave_out_history else None
            rank, loss = ranks_and_losses(last, weight, targets, seen)
            ranks.append(rank)
            losses.append(loss)
    model.train(training)
    ranks, losses = torch.cat(ranks), torch.cat(losses)
    return {**summarise(ranks), "loss": float(losses.double().mean()), "users": len(ranks)}


def _items_of(history: Sequences, users: np.ndarray) -> Tensor:
    """All items of each history, the first repeated as padding, shape ``(B, S)``."""
    whole = collate(history, users, int(history.lengths[users].max()))
    padding = torch.arange(whole.items.shape[1]) >= whole.lengths[:, None]
    return torch.where(padding, whole.items[:, :1], whole.items)
