"""Ranks of held-out items among the whole catalogue, from the scores of a model; ties count against it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK_ELEMENTS = 2**21  # scores held at once on a CPU: 8 MiB, so that they stay in its cache
DEVICE_ELEMENTS = 2**27  # on a GPU: 512 MiB, enough to fill it
LEAST_ROWS = 8  # users looked at together in any case: fewer would read a large catalogue's embeddings too often


def target_ranks(hidden: Tensor, item_weight: Tensor, targets: Tensor, seen: Tensor | None = None) -> Tensor:
    """Rank of each target among all items by dot product, 1 being the best; int64, shape ``(E,)``.

    An item with the target's score stands before it, and so does one whose score is not a number: ties count
    against the model.

    Args:
        hidden: what the items are compared with, shape ``(E, d)``.
        item_weight: item embeddings, shape ``(n_items, d)``.
        targets: item codes, int64, shape ``(E,)``.
        seen: item codes to leave out of each ranking, int64, shape ``(E, S)``, repeated at will; the target
            itself always stays. By default nothing is left out, not even a user's own history: the paper
            does not say, and where items repeat a history is a fair guess.
    """
    ranks, _ = ranks_and_losses(hidden, item_weight, targets, *([] if seen is None else [seen]))
    return ranks[-1]


def ranks_and_losses(hidden: Tensor, item_weight: Tensor, targets: Tensor, *left_out: Tensor) -> tuple[Tensor, Tensor]:
    """`target_ranks` among all items, then without more and more of them; and the loss of each target.

    Args: as `target_ranks`, and
        left_out: item codes that leave each ranking, and all that follow; int64, shape ``(E, S)`` each.

    Returns:
        Ranks ``(1 + len(left_out), E)``, and −ln softmax over the whole catalogue in nats ``(E,)``.
    """
    rows = rows_at_once(len(item_weight), hidden.device)
    ranks, losses = [], []
    for begin in range(0, len(hidden), rows):
        part = slice(begin, begin + rows)
        scores = hidden[part].float() @ item_weight.float().T  # (rows, n_items)
        target = targets[part, None]
        losses.append(F.cross_entropy(scores, targets[part], reduction="none"))
        own = scores.gather(1, target)  # (rows, 1)
        found = []
        for seen in (None, *left_out):
            if seen is not None:
                scores.scatter_(1, seen[part], -torch.inf).scatter_(1, target, own)
            found.append(scores.shape[1] - (scores < own).sum(1))  # the target is not below itself: at least 1
        ranks.append(torch.stack(found))
    return torch.cat(ranks, dim=1), torch.cat(losses)


def rows_at_once(n_items: int, device: torch.device) -> int:
    """How many users' scores of all items make a table that is bounded on any device."""
    return max(LEAST_ROWS, (CHUNK_ELEMENTS if device.type == "cpu" else DEVICE_ELEMENTS) // n_items)
