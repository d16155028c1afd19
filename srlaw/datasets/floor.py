"""What nobody can beat on a synthetic population: the Bayes-optimal loss, HR@10 and NDCG@10, computed exactly."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from srlaw.datasets.synthetic import Population
from srlaw.markov import MarkovChain
from srlaw.sequences import Sequences


def bayes_optimal(people: Population, sequences: Sequences, k: int = 10) -> dict[str, float]:
    """The best expected loss and metrics on each user's last event, given the events before it and the true chains.

    The type of a user is not known: its posterior follows from the history by Bayes' rule, and the next item is
    predicted by the mixture. No other predictor has a lower expected loss, and ranking by these probabilities
    maximises expected HR@k and NDCG@k. Expectations are taken over the last event given the history, so the only
    sampling noise is that of the histories.

    Args:
        people: the population that drew `sequences`; items must be its states.

    Returns:
        ``loss`` (nats), ``hr{k}`` and ``ndcg{k}``, means over users with at least two events.
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    rows = []
    for user in range(sequences.n_users):
        history = sequences.catalogue[sequences[user]][:-1]
        if not len(history):
            continue
        p = predictive(people.chains, history)
        best = np.sort(p)[::-1][:k]
        positive = p[p > 0]
        rows.append((-positive @ np.log(positive), best.sum(), best @ gains[: len(best)]))
    loss, hr, ndcg = np.mean(rows, axis=0)
    return {"loss": float(loss), f"hr{k}": float(hr), f"ndcg{k}": float(ndcg)}


def predictive(chains: tuple[MarkovChain, ...], history: np.ndarray) -> np.ndarray:
    """P(next item | history) when each chain is equally likely beforehand; shape ``(A,)``, sums to 1."""
    log_weight = np.array([log_steps(chain, history).sum() for chain in chains])
    weight = np.exp(log_weight - log_weight.max())
    given = np.array([_next(chain, history) for chain in chains])
    return weight / weight.sum() @ given


def _next(chain: MarkovChain, history: np.ndarray) -> np.ndarray:
    """P(next item | history) under one chain; before `order` items are known, from the stationary distribution."""
    if len(history) >= chain.order:
        return chain.transition[tuple(history[-chain.order :])]
    joint = chain.stationary[tuple(history)].reshape(chain.n_states, -1).sum(1)
    return joint / (joint.sum() or 1.0)  # all 0 after an impossible history


def log_steps(chain: MarkovChain, items: np.ndarray) -> np.ndarray:
    """ln P(x_1), ln P(x_2 | x_1), … under one chain, shape ``(n,)``; −∞ where a step is impossible."""
    order = chain.order
    with np.errstate(divide="ignore"):
        start = [np.log(_next(chain, items[:i])[items[i]]) for i in range(min(order, len(items)))]
        contexts = tuple(items[i : len(items) - order + i] for i in range(order))
        return np.concatenate([start, np.log(chain.transition[(*contexts, items[order:])])])


def optimal_losses(people: Population, sequences: Sequences) -> np.ndarray:
    """−ln P(event | all events before it) of every event but each user's first, types unknown; nats, ``(E,)``."""
    out = []
    for user in range(sequences.n_users):
        items = sequences.catalogue[sequences[user]]
        steps = np.stack([log_steps(chain, items) for chain in people.chains])  # (types, n), first row log π
        joint = np.asarray(logsumexp(np.cumsum(steps, axis=1), axis=0))  # ln Σ_k P_k(x_1 … x_i)
        out.append(joint[:-1] - joint[1:])
    return np.concatenate(out)


def pair_distribution(people: Population) -> np.ndarray:
    """Stationary probability of two items in a row, each user counting once, shape ``(A, A)``."""
    pairs = [c.stationary if c.order == 2 else c.stationary[:, None] * c.transition for c in people.chains]
    return np.average(pairs, axis=0, weights=np.bincount(people.types))
