"""Loss on every event of a history, not only on the last one, which `srlaw.training.evaluate` looks at."""

from __future__ import annotations

import numpy as np
import torch

from srlaw.models import SequenceModel
from srlaw.ranking import ranks_and_losses
from srlaw.sequences import Sequences
from srlaw.training.data import batches, next_events
from srlaw.training.evaluate import EVALUATION_EVENTS


@torch.no_grad()
def event_losses(model: SequenceModel, sequences: Sequences, s_max: int) -> np.ndarray:
    """−ln softmax of the last `s_max` events of each user but the first of all, given those before; nats.

    Args:
        model: of `srlaw.models`; it is used where it lies and as it is set to train or evaluate afterwards.

    Returns:
        Shape ``(E,)``, user by user in the order of the histories: min(length − 1, s_max) losses of each user.
    """
    weight, training = model.items.weight, model.training
    model.eval()
    of_user: list[np.ndarray] = [np.empty(0)] * sequences.n_users
    for users in batches(sequences.truncate(s_max + 1).lengths, EVALUATION_EVENTS):
        step = next_events(sequences, users, s_max)
        hidden = model(step.inputs.on(weight.device))[step.valid.to(weight.device)]  # (B, S, d) → (E, d)
        _, losses = ranks_and_losses(hidden, weight, step.targets.to(weight.device))
        ends = step.valid.sum(1).cumsum(0)[:-1]
        for user, values in zip(users, np.split(losses.double().cpu().numpy(), ends), strict=True):
            of_user[user] = values
    model.train(training)
    return np.concatenate(of_user)
