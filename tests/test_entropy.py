"""Entropies against brute-force definitions, closed forms and known sources."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from srlaw import entropy as en
from srlaw.entropy.report import describe, describe_lengths, describe_sequence, length_histogram
from srlaw.errors import InputError
from srlaw.markov import sample_regular
from srlaw.sequences import Sequences

FEW = st.lists(st.integers(0, 4), max_size=40)  # small alphabets, so that windows repeat
POPULATION = st.lists(st.lists(st.integers(0, 4), max_size=15), min_size=1, max_size=8)


def brute_phi(x, m, r):
    """Eqs. (3)–(5), word for word."""
    windows = [x[i : i + m] for i in range(len(x) - m + 1)]
    c = [sum(max(abs(a - b) for a, b in zip(p, q, strict=True)) <= r for q in windows) / len(windows) for p in windows]
    return sum(math.log(value) for value in c) / len(windows)


def brute_apen(x, m, r=0):
    return brute_phi(x, m, r) - brute_phi(x, m + 1, r) if len(x) > m else math.nan


def same(a, b):
    return (math.isnan(a) and math.isnan(b)) or abs(a - b) < 1e-12


@given(FEW, st.integers(1, 4))
def test_apen_is_equations_3_to_6(x, m):
    assert same(en.apen(np.array(x, int), m), brute_apen(x, m))


@given(FEW, st.integers(1, 3), st.sampled_from([0.5, 1, 1.5, 2]))
def test_apen_with_tolerance_is_equations_3_to_6(x, m, r):
    assert same(en.apen(np.array(x, int), m, r), brute_apen(x, m, r))


@given(hnp.arrays(float, st.integers(3, 25), elements=st.floats(-2, 2).map(lambda v: round(v, 1))), st.floats(0, 1))
def test_apen_of_real_values(x, r):
    assert same(en.apen(x, 2, r), brute_apen(x.tolist(), 2, r))


@given(POPULATION, st.integers(1, 3), st.sampled_from([0, 1]))
def test_every_user_at_once(histories, m, r):
    sequences = Sequences.from_lists(histories)
    values = en.apen_per_user(sequences, m, r)
    for history, value in zip(histories, values, strict=True):
        assert same(value, brute_apen(history, m, r))
    defined = [abs(v) for v in values if not math.isnan(v)]
    assert same(en.mean_apen(sequences, m, r), np.mean(defined) if defined else math.nan)


def test_large_and_growing_tables_agree_with_counting():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3000, 60_000)  # more distinct n-grams than the first hash table holds
    short = rng.integers(0, 5, 500)
    sequences = Sequences.from_lists([x.tolist(), short.tolist()])
    for history, value in zip((x, short), en.apen_per_user(sequences), strict=True):
        phi = []
        for k in (2, 3):
            windows = len(history) - k + 1
            counts = Counter(zip(*(history[i : i + windows].tolist() for i in range(k)), strict=True))
            phi.append(math.fsum(c * math.log(c / windows) for c in counts.values()) / windows)
        assert value == pytest.approx(phi[0] - phi[1], abs=1e-12)


@example(5, 2, 0)
@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32))
def test_small_alphabets_take_a_table_without_hash(alphabet, m, seed):
    x = np.random.default_rng(seed).integers(0, alphabet, alphabet ** (m + 1) + m + 20)
    assert same(en.apen(x, m), brute_apen(x.tolist(), m))
    assert same(en.apen(x, m), en.apen_per_user(Sequences.from_lists([x.tolist(), []]), m)[0])


def test_histories_without_repeats_follow_the_closed_form():
    histories = [list(range(n)) for n in range(30)]
    values = en.apen_per_user(Sequences.from_lists(histories))
    np.testing.assert_allclose(values, en.apen_without_repeats(np.arange(30)), rtol=0, atol=1e-14)
    assert values[10] == pytest.approx(-math.log(9 / 8))


HUGE = [2**63 - 1, 2**63 - 2, 2**63 - 1, 2**63 - 3, 2**63 - 2, 2**63 - 1]


@pytest.mark.parametrize(
    "ids",
    [
        np.array([2**53, 2**53 + 1, 2**53, 2**53 + 2, 2**53 + 1, 2**53]),
        np.array([-(2**63), 2**63 - 1, -(2**63), 0, 2**63 - 1, -(2**63)]),
        np.array([2**64 - 1, 2**64 - 2, 2**64 - 1, 2**64 - 3, 2**64 - 2, 2**64 - 1], dtype=np.uint64),
        np.array(HUGE),
        np.array([-128, 127, -128, 0, 127, -128], dtype=np.int8),
        np.array(["b", "a", "b", "c", "a", "b"]),
        np.array([0.1, 0.2, 0.1, 0.3, 0.2, 0.1]),
    ],
)
def test_any_ids_stay_distinct(ids):
    small = np.array([0, 1, 0, 2, 1, 0])
    for measure in (en.apen, en.shannon, en.lempel_ziv, en.compression_ratio):
        assert measure(ids) == measure(small)
    assert en.conditional_entropy(ids, 1) == en.conditional_entropy(small, 1)


@given(
    st.lists(st.sampled_from([-(2**63), -(2**63) + 1, -1, 0, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1]), max_size=25),
    st.sampled_from([1, 1.5, 2**53, 2.0**63 - 1024, 2**63, 2.0**64 - 2048, 2.0**64, math.inf]),
)
def test_distances_of_64_bit_ids_are_exact(x, r):
    signed = np.array(x, np.int64)
    unsigned = np.array([value + 2**63 for value in x], np.uint64)
    expected = brute_apen(x, 1, r)
    assert same(en.apen(signed, 1, r), expected)
    assert same(en.apen(unsigned, 1, r), expected)
    assert same(en.apen_per_user(Sequences.from_lists([x]), 1, r)[0], expected)


def test_distant_ids_do_not_match():
    """Their signed difference overflows to −1, which is within any tolerance."""
    x = [-(2**63), 2**63 - 1, -(2**63), 0, 2**63 - 1, 2**63 - 1, -(2**63), 0]
    assert en.apen(np.array(x), 1, 1) == pytest.approx(en.apen(np.array(x), 1), abs=1e-14)
    assert same(
        en.apen(np.array([-128, 127, -128, 100, 127, -128], np.int8), 1, 30),
        brute_apen([0, 255, 0, 228, 255, 0], 1, 30),
    )
    assert same(en.apen(np.array([0.5, 3, 0.5, 1], np.float16), 1, 1), brute_apen([0.5, 3, 0.5, 1], 1, 1))


@pytest.mark.parametrize("m", [6, 10**9, 10**30])
def test_m_beyond_the_data_is_undefined_at_once(m):
    x = np.array([1, 2, 1, 2, 1, 2])
    sequences = Sequences.from_lists([x.tolist(), [1]])
    values = [en.apen(x, m), en.apen(x, m, 1), en.apen_pooled(x, m), en.mean_apen(sequences, m)]
    values += [
        en.conditional_entropy(sequences, m),
        en.block_entropy(sequences, m + 1),
        *en.apen_per_user(sequences, m),
    ]
    assert np.isnan(values).all()
    row = describe_sequence(x, m)
    assert math.isnan(row["apen"])
    assert f"needs at least {m + 1} events" in row["notes"][0]


def test_m_that_would_take_hours_is_refused():
    x = np.zeros(200_001, int)
    for call in (en.apen, en.apen_pooled, en.conditional_entropy):
        with pytest.raises(InputError, match="among 200,001 events would take hours; use a smaller m"):
            call(x, 200_000)


@given(FEW.filter(len), st.permutations(range(5)))
def test_measures_do_not_depend_on_labels(x, labels):
    renamed = np.array([10**12 * labels[v] for v in x])
    first, second = describe_sequence(np.array(x)), describe_sequence(renamed)
    assert all(same(first[key], second[key]) for key in first if key != "notes")


@pytest.mark.parametrize(("m", "r"), [(0, 0), (-1, 0), (1.5, 0), (math.nan, 0), (math.inf, 0), (2, -1), (2, math.nan)])
def test_bad_parameters_are_errors_everywhere(m, r):
    sequences = Sequences.from_lists([[1, 2, 3, 4]])
    for call in (en.apen, en.apen_per_user, en.mean_apen):
        with pytest.raises(InputError, match=r"^[mr] is"):
            call(sequences if call is not en.apen else np.arange(4), m, r)


@pytest.mark.parametrize("bad", [-1, 1.5, 0.5, math.nan, math.inf, "a"])
def test_lengths_of_blocks_are_whole_numbers(bad):
    x = np.tile([1, 2, 3], 9)
    lengths = length_histogram(Sequences.from_lists([[1, 2, 3]]))
    calls = [
        lambda: en.block_entropy(x, bad),
        lambda: en.conditional_entropy(x, bad),
        lambda: en.entropy_rate(x, bad),
        lambda: list(en.conditional_entropies(x, bad)),
        lambda: en.apen_pooled(x, bad),
        lambda: en.apen_without_repeats(9, bad),
        lambda: en.expected_apen(np.ones((1, 2)), np.ones((1, 2)), 9, bad),
        lambda: en.usable_length(9, 2, bad),
        lambda: describe_lengths(lengths, m=bad),
        lambda: describe_lengths(lengths, s_max=bad),
    ]
    for call in calls:
        with pytest.raises(InputError, match=f"is {bad}; .* whole number"):
            call()


def test_whole_numbers_may_be_floats():
    x = np.array([1, 2, 1, 1, 2, 2, 1])
    assert en.block_entropy(x, 2.0) == en.block_entropy(x, 2)
    assert en.conditional_entropy(x, 1.0) == en.conditional_entropy(x, 1)
    assert en.entropy_rate(x, 1.0) == en.entropy_rate(x, 1)


def test_shares_and_chains_that_are_none_are_errors():
    for share in (math.nan, -0.1, 1.1):
        with pytest.raises(InputError, match="min_coverage is"):
            en.entropy_rate(np.arange(4), min_coverage=share)
    for sizes in ((0, 2, 2), (9, 1, 2), (9, 1.5, 2), (9, 2, 2, 0.0), (9, 2, 2, math.nan)):
        with pytest.raises(InputError, match="no length is usable"):
            en.usable_length(*sizes)


def test_missing_values_are_errors_everywhere():
    x = np.array([1.0, math.nan, 2.0])
    for call in (en.apen, en.shannon, en.lempel_ziv, en.compression_ratio, describe_sequence):
        with pytest.raises(InputError, match="value 2 of the sequence is missing"):
            call(x)
    with pytest.raises(InputError, match="not numbers"):
        en.apen(np.array(["a", "b", "c"]), r=0.5)
    with pytest.raises(InputError, match="one dimension"):
        en.apen(np.zeros((2, 2)))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_short_is_nan_everywhere(n):
    x = np.arange(n)
    population = Sequences.from_lists([x.tolist(), [1] * n])
    undefined = [en.apen(x), en.apen(x, r=1), *en.apen_per_user(population), en.mean_apen(population)]
    undefined += [en.apen_pooled(population), en.conditional_entropy(population, 2), en.apen_without_repeats(n)]
    assert np.isnan(undefined).all()
    if n:
        row = describe_sequence(x)
        assert math.isnan(row["apen"])
        assert "apen and conditional are undefined" in row["notes"][0]


def ngrams(histories, k):
    return Counter(tuple(h[i : i + k]) for h in histories for i in range(len(h) - k + 1))


@given(POPULATION, st.integers(1, 3))
def test_pooled_windows_never_cross_users(histories, k):
    counts = ngrams(histories, k)
    total = sum(counts.values())
    expected = -sum(c / total * math.log(c / total) for c in counts.values()) if total else math.nan
    assert same(en.block_entropy(Sequences.from_lists(histories), k), expected)


@given(POPULATION, st.integers(1, 3))
def test_conditional_entropy_is_that_of_its_definition(histories, m):
    contexts = Counter(tuple(h[i : i + m]) for h in histories for i in range(len(h) - m))
    total = sum(contexts.values())
    expected = math.nan
    if total:
        expected = -sum(c / total * math.log(c / contexts[g[:-1]]) for g, c in ngrams(histories, m + 1).items())
    value = en.conditional_entropy(Sequences.from_lists(histories), m)
    assert same(value, expected)
    assert math.isnan(value) or value > -1e-12


def test_corrections_on_known_counts():
    counts = np.array([4, 2, 1, 1])
    plug_in = -sum(c / 8 * math.log(c / 8) for c in counts)
    assert en.entropy_of_counts(counts) == pytest.approx(plug_in, abs=1e-14)
    assert en.entropy_of_counts(counts, "miller-madow") == pytest.approx(plug_in + 3 / 16, abs=1e-14)
    # Grassberger's recursion G(1) = −γ − ln 2, G(2) = 2 − γ − ln 2, G(2n + 1) = G(2n), G(2n + 2) = G(2n) + 2/(2n + 1)
    g2 = 2 - np.euler_gamma - math.log(2)
    g = {1: g2 - 2, 2: g2, 4: g2 + 2 / 3}
    assert en.entropy_of_counts(counts, "grassberger") == pytest.approx(
        math.log(8) - sum(c * g[c] for c in counts) / 8, abs=1e-12
    )
    with pytest.raises(InputError, match="correction is 'none'"):
        en.entropy_of_counts(counts, "none")


def test_corrections_reduce_the_bias_of_a_known_source():
    rng = np.random.default_rng(1)
    errors = {name: [] for name in en.CORRECTIONS}
    for _ in range(200):
        counts = np.bincount(rng.integers(0, 100, 150))
        for name in errors:
            errors[name].append(en.entropy_of_counts(counts[counts > 0], name) - math.log(100))
    bias = {name: abs(np.mean(values)) for name, values in errors.items()}
    assert bias["grassberger"] < bias["miller-madow"] / 3 < bias["plug-in"] / 3


def test_entropy_rate_takes_the_largest_order_that_the_data_carry():
    rng = np.random.default_rng(2)
    long = en.entropy_rate(sample_regular(30, 4, 200_000, rng))
    assert long.order == 3
    assert long.value == pytest.approx(math.log(4), abs=0.01)
    short = en.entropy_rate(sample_regular(3000, 4, 5000, rng))  # too thin to condition on anything
    assert short.order == 0
    assert math.isnan(en.entropy_rate(Sequences.from_lists([[]])).value)
    assert en.entropy_rate(np.zeros(50, int)).value == 0.0


def brute_match_lengths(x):
    """1 + the longest match that lies wholly in the past."""
    lengths = []
    for i in range(len(x)):
        k = 0
        while i + k < len(x) and any(x[j : j + k + 1] == x[i : i + k + 1] for j in range(i - k)):
            k += 1
        lengths.append(k + 1)
    return lengths


@settings(max_examples=300)
@given(st.lists(st.integers(0, 2), max_size=40))
def test_match_lengths_of_the_suffix_automaton(x):
    assert en.match_lengths(np.array(x, int)).tolist() == brute_match_lengths(x)


def test_the_authors_dictionary_finds_shorter_matches():
    x = np.array([1, 2, 3, 1, 2, 3])
    assert en.match_lengths(x).sum() == 12
    assert en.phrase_lengths(x).sum() == 9
    assert en.lempel_ziv(x) == pytest.approx(6 * math.log(6) / 12)
    assert en.lempel_ziv_phrases(x) > en.lempel_ziv(x)


def test_lempel_ziv_approaches_the_entropy_rate_slowly():
    rng = np.random.default_rng(3)
    off = [en.lempel_ziv(sample_regular(50, 4, n, rng)) / math.log(4) - 1 for n in (3000, 100_000, 1_000_000)]
    assert off[0] > off[1] > off[2] > 0
    assert off[2] < 0.25
    assert en.lempel_ziv(rng.integers(0, 4, 300_000)) == pytest.approx(math.log(4), rel=0.05)


def test_compression_ratio_is_taken_on_relabelled_ids():
    rng = np.random.default_rng(4)
    ratios = {en.compression_ratio(rng.choice(10**6, 200, replace=False)) for _ in range(5)}
    assert len(ratios) == 1


def test_statistics_from_lengths_alone_equal_those_from_events():
    rng = np.random.default_rng(5)
    sequences = Sequences.from_lists([rng.permutation(300)[:n].tolist() for n in rng.integers(1, 250, 80)])
    histogram = length_histogram(sequences)
    for s_max in (1, 3, 50, 200, None):
        full, short = describe(sequences, s_max), describe_lengths(histogram, s_max)
        for key in ("users", "tokens", "mean_length", "apen", "tokens_over_apen"):
            assert full[key] == pytest.approx(short[key], rel=1e-12, nan_ok=True)
    repeated = length_histogram(Sequences.from_lists([[1, 1, 2, 3], [4, 5, 6]]))
    assert repeated["users_with_repeats"].to_list() == [0, 1]
    assert math.isnan(describe_lengths(repeated)["apen"])
