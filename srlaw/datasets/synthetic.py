"""The embedded data set: users whose histories are drawn from Markov chains of known entropy rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from srlaw.errors import InputError, whole
from srlaw.markov import MarkovChain, successors_chain, zipf
from srlaw.sequences import Sequences

LONGEST = 1_000_000  # mean events per user; a population is drawn as a table of users times its longest history


@dataclass(frozen=True)
class Population:
    """Users of one or more types; each type is a Markov chain over the same items.

    Attributes:
        chains: one chain a type; every type has the same number of users, to one.
        lengths: events per user, int64, shape ``(users,)``.
        seed: of the histories drawn by `sample`.
    """

    chains: tuple[MarkovChain, ...]
    lengths: np.ndarray
    seed: int

    @property
    def types(self) -> np.ndarray:
        """Type of each user, int64, shape ``(users,)``."""
        return np.arange(len(self.lengths)) % len(self.chains)

    @property
    def entropy_rate(self) -> float:
        """Nats per event given the type and the past: no model can have a lower expected loss."""
        rates = np.array([chain.entropy_rate for chain in self.chains])[self.types]
        return float(np.average(rates, weights=self.lengths))

    def sample(self) -> Sequences:
        """One history a user; timestamps count a user's events."""
        rng = np.random.default_rng([self.seed, 1])
        longest = int(self.lengths.max())
        paths = np.empty((len(self.lengths), longest), np.int32)
        for k, chain in enumerate(self.chains):
            mine = self.types == k
            paths[mine] = chain.sample(longest, rng, int(mine.sum()))
        position = np.broadcast_to(np.arange(longest), paths.shape)
        keep = position < self.lengths[:, None]
        return Sequences(
            items=paths[keep],
            offsets=np.concatenate([[0], np.cumsum(self.lengths)]),
            catalogue=np.arange(self.chains[0].n_states),
            timestamps=position[keep],
            name="synthetic",
        )


def population(
    seed: int = 0,
    users: int = 2000,
    items: int = 200,
    types: int = 1,
    branching: int = 8,
    follow: float = 0.9,
    mean_length: float = 60.0,
    order: int = 1,
) -> Population:
    """A population with Zipf popularity, the same for the same arguments.

    Args:
        types: number of user types; each has its own successors, all share the popularity.
        branching, follow: with probability `follow` the next item is one of the `branching` successors of the
            last, otherwise any item by popularity.
        mean_length: mean events per user; lengths are 5 plus a log-normal variable.
        order: 1, or 2 for successors of the last two items; then at most 200 items.

    Raises:
        InputError: for sizes that make no population.
    """
    counts = {"seed": seed, "users": users, "items": items, "types": types, "branching": branching, "order": order}
    for name, value in counts.items():
        if not whole(value):
            raise InputError(f"{name} is {value}; a population needs a whole number of at least 0 there")
    seed, users, items, types, branching, order = map(int, counts.values())
    if order not in (1, 2) or (order == 2 and items > 200):
        raise InputError(f"no population has order={order} with items={items}; use order 1, or 2 with items ≤ 200")
    sizes = users >= types >= 1 and 1 <= branching < items
    if not (sizes and 0 <= follow <= 1 and 5 < mean_length <= LONGEST):
        raise InputError(
            f"no population has users={users}, types={types}, items={items}, branching={branching}, "
            f"follow={follow}, mean_length={mean_length}; use users ≥ types ≥ 1, 1 ≤ branching < items, "
            f"0 ≤ follow ≤ 1 and 5 < mean_length ≤ {LONGEST:,}"
        )
    rng = np.random.default_rng([seed, 0])
    chains = tuple(successors_chain(zipf(items), branching, follow, rng, order) for _ in range(types))
    spread = 0.8  # standard deviation of the log of a length, close to that of MovieLens-1M
    lengths = 5 + rng.lognormal(np.log(mean_length - 5) - spread**2 / 2, spread, users).astype(np.int64)
    return Population(chains, lengths, seed)


def synthetic(seed: int = 0, **sizes: Any) -> Sequences:
    """Histories of ``population(seed, **sizes)``."""
    return population(seed, **sizes).sample()
