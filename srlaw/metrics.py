"""Ranks of held-out items among the whole catalogue, and the metrics that follow from them; nothing is sampled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CUTOFFS = (10, 50, 200)
CHUNK_ELEMENTS = 2**21  # scores held at once on a CPU: 8 MiB, so that they stay in its cache


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
    ranks, _ = ranks_and_losses(hidden, item_weight, targets, seen)
    return ranks


def ranks_and_losses(
    hidden: Tensor, item_weight: Tensor, targets: Tensor, seen: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`target_ranks`, and −ln softmax of each target over the whole catalogue in nats, shape ``(E,)``.

    The loss counts every item, `seen` or not.
    """
    rows = max(1, CHUNK_ELEMENTS // len(item_weight)) if hidden.device.type == "cpu" else len(hidden)
    ranks, losses = [], []
    for begin in range(0, len(hidden), max(1, rows)):
        part = slice(begin, begin + rows)
        scores = hidden[part].float() @ item_weight.float().T  # (rows, n_items)
        target = targets[part, None]
        losses.append(F.cross_entropy(scores, targets[part], reduction="none"))
        own = scores.gather(1, target)  # (rows, 1)
        if seen is not None:
            scores.scatter_(1, seen[part], -torch.inf).scatter_(1, target, own)
        ranks.append(scores.shape[1] - (scores < own).sum(1))  # the target is not below itself: at least 1
    return torch.cat(ranks), torch.cat(losses)


def summarise(ranks: Tensor) -> dict[str, float]:
    """Means over users of HR@k = [rank ≤ k], NDCG@k = [rank ≤ k] / log₂(1 + rank) and MRR = 1 / rank.

    With one relevant item the ideal DCG is 1. Keys: ``hr10``, ``ndcg10``, … for k in 10, 50, 200, and ``mrr``.
    """
    ranks = ranks.double()
    gains = 1 / torch.log2(1 + ranks)
    metrics = {"mrr": float((1 / ranks).mean())}
    for k in CUTOFFS:
        hit = ranks <= k
        metrics[f"hr{k}"] = float(hit.double().mean())
        metrics[f"ndcg{k}"] = float((gains * hit).mean())
    return dict(sorted(metrics.items()))
