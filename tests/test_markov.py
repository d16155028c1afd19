"""Chains against closed forms, and the finite-sample theory of ApEn against simulation."""

import math

import numpy as np
import pytest

from srlaw import markov
from srlaw.chapters.lemma import catalogue_study, convergence
from srlaw.entropy.expected import (
    binned,
    expected_apen,
    expected_apen_regular,
    ngram_probabilities,
    regular_cells,
    usable_length,
)
from srlaw.errors import InputError
from srlaw.markov import (
    KINDS,
    MarkovChain,
    eliminate,
    make_chain,
    sample_kind,
    sample_regular,
    successors_chain,
    zipf,
)

FIRST_ORDER = [kind for kind in KINDS if kind not in ("second-order", "non-stationary")]


def test_two_state_chain_has_its_closed_form():
    a, b = 0.3, 0.1
    chain = MarkovChain(np.array([[1 - a, a], [b, 1 - b]]))
    np.testing.assert_allclose(chain.stationary, [b / (a + b), a / (a + b)], atol=1e-12)
    binary = lambda p: -p * math.log(p) - (1 - p) * math.log(1 - p)  # noqa: E731
    assert chain.entropy_rate == pytest.approx((b * binary(a) + a * binary(b)) / (a + b), abs=1e-12)


@pytest.mark.parametrize("kind", [*FIRST_ORDER, "second-order"])
def test_stationary_distribution_is_the_left_eigenvector(kind):
    chain = make_chain(kind, 12, seed=3)
    pi = chain.stationary
    step = pi @ chain.transition if chain.order == 1 else np.einsum("xy,xyz->yz", pi, chain.transition)
    np.testing.assert_allclose(step, pi, atol=1e-12)
    assert pi.sum() == pytest.approx(1)


def leaky(leak):
    """Two pairs of states, three times as likely to leave the second as the first: π is (3, 3, 1, 1) / 8."""
    e = leak
    return np.array([[0.5 - e, 0.5, e, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [3 * e, 0, 0.5 - 3 * e, 0.5]])


@pytest.mark.parametrize("leak", [0.1, 1e-5, 1e-12])
def test_a_chain_that_mixes_slowly_is_not_reducible(leak):
    pi = np.array([3, 3, 1, 1]) / 8
    np.testing.assert_allclose(MarkovChain(leaky(leak)).stationary, pi, rtol=1e-3 if leak < 1e-9 else 1e-9)
    pairs = MarkovChain(np.tile(leaky(leak), (4, 1, 1)))  # the same chain, said to depend on two items
    np.testing.assert_allclose(pairs.stationary, pi[:, None] * leaky(leak), rtol=1e-3, atol=1e-18)
    assert pairs.entropy_rate == pytest.approx(MarkovChain(leaky(leak)).entropy_rate)


def test_states_that_are_left_for_good_have_no_share():
    chain = MarkovChain(np.array([[0.0, 1, 0], [0, 0.5, 0.5], [0, 0.25, 0.75]]))
    np.testing.assert_allclose(chain.stationary, [0, 1 / 3, 2 / 3])


@pytest.mark.parametrize("transition", [np.eye(3), leaky(0), np.tile(np.eye(2), (2, 1, 1))])
def test_a_reducible_chain_has_no_single_stationary_distribution(transition):
    with pytest.raises(InputError, match=r"reducible: it has \d parts that never reach each other"):
        _ = MarkovChain(transition).stationary


@pytest.mark.parametrize("items", [2, 64, 65, 150])
def test_elimination_in_blocks_solves_the_balance_equations(items):
    p = np.random.default_rng(0).dirichlet(np.full(items, 0.1), (3, items)) + 1e-9
    p /= p.sum(-1, keepdims=True)
    found = eliminate(p)
    np.testing.assert_allclose(np.einsum("cx,cxy->cy", found, p), found, rtol=1e-9)
    np.testing.assert_allclose(eliminate(p, block=7), found, rtol=1e-9)


@pytest.mark.parametrize("kind", ["sparse", "periodic", "second-order"])
def test_chains_too_large_for_elimination_agree_with_it_or_say_so(monkeypatch, kind):
    exact = make_chain(kind, 12, seed=3).stationary
    monkeypatch.setattr(markov, "DIRECT", 3)
    np.testing.assert_allclose(make_chain(kind, 12, seed=3).stationary, exact, atol=1e-10)
    with pytest.raises(InputError, match="mixes too slowly for its size"):
        _ = MarkovChain(leaky(1e-5)).stationary


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_samples_have_the_chains_frequencies(kind):
    chain = make_chain(kind, 8, seed=1)
    path = chain.sample(400_000, np.random.default_rng(0))[0]
    pairs = np.zeros((8, 8))
    np.add.at(pairs, (path[:-1], path[1:]), 1 / (len(path) - 1))
    np.testing.assert_allclose(pairs, chain.stationary[:, None] * chain.transition, atol=0.004)


def test_second_order_entropies_are_those_of_its_blocks():
    chain = make_chain("second-order", 6, seed=2)
    triples = chain.stationary[..., None] * chain.transition
    h = lambda p: -float((p[p > 0] * np.log(p[p > 0])).sum())  # noqa: E731
    assert chain.conditional_entropy(0) == pytest.approx(h(chain.stationary.sum(0)))
    assert chain.conditional_entropy(1) == pytest.approx(h(chain.stationary) - h(chain.stationary.sum(0)))
    assert chain.conditional_entropy(2) == pytest.approx(h(triples) - h(chain.stationary))
    assert chain.conditional_entropy(1) > chain.conditional_entropy(2) + 0.1


def test_regular_chain_is_uniform_with_entropy_log_b():
    path = sample_regular(12, 3, 300_000, np.random.default_rng(0))
    pairs = np.zeros((12, 12))
    np.add.at(pairs, (path[:-1], path[1:]), 1)
    assert (np.count_nonzero(pairs, axis=1) == 3).all()
    np.testing.assert_allclose(pairs[pairs > 0] / pairs.sum(), 1 / 36, atol=0.002)


def test_successors_chain_keeps_popularity_and_follows():
    chain = successors_chain(zipf(50), 4, 0.8, np.random.default_rng(0))
    assert (np.count_nonzero(chain.transition > 0.2, axis=1) == 4).all()
    assert chain.entropy_rate < math.log(50)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MarkovChain(np.ones((2, 2))), "sum to 1"),
        (lambda: MarkovChain(np.ones((2, 3)) / 3), "shape"),
        (lambda: MarkovChain(np.array([[1.5, -0.5], [0.5, 0.5]])), "probabilities"),
        (lambda: make_chain("odd", 10), "the kinds are uniform"),
        (lambda: make_chain("non-stationary", 10), "no single chain"),
        (lambda: make_chain("uniform", 2), "at least 6"),
        (lambda: make_chain("second-order", 300), "at most 200"),
        (lambda: make_chain("second-order", 8).sample(1, np.random.default_rng(0)), "at least 2"),
        (lambda: ngram_probabilities(make_chain("uniform", 50), 6), "too many 6-grams"),
    ],
)
def test_impossible_chains_are_plain_errors(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_same_seed_same_path():
    for kind in KINDS:
        paths = [sample_kind(kind, 10, 100, np.random.default_rng(5), 3, seed=1)[0] for _ in range(2)]
        np.testing.assert_array_equal(*paths)


def test_ngram_probabilities_are_those_of_the_chain():
    chain = make_chain("sparse", 8)
    for k in (1, 2, 3):
        assert ngram_probabilities(chain, k).sum() == pytest.approx(1, abs=1e-12)
    pairs = (chain.stationary[:, None] * chain.transition).ravel()
    np.testing.assert_allclose(np.sort(ngram_probabilities(chain, 2)), np.sort(pairs))
    np.testing.assert_allclose(binned(ngram_probabilities(make_chain("uniform", 10), 2)), regular_cells(10, 10, 2))


@pytest.mark.parametrize("kind", [*FIRST_ORDER, "second-order"])
def test_expected_apen_is_what_simulation_gives(kind):
    rows = convergence([kind], 10, [300, 3000], [1, 2], paths=60, seed=4)
    error = (rows["apen"] - rows["predicted"]).abs().to_numpy()
    assert (error < 4 * rows["standard_error"].to_numpy() + 0.01).all()


def test_expected_apen_tends_to_the_entropy_rate_and_to_the_repeat_free_value():
    assert expected_apen_regular(100, 8, 10**9, 2) == pytest.approx(math.log(8), abs=1e-4)
    assert expected_apen_regular(10**6, 10**6, 200, 2) == pytest.approx(-math.log(199 / 198), abs=1e-6)
    chain = make_chain("zipf", 10)
    exact = expected_apen(*(binned(ngram_probabilities(chain, k)) for k in (1, 2)), 10**8, 1)
    assert exact == pytest.approx(chain.entropy_rate, abs=1e-5)


def test_usable_length_is_the_first_that_is_usable():
    n = usable_length(100, 8, 1)
    off = [1 - expected_apen_regular(100, 8, length, 1) / math.log(8) for length in (n - 1, n)]
    assert off[0] > 0.05 >= off[1]
    study = catalogue_study([10, 100], [1])
    np.testing.assert_allclose(study["sampled_share"].to_numpy(), 0.95, atol=0.02)
