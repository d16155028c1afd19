"""Markov chains whose entropy rate is known exactly: the yardstick for every entropy estimate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import entr

from srlaw.errors import InputError

KINDS = ("uniform", "zipf", "sparse", "nearly-deterministic", "periodic", "second-order", "non-stationary")
DIRECT = 1000  # contexts up to which a stationary distribution is solved directly, in less than a second


@dataclass(frozen=True, eq=False)
class MarkovChain:
    """A stationary Markov chain of order 1 or 2 over items 0 … A − 1.

    Attributes:
        transition: rows sum to 1. Order 1: shape ``(A, A)``, P(y | x). Order 2: shape ``(A, A, A)``,
            P(z | x, y), the last axis being the next item.

    Raises:
        InputError: if the array is not a transition matrix.
    """

    transition: np.ndarray

    def __post_init__(self) -> None:
        p = np.asarray(self.transition, dtype=float)
        if p.ndim not in (2, 3) or len(set(p.shape)) != 1:
            raise InputError(f"a transition array has shape (A, A) or (A, A, A), this one {p.shape}")
        if not (p >= 0).all() or not np.allclose(p.sum(-1), 1, atol=1e-9):
            raise InputError("the rows of a transition array must be probabilities that sum to 1")
        p = p.copy()
        p.flags.writeable = False
        object.__setattr__(self, "transition", p)

    @property
    def n_states(self) -> int:
        return self.transition.shape[0]

    @property
    def order(self) -> int:
        return self.transition.ndim - 1

    @cached_property
    def stationary(self) -> np.ndarray:
        """Stationary distribution of the last `order` items, shape ``(A,)`` or ``(A, A)``.

        By `eliminate`, to the last digits however slowly the chain mixes, up to `DIRECT` contexts (items, or pairs of
        items if `order` is 2) that the chain keeps returning to. Above that by power iteration of the lazy chain
        ½(I + P), which has the same distribution and no period.

        Raises:
            InputError: if the chain is reducible into parts that never reach each other, so that it has many
                stationary distributions, or if it is too large for `eliminate` and mixes too slowly.
        """
        kept = self._recurrent()
        if len(kept) > DIRECT:
            return self._power_iteration()
        pi = np.zeros(self.n_states**self.order)
        pi[kept] = eliminate(self._steps_among(kept)[None])[0]
        return pi.reshape(self.transition.shape[:-1])

    def _recurrent(self) -> np.ndarray:
        """The contexts that the chain keeps returning to, in order: those of its one closed class."""
        contexts = self.n_states**self.order
        if (self.transition > 0).all():
            return np.arange(contexts)
        source, target, _ = self._steps()
        graph = coo_array((np.ones(len(source), bool), (source, target)), shape=(contexts, contexts))
        classes, of = connected_components(graph, connection="strong")
        left = np.bincount(of[source], weights=of[source] != of[target], minlength=classes) > 0
        closed = np.flatnonzero(~left)
        if len(closed) > 1:
            raise InputError(
                f"the chain is reducible: it has {len(closed)} parts that never reach each other, so no single "
                "stationary distribution; let every item be reached from every other, or take one part alone"
            )
        return np.flatnonzero(of == closed[0])

    def _steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every possible step as (context, next context, probability), each ``(steps,)``."""
        *before, after = np.nonzero(self.transition)
        source = before[0] if self.order == 1 else before[0] * self.n_states + before[1]
        target = after if self.order == 1 else before[1] * self.n_states + after
        return source, target, self.transition[(*before, after)]

    def _steps_among(self, kept: np.ndarray) -> np.ndarray:
        """Transition matrix of the contexts `kept`, which no step leaves: ``(kept, kept)``."""
        place = np.full(self.n_states**self.order, -1)
        place[kept] = np.arange(len(kept))
        source, target, probability = self._steps()
        inside = place[source] >= 0
        out = np.zeros((len(kept), len(kept)))
        out[place[source[inside]], place[target[inside]]] = probability[inside]
        return out

    def _power_iteration(self) -> np.ndarray:
        pi = np.full(self.transition.shape[:-1], self.n_states ** -float(self.order))
        for _ in range(100_000):
            after = pi @ self.transition if self.order == 1 else np.einsum("xy,xyz->yz", pi, self.transition)
            if np.abs(after - pi).sum() < 1e-13:
                return after / after.sum()
            pi = (pi + after) / 2
        what = "items" if self.order == 1 else "pairs of items"
        raise InputError(
            f"the chain mixes too slowly for its size: its stationary distribution did not converge in 100,000 steps, "
            f"and more than {DIRECT:,} {what} are not solved directly; use fewer items"
        )

    @cached_property
    def entropy_rate(self) -> float:
        """−Σ π(x) p_xy ln p_xy, the right side of Eq. (8), in nats per event (order 2: given two items)."""
        return float((self.stationary * entr(self.transition).sum(-1)).sum())

    def conditional_entropy(self, m: int) -> float:
        """True entropy of an item given the m before it, in nats; equals `entropy_rate` for m ≥ order."""
        if m >= self.order:
            return self.entropy_rate
        single = self.stationary if self.order == 1 else self.stationary.sum(0)
        if m == 0:
            return float(entr(single).sum())
        return float(entr(self.stationary).sum() - entr(single).sum())

    def sample(self, n: int, rng: np.random.Generator, size: int = 1) -> np.ndarray:
        """`size` independent paths of n items started from the stationary distribution; int32, ``(size, n)``."""
        if n < self.order:
            raise InputError(f"n is {n}; a path of this chain has at least {self.order} items")
        flat = np.cumsum(self.stationary.ravel())
        start = np.searchsorted(flat, rng.random(size) * flat[-1], side="right").astype(np.int64)
        cumulative = np.cumsum(self.transition, axis=-1).reshape(-1, self.n_states)
        return _walk(cumulative, start, rng.random((size, n)), self.order)


def eliminate(transition: np.ndarray, block: int = 64) -> np.ndarray:
    """Stationary distributions of many irreducible chains ``(chains, A, A)`` at once: shape ``(chains, A)``.

    The elimination of Grassmann, Taksar and Heyman (1985), which subtracts nothing and so loses no digits however
    slowly a chain mixes. What `block` states change in the others is added at once, as one matrix product.
    """
    p = transition.copy()
    for end in range(p.shape[1], 0, -block):
        low = max(end - block, 0)
        for k in range(end - 1, max(low, 1) - 1, -1):
            p[:, :k, k] /= p[:, k, :k].sum(1)[:, None]
            p[:, low:k, :k] += p[:, low:k, k, None] * p[:, None, k, :k]
            p[:, :low, low:k] += p[:, :low, k, None] * p[:, None, k, low:k]
        p[:, :low, :low] += p[:, :low, low:end] @ p[:, low:end, :low]
    pi = np.ones(p.shape[:2])
    for k in range(1, p.shape[1]):
        pi[:, k] = (pi[:, :k] * p[:, :k, k]).sum(1)
    return pi / pi.sum(1, keepdims=True)


@numba.njit(cache=True)
def _walk(cumulative, start, uniforms, order):
    """Inverse-CDF steps; `start` is the flat index of the first `order` items of each path."""
    states = cumulative.shape[1]
    out = np.empty(uniforms.shape, np.int32)
    for path in range(len(start)):
        context = start[path]
        if order == 2:
            out[path, 0] = context // states
        out[path, order - 1] = context % states
        for i in range(order, uniforms.shape[1]):
            row = cumulative[context]
            item = min(np.searchsorted(row, uniforms[path, i] * row[-1], side="right"), states - 1)
            out[path, i] = item
            context = item if order == 1 else (context % states) * states + item
    return out


def zipf(states: int, exponent: float = 1.0) -> np.ndarray:
    """Zipf popularity: probabilities proportional to rank^−exponent, shape ``(states,)``."""
    weights = np.arange(1, states + 1, dtype=float) ** -exponent
    return weights / weights.sum()


def successors_chain(
    popularity: np.ndarray, branching: int, follow: float, rng: np.random.Generator, order: int = 1
) -> MarkovChain:
    """With probability `follow` one of `branching` successors of the last item(s), else any item by popularity.

    Successors are drawn once for each item (each pair of items if `order` is 2), by popularity; among them the
    choice is uniform.

    Args:
        popularity: probabilities, shape ``(A,)``.
    """
    states = len(popularity)
    contexts = states**order
    keys = np.log(popularity) + rng.gumbel(size=(contexts, states))  # a Gumbel key per pair: draws without
    chosen = np.argpartition(-keys, branching - 1, axis=1)[:, :branching]  # replacement, by popularity
    transition = np.tile((1 - follow) * popularity, (contexts, 1))
    np.put_along_axis(transition, chosen, np.take_along_axis(transition, chosen, axis=1) + follow / branching, axis=1)
    return MarkovChain(transition.reshape((states,) * (order + 1)))


def make_chain(kind: str, states: int, seed: int = 0) -> MarkovChain:
    """A chain of a named kind, the same for the same seed.

    ``uniform``: independent uniform items. ``zipf``: independent items of Zipf popularity. ``sparse``: eight
    equally likely successors an item. ``nearly-deterministic``: one successor with probability 0.99.
    ``periodic``: items in three classes visited in turn (period 3). ``second-order``: the successors depend
    on two items; outside the lemma's hypotheses for m = 1. ``non-stationary`` is made by `sample_kind`.

    Raises:
        InputError: if the kind is unknown or has no such chain, or there are fewer than 6 states.
    """
    if states < 6:
        raise InputError(f"states is {states}; these chains need at least 6")
    rng = np.random.default_rng([seed, states])
    uniform = np.full(states, 1 / states)
    if kind == "uniform":
        return MarkovChain(np.tile(uniform, (states, 1)))
    if kind == "zipf":
        return MarkovChain(np.tile(zipf(states), (states, 1)))
    if kind == "sparse":
        return successors_chain(uniform, min(8, states // 2), 0.999, rng)
    if kind == "nearly-deterministic":
        cycle = np.full((states, states), 0.01 / (states - 1))
        order = rng.permutation(states)
        cycle[order, np.roll(order, -1)] = 0.99
        return MarkovChain(cycle)
    if kind == "periodic":
        block = np.arange(states) % 3
        weights = np.where(block[None, :] == (block[:, None] + 1) % 3, zipf(states)[None, :], 0.0)
        return MarkovChain(weights / weights.sum(1, keepdims=True))
    if kind == "second-order":
        if states > 200:
            raise InputError(f"states is {states}; a second-order chain has states³ entries, use at most 200")
        weights = rng.dirichlet(np.full(states, 2.0 / states), size=(states, states)) + 1e-3 / states
        return MarkovChain(weights / weights.sum(-1, keepdims=True))
    raise InputError(f"kind {kind!r} has no single chain; the kinds are {', '.join(KINDS)}")


def sample_kind(kind: str, states: int, n: int, rng: np.random.Generator, size: int = 1, seed: int = 0):
    """Paths of a kind in `KINDS`, and the entropy rate that they are to be compared with.

    ``non-stationary`` paths follow one sparse chain in their first half and another in their second, so
    their entropy rate as a process is the mean of the two.

    Returns:
        ``(paths, entropy_rate)``: int32 ``(size, n)``, nats per event.
    """
    if kind != "non-stationary":
        chain = make_chain(kind, states, seed)
        return chain.sample(n, rng, size), chain.entropy_rate
    halves = [make_chain("sparse", states, seed), make_chain("sparse", states, seed + 1)]
    paths = np.concatenate([halves[0].sample(n // 2, rng, size), halves[1].sample(n - n // 2, rng, size)], 1)
    return paths, float(np.mean([chain.entropy_rate for chain in halves]))


def sample_regular(items: int, branching: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """One path of the chain y = (b·x + J) mod A with J uniform on 0 … b − 1; int64, shape ``(n,)``.

    Every item has b equally likely successors and b predecessors, so the stationary distribution is
    uniform and the entropy rate is ln b, for any catalogue size A, with no matrix to store.
    """
    return _regular_path(items, branching, int(rng.integers(items)), rng.integers(branching, size=n))


@numba.njit(cache=True)
def _regular_path(items, branching, start, jumps):
    out = np.empty(len(jumps), np.int64)
    x = start
    for i in range(len(jumps)):
        out[i] = x
        x = (branching * x + jumps[i]) % items
    return out
