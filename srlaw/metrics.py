"""Metrics that follow from the ranks of held-out items among the whole catalogue.

Nothing is sampled. The one protocol with random candidates, of the paper's own code, is computed in expectation.
"""

from __future__ import annotations

import numpy as np
from scipy.special import comb, ndtri

CUTOFFS = (10, 50, 200)
LEVEL, POWER = 0.05, 0.8  # of `smallest_difference`
SAMPLED_NEGATIVES = 2499  # of the authors' code


def summarise(ranks: np.ndarray) -> dict[str, float]:
    """Means over users of HR@k = [rank ≤ k], NDCG@k = [rank ≤ k] / log₂(1 + rank) and MRR = 1 / rank.

    With one relevant item the ideal DCG is 1. Keys: ``hr10``, ``ndcg10``, … for k in 10, 50, 200, ``mrr``, and
    ``hr10_se``, ``ndcg10_se``: standard errors for these users as a sample of all users.
    """
    values = per_user(ranks)
    metrics = {name: float(value.mean()) for name, value in values.items()}
    metrics |= {f"{name}_se": standard_error(values[name]) for name in ("hr10", "ndcg10")}
    return dict(sorted(metrics.items()))


def per_user(ranks: np.ndarray) -> dict[str, np.ndarray]:
    """Each user's share in the means of `summarise`, float64, shape ``(users,)``."""
    ranks = np.asarray(ranks, dtype=np.float64)
    gains = 1 / np.log2(1 + ranks)
    values = {"mrr": 1 / ranks}
    for k in CUTOFFS:
        hit = (ranks <= k).astype(np.float64)
        values |= {f"hr{k}": hit, f"ndcg{k}": gains * hit}
    return values


def standard_error(values: np.ndarray) -> float:
    """Of the mean of these users as a sample of all users."""
    return float(values.std()) / max(1, len(values)) ** 0.5


def smallest_difference(error: float) -> float:
    """The smallest true difference that two independent samples of users show with a power of 80% at a level of 5%.

    Two-sided and normal, both means with the standard error `error`: (z(0.975) + z(0.8)) √2 times it. Two models that
    are tested on the same users show smaller ones, as far as they succeed with the same users.
    """
    return float((ndtri(1 - LEVEL / 2) + ndtri(POWER)) * 2**0.5 * error)


def summarise_sampled(exceeding: np.ndarray) -> dict[str, float]:
    """HR@10 and NDCG@10 as the code published by the paper's authors ranks, in expectation over its random draws.

    ``General_Transformer/utils.py`` ranks the target among itself and 2,499 items drawn uniformly, with replacement,
    from those outside the user's training history. A draw stands above the target with probability q, the share of
    these items that score higher, so the rank less one is binomial: there is no need to draw.

    Args:
        exceeding: q of each user, shape ``(users,)``.
    """
    above = np.arange(10)
    q = np.asarray(exceeding, dtype=np.float64)[:, None]
    chance = comb(SAMPLED_NEGATIVES, above) * q**above * (1 - q) ** (SAMPLED_NEGATIVES - above)  # (users, 10)
    gains = chance / np.log2(2 + above)
    return {"hr10_sampled": float(chance.sum(1).mean()), "ndcg10_sampled": float(gains.sum(1).mean())}
