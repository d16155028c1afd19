"""Full-ranking evaluation on each user's held-out event."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from srlaw.errors import InputError
from srlaw.metrics import summarise, summarise_sampled
from srlaw.models import SequenceModel, collate
from srlaw.ranking import ranks_and_losses
from srlaw.sequences import HeldOut, Sequences
from srlaw.training.data import batches

EVALUATION_EVENTS = 16_384


def evaluate(
    model: SequenceModel, sequences: Sequences | HeldOut, s_max: int, every_ranking: bool = False
) -> dict[str, float]:
    """Leave-one-out: rank each user's last event among all items, given the `s_max` events before it.

    Args: as `outcomes`.

    Returns:
        The metrics of `summarise`, ``loss`` in nats per target event (full softmax), ``users``; with `every_ranking`
        also ``hr10_without_history``, ``ndcg10_without_history`` and the metrics of `summarise_sampled`.

    Raises:
        InputError: if no user has two events.
    """
    return summary(outcomes(model, sequences, s_max, every_ranking))


def summary(found: dict[str, np.ndarray]) -> dict[str, float]:
    """What `evaluate` returns, of what `outcomes` found."""
    metrics = summarise(found["rank"])
    metrics |= {"loss": float(found["loss"].mean()), "users": len(found["rank"])}
    if "exceeding" in found:
        new = summarise(found["rank_without_history"])
        metrics |= {f"{name}_without_history": new[name] for name in ("hr10", "ndcg10")}
        metrics |= summarise_sampled(found["exceeding"])
    return metrics


def outcomes(
    model: SequenceModel, sequences: Sequences | HeldOut, s_max: int, every_ranking: bool = False
) -> dict[str, np.ndarray]:
    """What became of each user's held-out event.

    Args:
        model: of `srlaw.models`; it is used where it lies and as it is set to train or evaluate afterwards.
        sequences: whole histories of at least two events (shorter ones are left out), or histories and targets.
        every_ranking: rank not only among all items, user's history included (the paper does not say), but also
            among those that the user has not had yet, and as the authors' code does.

    Returns:
        One value a user, in the order of the histories: ``rank`` from 1 and ``loss`` in nats (full softmax); with
        `every_ranking` also ``rank_without_history`` and ``exceeding``, see `summarise_sampled`; the training history
        is the history without its last event, unless that is the only one.

    Raises:
        InputError: if no user has two events.
    """
    history, target = sequences.leave_one_out() if isinstance(sequences, Sequences) else sequences
    if not history.n_users:
        raise InputError(f"{history.name} has no user with two events; nothing can be held out")
    weight = model.items.weight
    training = model.training
    model.eval()
    parts = []
    order = batches(history.truncate(s_max).lengths, EVALUATION_EVENTS)
    with torch.no_grad():
        for users in order:
            last = last_states(model, history, users, s_max)
            targets = torch.from_numpy(target[users]).to(weight.device, torch.int64)
            left_out = [x.to(weight.device) for x in _histories(history, users)] if every_ranking else []
            ranks, losses = ranks_and_losses(last, weight, targets, *left_out)
            part = {"rank": ranks[0], "loss": losses.double()}
            if every_ranking:
                part["rank_without_history"] = ranks[2]
                part["exceeding"] = _exceeding(ranks[1], left_out[0], len(weight))
            parts.append({name: values.cpu().numpy() for name, values in part.items()})
    model.train(training)
    back = np.argsort(np.concatenate(order))
    return {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}


def last_states(model: SequenceModel, history: Sequences, users: np.ndarray, s_max: int) -> Tensor:
    """What the model makes of each history's last `s_max` events, to be compared with the items: ``(B, d)``."""
    batch = collate(history, users, s_max).on(model.items.weight.device)
    return model(batch)[torch.arange(len(users)), batch.lengths - 1]  # (B, S, d) → (B, d)


def whole_histories(history: Sequences, users: np.ndarray) -> tuple[Tensor, Tensor]:
    """Items of each whole history, ``(B, S)``, its first item in the places after its end; and its length, ``(B,)``."""
    whole = collate(history, users, int(history.lengths[users].max()))
    place = torch.arange(whole.items.shape[1])
    return torch.where(place < whole.lengths[:, None], whole.items, whole.items[:, :1]), whole.lengths


def _histories(history: Sequences, users: np.ndarray) -> tuple[Tensor, Tensor]:
    """Items of each history without its last event, and all of them; the first fills the rest; ``(B, S)`` each."""
    items, lengths = whole_histories(history, users)
    place = torch.arange(items.shape[1])
    return torch.where(place < (lengths - 1).clamp(min=1)[:, None], items, items[:, :1]), items


def _exceeding(ranks: Tensor, trained: Tensor, n_items: int) -> Tensor:
    """Share of the items outside the training history `trained`, ``(B, S)``, that stand above the target."""
    ordered = trained.sort(dim=1).values
    distinct = 1 + (ordered.diff(dim=1) != 0).sum(1)
    return (ranks - 1).double() / (n_items - distinct).clamp(min=1)
