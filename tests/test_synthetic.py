"""The embedded population: deterministic, popular as Zipf has it, and of a known entropy rate."""

import numpy as np
import pytest

from srlaw.datasets import load
from srlaw.datasets.synthetic import population, synthetic
from srlaw.entropy import entropy_rate
from srlaw.entropy.report import shuffle_test
from srlaw.errors import InputError
from srlaw.markov import zipf


def test_same_seed_same_histories():
    first, second, other = synthetic(seed=1), synthetic(seed=1), synthetic(seed=2)
    np.testing.assert_array_equal(first.items, second.items)
    np.testing.assert_array_equal(first.offsets, second.offsets)
    assert first.tokens != other.tokens or (first.items != other.items).any()
    np.testing.assert_array_equal(load("synthetic").items, synthetic().items)


def test_estimated_entropy_rate_is_the_known_one():
    people = population(users=3000, items=60, mean_length=150, seed=3)
    estimate = entropy_rate(people.sample())
    assert estimate.order >= 1
    assert estimate.value == pytest.approx(people.entropy_rate, abs=0.03)


def test_the_known_rate_is_what_a_model_that_knows_the_chains_loses():
    people = population(users=900, items=50, types=3, seed=4)
    sequences = people.sample()
    losses = [
        -np.log(people.chains[kind].transition[history[:-1], history[1:]])
        for kind, history in zip(people.types, (sequences[u] for u in range(len(sequences))), strict=True)
    ]
    assert np.concatenate(losses).mean() == pytest.approx(people.entropy_rate, abs=0.03)


def test_without_following_items_have_zipf_popularity():
    sequences = synthetic(users=2000, items=20, follow=0.0, branching=2)
    shares = np.bincount(sequences.items, minlength=20) / sequences.tokens
    np.testing.assert_allclose(shares, zipf(20), atol=0.005)
    assert sequences.lengths.min() >= 5
    assert sequences.summary()["mean_length"] == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize(
    "sizes",
    [
        {"users": 0},
        {"types": 0},
        {"follow": 1.5},
        {"follow": np.nan},
        {"branching": 200},
        {"order": 3},
        *({"mean_length": length} for length in (5, np.nan, np.inf, 1e18)),
    ],
)
def test_impossible_populations_are_plain_errors(sizes):
    with pytest.raises(InputError, match="no population has"):
        synthetic(**sizes)


@pytest.mark.parametrize("name", ["seed", "users", "items", "types", "branching", "order"])
def test_counts_of_a_population_are_whole_numbers(name):
    for value in (-1, 1.5, np.nan, np.inf):
        with pytest.raises(InputError, match=f"{name} is {value}; .* whole number"):
            population(**{name: value})


def test_order_matters_to_the_corrected_entropy_and_not_to_apen_without_repeats():
    sequences = synthetic(users=400)
    table = shuffle_test({"all": sequences, "distinct": sequences.without_repeats()})
    assert table["apen"][1] == table["apen_shuffled"][1]
    assert table["apen"][0] > table["apen_shuffled"][0]
    assert (table["conditional_shuffled"] > table["conditional"] + 0.5).all()
