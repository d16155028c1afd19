"""Ranks of held-out items among the whole catalogue, and the metrics that follow from them.

Nothing is sampled. The one protocol with random candidates, of the paper's own code, is computed in expectation.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import binom, norm
from torch import Tensor
from torch.nn import functional as F

CUTOFFS = (10, 50, 200)
LEVEL, POWER = 0.05, 0.8  # of `smallest_difference`
SAMPLED_NEGATIVES = 2499  # of the authors' code
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


def summarise(ranks: Tensor) -> dict[str, float]:
    """Means over users of HR@k = [rank ≤ k], NDCG@k = [rank ≤ k] / log₂(1 + rank) and MRR = 1 / rank.

    With one relevant item the ideal DCG is 1. Keys: ``hr10``, ``ndcg10``, … for k in 10, 50, 200, ``mrr``, and
    ``hr10_se``, ``ndcg10_se``: standard errors for these users as a sample of all users.
    """
    values = per_user(ranks)
    metrics = {name: float(value.mean()) for name, value in values.items()}
    metrics |= {f"{name}_se": standard_error(values[name]) for name in ("hr10", "ndcg10")}
    return dict(sorted(metrics.items()))


def per_user(ranks: Tensor) -> dict[str, Tensor]:
    """Each user's share in the means of `summarise`, float64, shape ``(users,)``."""
    ranks = ranks.double()
    gains = 1 / torch.log2(1 + ranks)
    values = {"mrr": 1 / ranks}
    for k in CUTOFFS:
        hit = (ranks <= k).double()
        values |= {f"hr{k}": hit, f"ndcg{k}": gains * hit}
    return values


def standard_error(values: Tensor) -> float:
    """Of the mean of these users as a sample of all users."""
    return float(values.std(correction=0)) / max(1, len(values)) ** 0.5


def smallest_difference(error: float) -> float:
    """The smallest true difference that two independent samples of users show with a power of 80% at a level of 5%.

    Two-sided and normal, both means with the standard error `error`: (z(0.975) + z(0.8)) √2 times it. Two models that
    are tested on the same users show smaller ones, as far as they succeed with the same users.
    """
    return float((norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER)) * 2**0.5 * error)


def summarise_sampled(exceeding: np.ndarray) -> dict[str, float]:
    """HR@10 and NDCG@10 as the code published by the paper's authors ranks, in expectation over its random draws.

    ``General_Transformer/utils.py`` ranks the target among itself and 2,499 items drawn uniformly, with replacement,
    from those outside the user's training history. A draw stands above the target with probability q, the share of
    these items that score higher, so the rank less one is binomial: there is no need to draw.

    Args:
        exceeding: q of each user, shape ``(users,)``.
    """
    above = np.arange(10)
    chance = binom.pmf(above, SAMPLED_NEGATIVES, np.asarray(exceeding)[:, None])  # (users, 10)
    gains = chance / np.log2(2 + above)
    return {"hr10_sampled": float(chance.sum(1).mean()), "ndcg10_sampled": float(gains.sum(1).mean())}
