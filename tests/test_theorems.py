"""Chapter 3's mathematics against independent routes: enumeration, scipy, other solvers, real codes."""

import csv
import itertools
import math

import constriction
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats
from scipy.special import xlogy

from srlaw import paper
from srlaw.chapters import codes, lemma, theorems, volume
from srlaw.entropy import apen
from srlaw.files import repository
from srlaw.markov import MarkovChain, eliminate

LN2 = math.log(2)


def chains(items, count, seed=0):
    return theorems.random_chains(items, count, np.random.default_rng(seed))


def solved_stationary(transition):
    """πP = π, Σπ = 1 as linear equations."""
    items = len(transition)
    equations = np.vstack([transition.T - np.eye(items), np.ones(items)])
    return np.linalg.lstsq(equations, np.eye(items + 1)[-1], rcond=None)[0]


def listed_entropy(transition, n):
    """Σ p ln(1/p) over every sequence of n events, one product of probabilities at a time."""
    pi = solved_stationary(transition)
    total = 0.0
    for path in itertools.product(range(len(pi)), repeat=n):
        p = pi[path[0]] * math.prod(transition[a, b] for a, b in itertools.pairwise(path))
        total -= p * math.log(p)
    return total


# --- Lemma 3.2


@given(arrays(float, (2, 7), elements=st.floats(0, 1)).filter(lambda v: (v.sum(1) > 1e-3).all()))
def test_gibbs_gap_is_a_divergence(weights):
    x, y = weights / weights.sum(1, keepdims=True)
    gap = theorems.gibbs_gap(x, y)
    assert gap >= 2 * (np.abs(x - y).sum() / 2) ** 2 - 1e-9  # Pinsker
    assert gap == pytest.approx(stats.entropy(x, y), abs=1e-9)
    assert theorems.gibbs_gap(x, x) == 0
    if (y > 1e-200).all():
        assert gap == pytest.approx((xlogy(x, x) - xlogy(x, y)).sum(), abs=1e-9)


def test_gibbs_study_holds_inside_and_is_broken_outside():
    study = theorems.gibbs_study(500, [2, 5, 50])
    assert (study.filter("inside")["gap"] >= -1e-12).all()
    assert (study.filter(family="equal")["gap"] == 0).all()
    assert (study.filter(family="outside: Σ y < 1")["gap"] > 0).all()
    for family in ("outside: Σ y > 1", "outside: sums to q = n/2"):
        assert 0 < (study.filter(family=family)["gap"] < -1e-9).mean() < 1


# --- chains


@pytest.mark.parametrize("items", [2, 3, 7, 20])
def test_stationary_and_entropies_as_other_routes_have_them(items):
    transition = chains(items, 20)
    h, start = theorems.chain_entropies(transition)
    for k, p in enumerate(transition):
        pi = solved_stationary(p)
        np.testing.assert_allclose(eliminate(transition)[k], pi, atol=1e-8)
        assert h[k] == pytest.approx(sum(pi[x] * stats.entropy(p[x]) for x in range(items)), abs=1e-7)
        assert start[k] == pytest.approx(stats.entropy(pi.clip(0)), abs=1e-6)


@pytest.mark.parametrize(("items", "n"), [(2, 1), (2, 6), (3, 4), (4, 3)])
def test_entropy_of_a_history_by_listing_every_sequence(items, n):
    transition = chains(items, 6, seed=n)
    h, start = theorems.chain_entropies(transition)
    p = theorems.sequence_probabilities(transition, n)
    assert p.shape == (6, items**n)
    np.testing.assert_allclose(p.sum(1), 1)
    for k in range(6):
        listed = listed_entropy(transition[k], n) / LN2
        assert theorems.code_bits(h[k], start[k], n) == pytest.approx(listed, abs=1e-6)


@pytest.mark.parametrize(("items", "epsilon", "n"), [(2, 0.3, 5), (3, 0.05, 4), (4, 0.9, 3), (5, 1.0, 2)])
def test_cycle_groups_are_all_its_sequences(items, epsilon, n):
    rows = theorems.cycle_rows(items, epsilon, np.arange(items))
    weight, log_p = theorems.cycle_sequences(items, epsilon, n)
    np.testing.assert_allclose(rows.sum(0), 1)  # doubly stochastic: π is uniform
    assert weight.sum() == pytest.approx(1)
    every = theorems.sequence_probabilities(rows[None], n)[0]
    assert -(weight @ log_p) == pytest.approx(-(every @ np.log(every)))
    assert set(np.round(np.exp(log_p), 12)) == set(np.round(every, 12))
    assert theorems.cycle_rate(items, epsilon) == pytest.approx(MarkovChain(rows).entropy_rate)


def test_structured_chains_as_their_matrices_have_them():
    study = theorems.structured_study([6], steps=4)
    b = np.zeros((6, 6))
    for x, jump in itertools.product(range(6), range(3)):
        b[x, (3 * x + jump) % 6] += 1 / 3
    known = study.filter(family="successors").filter((pl.col("h") - math.log(3)).abs() < 1e-9)
    assert known["start"].item() == pytest.approx(stats.entropy(MarkovChain(b).stationary))
    assert MarkovChain(b).entropy_rate == pytest.approx(math.log(3))
    independent = study.filter(family="independent")
    assert independent["h"].to_list() == independent["start"].to_list()
    assert (study["h"] <= study["start"] + 1e-12).all()


# --- Theorem 3.3


@pytest.mark.parametrize("units", theorems.UNITS)
@settings(max_examples=50)
@given(n=st.integers(1, 5000), start=st.floats(0.01, 12), h=st.floats(1e-3, 12))
def test_boundary_is_where_the_two_sides_meet(units, n, start, h):
    at = theorems.boundary(n, start, units)
    assert theorems.margin(at, start, n, units) == pytest.approx(1, rel=1e-9)
    if abs(h / at - 1) > 1e-9:
        assert (theorems.margin(h, start, n, units) >= 1) == (h >= at)
    root = math.sqrt(theorems.UNITS[units])
    assert theorems.boundary(n, root, units) == pytest.approx(root)  # independent events: the same at every n
    assert theorems.boundary(10**9, start, units) == pytest.approx(root, abs=1e-6)


def test_boundary_found_is_the_root_of_ln_2():
    assert theorems.found_boundary(50, 200_000) == pytest.approx(0.83255, abs=1e-4)
    assert theorems.found_boundary(50, 200_000, "both in bits") == pytest.approx(LN2, abs=1e-4)
    assert theorems.found_boundary(50, 200_000, "both in nats") == pytest.approx(1, abs=1e-4)
    assert theorems.found_boundary(2, 7) is None
    both = theorems.boundaries([2, 3, 10_000], [1, 4, 1000])
    assert both["h"].is_null().to_list() == both["found"].is_null().to_list()
    np.testing.assert_allclose(both.drop_nulls()["h"], both.drop_nulls()["found"], atol=1e-10)


def test_every_random_case_follows_the_condition_and_the_repaired_bound_always_holds():
    study = theorems.random_study([2, 5, 16], 3000)
    cases = theorems.judged(study, [1, 2, 10, 1000])
    assert len(cases) == 12_000
    assert (cases["holds"] == cases["predicted"]).all()
    assert 0.05 < cases["holds"].mean() < 0.95
    assert not cases.filter(items=2)["holds"].any()  # no chain on two items satisfies (12)
    h, start, n = (cases[c].to_numpy() for c in ("h", "start", "n"))
    assert (theorems.code_bits(h, start, n) >= n * h / LN2 - 1e-9).all()


def test_listed_cases_are_the_random_ones_and_agree_with_another_listing():
    lengths = [1, 2, 5, 30]
    listed = theorems.listed_study([2, 5], 40, lengths, most=32)
    assert listed.select("items", "n").unique(maintain_order=True).rows() == [(2, 1), (2, 2), (2, 5), (5, 1), (5, 2)]
    study = theorems.random_study([2, 5], 40)
    assert listed.filter(items=5, n=2)["h"].to_list() == study.filter(items=5)["h"].to_list()
    rng = np.random.default_rng([0, 33])
    p = theorems.random_chains(2, 20, rng)
    for k in range(20):
        found = listed.filter(items=2, n=5)["bits"][k]
        assert found == pytest.approx(listed_entropy(p[k], 5) / LN2, abs=1e-6)
    ratio = listed["h"] * listed["bits"] / listed["n"]
    assert ((ratio >= 1) == listed["predicted"]).all()


def test_mixed_lengths_read_with_their_mean():
    h, start, lengths = 0.7, 2.0, np.array([1, 4, 25])
    bits = theorems.code_bits(h, start, lengths).sum()
    assert bits == pytest.approx(3 * theorems.code_bits(h, start, lengths.mean()))


def test_sum_over_users():
    sides = theorems.sum_over_users(1024, 50_000, 100, 0.02)
    assert sides == {"entropy": 10.0, "s_max": 100, "left": 10_240.0, "right": 2_500_000.0}
    p = np.random.default_rng(0).dirichlet(np.ones(1024))
    assert stats.entropy(p, base=2) < sides["entropy"]


@given(st.integers(3, 40), st.integers(0, 1000), st.sampled_from([1, 2, 30, 1000]))
@settings(max_examples=40, deadline=None)
def test_small_transition_probabilities_are_enough(items, seed, n):
    """If every p_xy ≤ exp(−√ln 2), (12) holds at every length."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(items), size=(5, items))
    most = math.exp(-math.sqrt(LN2))
    share = np.clip((most - 1 / items) / np.maximum(p.max((1, 2)) - 1 / items, 1e-9), 0, 1)[:, None, None]
    p = share * p + (1 - share) / items
    assert p.max() <= most + 1e-12
    h, start = theorems.chain_entropies(p)
    assert (theorems.margin(h, start, n) >= 1 - 1e-12).all()


def test_random_chains_that_meet_the_remark_after_15():
    rows = theorems.minimal_study([2, 3, 8], 600, 50, seed=4)
    rng = np.random.default_rng([4, 33])
    least, met = math.sqrt(LN2), 0
    for items in (2, 3, 8):
        p = theorems.random_chains(items, 200, rng)
        met += sum(max(map(max, chain)) <= math.exp(-least) for chain in p.tolist())
    assert len(rows) == met > 20
    assert rows["h"].min() >= least
    assert rows["holds"].all()
    assert theorems.minimal_study([2], 50, 50).is_empty()
    few = theorems.minimal_study([3], 600, 1, seed=4)  # one event costs H(π): it is compared with 1/h
    sides = few["start"] / LN2 >= 1 / few["h"]
    assert few["holds"].to_list() == sides.to_list()


# --- codes


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=40))
def test_huffman_is_within_a_bit_of_the_entropy_and_as_long_as_a_real_tree(weights):
    p = np.array(weights) / sum(weights)
    bits = codes.huffman_bits(p)
    entropy = stats.entropy(p, base=2)
    assert entropy - 1e-9 <= bits < entropy + 1
    tree = constriction.symbol.huffman.EncoderHuffmanTree(p)
    lengths = []
    for symbol in range(len(p)):
        coder = constriction.symbol.QueueEncoder()
        coder.encode_symbol(symbol, tree)
        lengths.append(coder.get_compressed()[1])
    assert sum(2.0**-length for length in lengths) == pytest.approx(1)  # Kraft
    assert bits == pytest.approx(p @ lengths)


def test_range_coder_is_near_the_entropy_and_decodes():
    chain = MarkovChain(np.random.default_rng(3).dirichlet(np.ones(6), 6))
    (path,) = chain.sample(20_000, np.random.default_rng(1))
    bits = codes.range_coded_bits(chain, path)
    surprise = -(np.log2(chain.stationary[path[0]]) + np.log2(chain.transition[path[:-1], path[1:]]).sum())
    assert surprise < bits < surprise * 1.001 + 64
    assert codes.range_coded_bits(chain, path, rows=6 * 77) == bits  # whatever the pieces

    model = constriction.stream.model.Categorical(perfect=False)
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(path[:1], model, chain.stationary[None].astype(np.float32))
    coder.encode(path[1:], model, chain.transition[path[:-1]].astype(np.float32))
    assert coder.num_bits() == bits
    decoder = constriction.stream.queue.RangeDecoder(coder.get_compressed())
    item = decoder.decode(model, chain.stationary[None].astype(np.float32))[0]
    decoded = [item]
    for _ in range(200):
        item = decoder.decode(model, chain.transition[item][None].astype(np.float32))[0]
        decoded.append(item)
    assert decoded == path[:201].tolist()


def test_a_real_code_crosses_the_bound_at_the_boundary():
    study = codes.coding_study(5, [0.5, 0.78, 0.89, 1.4], 150_000)
    assert (study["coded"] / study["entropy"] - 1).abs().max() < 0.01
    assert (study["coded"] >= study["bound"]).to_list() == [False, False, True, True]
    assert (study["coded"] >= study["bound_apen"]).to_list() == [False, False, True, True]


def test_short_users_have_an_apen_far_below_the_rate():
    row = codes.short_users([500], 2.0, 50, 100).row(0, named=True)
    assert row["bound_apen"] == pytest.approx(1 / row["apen"])
    assert row["code"] > row["bound"]  # (12) holds with the limit …
    assert row["code"] < row["fixed"] < row["bound_apen"]  # … and is impossible with the ApEn of such users


# --- the proof


def test_proof_steps_by_listing_every_sequence():
    items, n, h = 3, 4, 0.5
    rows = theorems.cycle_rows(items, theorems.epsilon_of(items, h), np.arange(items))
    p = theorems.sequence_probabilities(rows[None], n)[0]
    steps = {r["step"]: r for r in theorems.proof_steps(items, [h], [n]).to_dicts()}
    assert list(steps) == list(theorems.STEPS)
    assert steps["(18) H₂(S) ≥ S_max"]["left"] == pytest.approx(stats.entropy(p, base=2))
    assert steps["(21) first ≥"]["right"] == pytest.approx(LN2 * (p * 2 * (1 - p) / (1 + p)).sum())
    assert steps["(21) second ≥"]["right"] == pytest.approx(2 * LN2 * (1 - p).sum())
    assert steps["(12) itself"]["right"] == pytest.approx(n / h)


@given(arrays(float, st.integers(2, 50), elements=st.floats(1e-6, 1)))
def test_second_inequality_of_21_is_false_for_every_distribution(weights):
    p = weights / weights.sum()
    left, right = (p * (1 - p) / (1 + p)).sum(), (1 - p).sum()
    assert left < right
    assert stats.entropy(p, base=2) >= 2 * LN2 * left - 1e-12  # the first one is true


def test_hedge_and_table_2():
    hedge = theorems.hedge([2, 10, 10_000])
    assert hedge["epsilon"][0] is None
    rows = theorems.cycle_rows(10, hedge["epsilon"][1], np.arange(10))
    assert MarkovChain(rows).entropy_rate ** 2 == pytest.approx(LN2)
    bounds = theorems.table2_bounds()
    movielens = bounds.filter(dataset="ml-1m")
    assert movielens["items"].to_list() == [3706] * 3
    assert (movielens["bound"] > 50).all()
    assert (movielens["fixed"] < 12).all()
    close = bounds.filter(dataset="kuairand-pure", s_max=25).row(0, named=True)
    assert close["enough"] == pytest.approx(math.log2(7551) + math.log2(25) / close["mean_length"])
    assert close["fixed"] < close["enough"] < close["bound"] < 14
    np.testing.assert_allclose(bounds["bound"], bounds["bound_corrected"])
    assert bounds.filter(dataset="huawei-music")["fixed"].is_null().all()
    assert (bounds["apen"] < bounds["fill"]).all()  # (17) is broken in every row


# --- Lemma 3.4 and Theorem 3.5


@pytest.mark.parametrize("n", [1, 2, 3, 10, 101, 3200, 1_000_000])
def test_ball_volume_three_ways(n):
    mpmath = pytest.importorskip("mpmath")  # comes with torch
    with mpmath.workdps(50):
        r = mpmath.sqrt(n / (2 * mpmath.pi * mpmath.e))
        exact = float(mpmath.log(mpmath.pi ** (mpmath.mpf(n) / 2) * r**n / mpmath.gamma(mpmath.mpf(n) / 2 + 1)))
    assert volume.log_volume(n) == pytest.approx(exact, abs=1e-8)
    assert volume.log_volume_recursive(n) == pytest.approx(exact, abs=1e-8)
    assert volume.log_volume_stirling(n) - exact == pytest.approx(1 / (6 * n), rel=0.6, abs=1e-8)
    assert volume.log_volume_stirling(n, 2) == pytest.approx(exact, abs=0.03 / n**3 + 1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 40])
def test_z_of_patterns_by_quadrature_and_between_the_ends_of_23(n):
    r = math.sqrt(n / (2 * math.pi * math.e))
    surface = n * math.pi ** (n / 2) / math.gamma(n / 2 + 1)
    shells, _ = integrate.quad(lambda x: surface * x ** (n - 1) * math.exp(-x), 0, r, epsabs=0)
    found = volume.log_z_of_patterns(7, n)
    assert found == pytest.approx(math.log(7 * shells), abs=1e-9)
    low, up = volume.log_z_bounds(7, 1, n)
    assert low < found < up
    low, up = volume.log_z_bounds(7, 1, 10**6)
    assert low < volume.log_z_of_patterns(7, 10**6) < low + 1e-3


def test_constant_of_26():
    n = 1e6
    printed = math.sqrt(math.e / 2) / math.sqrt(n * math.pi * math.e / 2)
    assert math.exp(volume.log_volume(n)) == pytest.approx(printed, rel=1e-6)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_f_is_least_at_1_and_turns_there(a, b):
    low, high = sorted([a, b])
    assert volume.f(a) >= 1
    assert volume.f(1.0) == 1
    assert volume.f_of_log(math.log(a)) == pytest.approx(volume.f(a))
    if high <= 1:
        assert volume.f(low) >= volume.f(high) - 1e-9
    if low >= 1:
        assert volume.f(low) <= volume.f(high) + 1e-9


def test_24_is_true_of_anything_and_of_no_exponents_for_all_widths():
    mpmath = pytest.importorskip("mpmath")  # comes with torch
    built = volume.by_construction([2, 64], 200)
    assert (built["left"] >= -1e-12).all()
    assert built["right"].abs().max() < 1e-10
    table = volume.uniform_exponents([10, 1000], 50, [1, 4, 8, 20, 64])
    assert table["fails_at"].is_finite().all()
    for d, w, width in table.rows():
        for factor, fails in [(0.99, False), (1.01, True), (3, True), (100, True)]:
            log_z = volume.log_z_bounds(d, 50, factor * width)[0]
            log_x = math.log(d) + w * math.log(factor * width)
            with mpmath.workdps(30):
                sides = [mpmath.mpf(log_) + mpmath.exp(-log_) for log_ in (log_z, log_x, -log_x)]
            assert (sides[0] > max(sides[1:])) == fails
    assert volume.fails_beyond(10, 50, 64, widest=1000) is None
    assert volume.fails_beyond(10, 50, 0) == 2  # a constant fails from the start


@given(st.floats(-300, 300))
def test_log_f(log_z):
    assert volume.log_f(log_z) == pytest.approx(math.log(volume.f_of_log(log_z)), abs=1e-9)


def test_26_needs_z_above_1():
    carried = volume.bound_carried([10, 1000], 50, np.array([8.0, 64.0, 512.0]))
    case = carried.filter("below_one")
    assert not case.filter(pl.col("log_z") < pl.col("log_u") - 1e-9)["holds"].any()
    rising = carried.filter(pl.col("log_z") >= 0)
    assert len(rising)
    assert rising["holds"].all()


def test_panel_profile_against_a_direct_fit():
    profile = volume.panel_profile([-0.5, 0.0, 1e-4])
    assert len(profile) == 60
    near, at = (profile.filter(w4=w)["r2"].to_numpy() for w in (1e-4, 0.0))
    np.testing.assert_allclose(near, at, atol=1e-4)
    from srlaw import paper

    panel = paper.panels()[0]
    points = panel.points
    depth, width = (np.log(points[c].to_numpy()) for c in ("n_layers", "d_emb"))
    design = np.column_stack([np.ones(len(points)), depth, depth**2, width, np.exp(0.5 * width)])
    coef, *_ = np.linalg.lstsq(design, points["y"].to_numpy(), rcond=None)
    row = profile.filter(w4=-0.5).row(0, named=True)
    assert (row["dataset"], row["s_max"], row["metric"]) == panel.key
    assert (row["w2"], row["q"]) == (pytest.approx(coef[3]), pytest.approx(coef[4]))


def test_lemma_3_1_at_the_boundary():
    """ApEn of a long sequence is the rate that the boundary is expressed in."""
    h = math.sqrt(LN2)
    chain = MarkovChain(theorems.cycle_rows(8, theorems.epsilon_of(8, h), np.arange(8)))
    (path,) = chain.sample(300_000, np.random.default_rng(0))
    assert apen(path) == pytest.approx(h, abs=0.01)


def test_boundaries_by_unit():
    rows = theorems.boundaries_by_unit(100, 100_000)
    assert rows["units"].to_list() == list(theorems.UNITS)
    assert rows["limit"].to_list() == pytest.approx([np.sqrt(np.log(2)), np.log(2), 1])
    assert rows["found"].to_list() == pytest.approx(rows["limit"].to_list(), abs=1e-4)
    for row, c in zip(rows.to_dicts(), theorems.UNITS.values(), strict=True):
        # the other route: the closed form with H(π) = ln 100
        assert row["found"] == pytest.approx(theorems.boundary(100_000, np.log(100), row["units"]), abs=1e-8), c


def test_a_loss_below_one():
    found = codes.coded_loss(n=20_000)
    assert found["rate"] == pytest.approx(0.07797, abs=1e-5)
    assert found["rate"] - 0.02 < found["coded"] < 0.11
    with open(repository("data", "paper") / "srt_runs.csv") as file:  # the other route: the plain file
        runs = list(csv.DictReader(file))
    trained, test, valid = ([float(r[f"{c}_loss"]) for r in runs] for c in ("train_train", "test_eval", "valid_eval"))
    published = volume.losses_below_one()
    assert published == {
        "losses": len(runs), "below": sum(x < 1 for x in trained), "lowest": min(trained),
        "logs_below": "Amazon 100K and Amazon 500K", "tested_below": sum(x < 1 for x in test + valid),
        "least_test": min(test), "least_valid": min(valid),
    }  # fmt: skip
    assert [published[name] for name in ("losses", "below", "tested_below")] == [119, 21, 0]
    assert {r["dataset"] for r in runs if float(r["train_train_loss"]) < 1} == {"amazon-100K", "amazon-500K"}


def test_two_values_of_z_for_each_loss():
    for value in (1.001, 2.0, 7.5):
        low, high = volume.z_with(value)
        assert low < 1 < high
        assert volume.f(np.array([low, high])) == pytest.approx([value, value])


def test_z_by_reading():
    rows = {row["d"]: row for row in volume.z_by_reading().to_dicts()}
    assert list(rows) == ["layers", "items", "users"]
    grid = paper.grid()
    inside = (grid["n_layers"] <= np.sqrt(np.pi * grid["s_max"].to_numpy() * grid["d_emb"].to_numpy())).sum()
    assert rows["layers"]["below"] == inside == len(grid) == 224  # Z ≤ d/√(πn), Stirling's form of the upper end
    for row in rows.values():
        assert row["below"] + row["above"] + row["undecided"] == row["cases"]
    assert (rows["items"]["below"], rows["users"]["below"]) == (0, 0)
    assert volume.past_their_best() == 20


def test_a_chain_of_two_classes_breaks_the_lemma():
    found = lemma.two_classes(n=2000)
    assert found["formula"] == pytest.approx(np.log(4) / 2)
    assert found["low"] == pytest.approx(0, abs=1e-6)
    assert found["high"] == pytest.approx(np.log(4), abs=0.01)
    assert found["off"] > 0.68
