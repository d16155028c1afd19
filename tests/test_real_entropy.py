"""The successor's real entropy: what it is known to give, and what moves it."""

import math
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srlaw import stored
from srlaw.chapters import real_entropy as study
from srlaw.datasets import load
from srlaw.entropy import lempel_ziv_phrases, phrase_lengths
from srlaw.sequences import Sequences

DATA = os.environ.get("SRLAW_DATA")


def by_a_set(sequence):
    """The published `actual_entropy`, step by step: phrases in a set, as tuples."""
    n, seen, total = len(sequence), set(), 0
    for i in range(n):
        for j in range(i + 1, n + 1):
            phrase = tuple(sequence[i:j])
            if phrase not in seen:
                total += len(phrase)
                seen.add(phrase)
                break
            if j == n:
                total += n - i + 1
                seen.add(phrase)
    return n * math.log(n) / total


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60))
def test_the_tree_of_phrases_is_the_authors_set(sequence):
    assert lempel_ziv_phrases(np.array(sequence)) == pytest.approx(by_a_set(sequence), rel=1e-12)


def test_phrases_of_nothing_and_of_one_event():
    assert phrase_lengths(np.array([], np.int64)).tolist() == []
    assert phrase_lengths(np.array([7])).tolist() == [1]


def test_uniform_events_are_underestimated_as_seen():
    table = study.consistency([100, 3000], [200_000])
    assert table["entropy"].to_list() == pytest.approx([4.605, 8.006], abs=5e-4)
    assert table["real_entropy"].to_list() == pytest.approx([4.02, 6.12], abs=0.02)
    assert (table["substrings"] <= table["real_entropy"]).all()


@pytest.fixture(scope="module")
def synthetic():
    return load("synthetic").truncate(20)


def test_shuffles_keep_what_they_say(synthetic):
    within = study.shuffled_within(synthetic, np.random.default_rng(0))
    assert not np.array_equal(within.items, synthetic.items)
    for user in range(0, synthetic.n_users, 97):
        assert sorted(within[user]) == sorted(synthetic[user])
    everywhere = study.shuffled_all(synthetic, np.random.default_rng(0))
    assert sorted(everywhere.items) == sorted(synthetic.items)
    assert any(sorted(everywhere[user]) != sorted(synthetic[user]) for user in range(20))


def test_copies_raise_the_gain_of_an_event_and_shuffles_lower_it(synthetic):
    table = study.gain_per_event(study.moves(synthetic, [0.5]))
    gain = dict(zip(table["kind"], table["gain"], strict=True))
    assert gain[study.AS_RECORDED] == 1
    assert all(gain[kind] > 1 for kind in study.COPIES)
    assert all(gain[kind] < 1 for kind in study.SHUFFLED)
    assert table.filter(kind="histories again")["tokens"].item() == 2 * synthetic.tokens


def test_a_log_of_copies_has_no_entropy_left_and_its_estimate_falls_with_its_length():
    history = np.random.default_rng(0).integers(0, 50, 200)
    estimates = []
    for copies in (1, 10, 100):
        offsets = np.arange(copies + 1) * len(history)
        log = Sequences(np.tile(history, copies).astype(np.int32), offsets, np.arange(50), name="copies")
        estimates.append(study.real_entropy(log)["real_entropy"])
    assert estimates == sorted(estimates, reverse=True)
    assert estimates[-1] < 0.7 * estimates[0]


def test_the_stored_table_has_every_kind_and_s_max():
    table = stored.real_entropy("ml-1m")
    assert table["s_max"].unique().sort().to_list() == [None, 50, 100, 150, 200]
    assert set(table.filter(s_max=200)["kind"]) == {study.AS_RECORDED, *study.SHUFFLED, *study.PLANTERS}
    assert table.filter(s_max=50).height == 3
    halves = table.filter(pl.col("share") == 0.5, kind="histories again")
    assert halves["tokens"].item() == 2 * 661_028


@pytest.mark.skipif(DATA is None, reason="SRLAW_DATA does not say where MovieLens-1M is")
def test_the_stored_table_is_that_of_the_file():
    folder = Path(DATA or "") / "ml-1m"
    if not folder.exists():
        pytest.skip("SRLAW_DATA has no ml-1m")
    made = study.of_log(load("ml-1m", folder), [50], planted_at=200)
    kept = stored.real_entropy("ml-1m").filter(s_max=50)
    assert made["kind"].to_list() == kept["kind"].to_list()
    assert made["real_entropy"].to_numpy() == pytest.approx(kept["real_entropy"].to_numpy(), rel=1e-5)
