"""Softmax losses over the catalogue, full and sampled (section 4), in nats per target event."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from srlaw.ranking import CHUNK_ELEMENTS


def full_softmax(hidden: Tensor, item_weight: Tensor, targets: Tensor) -> Tensor:
    """Mean of −ln softmax(h · e)_target over the whole catalogue.

    On a CPU scores are computed, used and dropped in chunks that stay in the cache, gradients with them: several
    times faster than a table of all scores, which a GPU makes faster than its processor could launch the chunks. A
    PyTorch before 2.13, as some machines with GPUs have, makes that table everywhere.

    Args:
        hidden: shape ``(E, d)``.
        item_weight: item embeddings, shape ``(n_items, d)``.
        targets: item codes, int64, shape ``(E,)``.
    """
    if hidden.device.type != "cpu" or not hasattr(torch.nn, "LinearCrossEntropyOptions"):
        return F.cross_entropy(F.linear(hidden, item_weight), targets)
    rows = max(64, CHUNK_ELEMENTS // len(item_weight))
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=min(rows, len(hidden)))
    return F.linear_cross_entropy(hidden, item_weight, targets, options=options)


def sampled_softmax(
    hidden: Tensor, item_weight: Tensor, targets: Tensor, negatives: int, log_correction: bool
) -> Tensor:
    """Mean of −ln(e^s⁺ / (e^s⁺ + Σ_j e^s_j)), the paper's loss, over the same random items j for all events.

    The negatives are drawn uniformly with replacement from the catalogue. Where one is an event's own target
    it is left out of that event's sum. With `log_correction`, ln((n_items − 1) / negatives left) is added to
    each s_j, which makes the sum an estimate of that over all other items.

    Args: as `full_softmax`, and
        negatives: how many items are drawn.
    """
    n_items = len(item_weight)
    drawn = torch.randint(n_items, (negatives,), device=hidden.device)
    own = drawn == targets[:, None]  # (E, negatives)
    scores = (hidden @ item_weight[drawn].T).masked_fill(own, -torch.inf)
    if log_correction:
        left = negatives - own.sum(1, keepdim=True)
        scores = scores + log(max(1, n_items - 1)) - left.clamp(min=1).log()
    positive = (hidden * item_weight[targets]).sum(1, keepdim=True)
    return -F.log_softmax(torch.cat([positive, scores], dim=1), dim=1)[:, 0].mean()
