"""The Bayes-optimal floor against brute force and against predictors that must not beat it."""

import numpy as np
import pytest

from srlaw.datasets.floor import bayes_optimal, predictive
from srlaw.datasets.synthetic import Population, population
from srlaw.markov import make_chain


def path_probability(chain, path):
    p = chain.stationary[path[0]] if chain.order == 1 else chain.stationary[path[0], path[1]]
    for i in range(chain.order, len(path)):
        p *= chain.transition[tuple(path[i - chain.order : i + 1])]
    return p


@pytest.mark.parametrize("kinds", [["sparse", "zipf"], ["second-order"], ["second-order", "sparse"]])
@pytest.mark.parametrize("length", [2, 3, 4])
def test_predictive_is_bayes_rule_over_whole_paths(kinds, length):
    chains = tuple(make_chain(kind, 6, seed) for seed, kind in enumerate(kinds))
    rng = np.random.default_rng(0)
    for history in rng.integers(0, 6, (5, length)):
        joint = np.array([sum(path_probability(c, [*history, item]) for c in chains) for item in range(6)])
        np.testing.assert_allclose(predictive(chains, history), joint / joint.sum(), atol=1e-12)


def test_of_one_known_chain_the_floor_is_in_closed_form():
    people = population(users=4000, items=30, mean_length=20)
    floor = bayes_optimal(people, people.sample())
    chain = people.chains[0]
    top = np.sort(chain.transition, axis=1)[:, ::-1][:, :10]
    assert floor["loss"] == pytest.approx(chain.entropy_rate, abs=0.02)
    assert floor["hr10"] == pytest.approx(chain.stationary @ top.sum(1), abs=0.01)
    assert floor["ndcg10"] == pytest.approx(chain.stationary @ (top / np.log2(np.arange(2, 12))).sum(1), abs=0.01)


def test_not_knowing_the_type_costs_something_and_long_histories_reveal_it():
    short, long = (population(users=600, items=40, types=4, mean_length=n, seed=1) for n in (6, 80))
    gap = [bayes_optimal(people, people.sample())["loss"] - people.entropy_rate for people in (short, long)]
    assert gap[0] > 0.05 > gap[1] > -0.05


def test_no_ranking_beats_it():
    people = population(users=300, items=25, types=2, seed=2)
    sequences = people.sample()
    floor = bayes_optimal(people, sequences, k=3)
    for chain in people.chains:  # predict with one type's chain for everybody
        hit = []
        for user in range(len(sequences)):
            p = predictive(people.chains, sequences[user][:-1])
            hit.append(p[np.argsort(-chain.transition[sequences[user][-2]])[:3]].sum())
        assert np.mean(hit) < floor["hr3"]


def test_single_events_have_no_last_event_to_predict():
    chain = make_chain("zipf", 6)
    people = Population((chain,), np.array([1, 1, 4]), seed=0)
    assert np.isfinite(list(bayes_optimal(people, people.sample()).values())).all()
