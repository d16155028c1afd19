"""Chapter 2: what the printed ApEn and tokens allow, from lengths alone and from histories."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srlaw import paper, stored
from srlaw.chapters import columns
from srlaw.entropy import apen
from srlaw.entropy.report import describe_lengths, shuffle_test
from srlaw.sequences import Sequences


def test_the_printed_apen_is_implied_but_for_one_row():
    rows = columns.implied_apen()
    assert len(rows) == 10
    odd = rows.filter(~pl.col("agrees")).row(0, named=True)
    assert (odd["dataset"], odd["s_max"], odd["printed"]) == ("huawei-music", 50, 0.110)
    assert odd["implied"] == pytest.approx(513_878_761 / 4_714_484_046)  # by hand from Table 2
    assert round(odd["implied"], 5) == 0.109
    assert rows["agrees"].sum() == 9


def test_lengths_that_the_printed_values_need():
    for value, n in ((0.010, 101.5), (0.011, 92.4)):
        found = columns.length_needed(value)
        assert found == pytest.approx(n, abs=0.05)
        assert np.log((found - 1) / (found - 2)) == pytest.approx(value, rel=1e-12)
    history = np.arange(101)  # the nearest history without repeats, by Eqs. (3) to (6)
    assert abs(apen(history)) > 0.010 > abs(apen(np.arange(102)))


def test_amazons_apen_against_its_bounds():
    rows = {row["s_max"]: row for row in columns.without_repeats().to_dicts()}
    assert list(rows) == [25, 50]
    for s_max, row in rows.items():
        assert row["full"] == pytest.approx(abs(apen(np.arange(s_max))))
        assert row["printed"] < row["full"] < row["least"]
        assert row["factor"] == pytest.approx(row["least"] / row["printed"])
        # with the share of users that `repeating` leaves, all full, the mean is the printed one
        assert (1 - row["repeating"]) * row["full"] == pytest.approx(row["printed"])
    assert [round(row["factor"], 1) for row in rows.values()] == [10.5, 9.9]
    assert [round(row["repeating"], 2) for row in rows.values()] == [0.74, 0.52]


@given(st.lists(st.integers(3, 50), min_size=1, max_size=40))
def test_no_mean_over_users_is_below_the_value_at_the_mean_length(lengths):
    n = np.array(lengths, float)
    values, mean = np.log((n - 1) / (n - 2)), n.mean()
    assert values.mean() >= np.log((mean - 1) / (mean - 2)) - 1e-12
    assert values.min() >= np.log(49 / 48) - 1e-12


def test_logs_of_amazon_by_two_routes():
    rows = columns.like_amazon()
    assert rows["log"].unique(maintain_order=True).to_list() == list(columns.AMAZON.values())
    for (name, title), s_max in ((pair, cut) for pair in columns.AMAZON.items() for cut in (25, 50)):
        histogram = stored.lengths(name)
        assert histogram["users_with_repeats"].sum() == 0
        row = rows.row(by_predicate=(pl.col("log") == title) & (pl.col("s_max") == s_max), named=True)
        assert row["apen"] == pytest.approx(columns.mean_of_each_user(histogram, s_max))
        assert row["mean_length"] == pytest.approx(describe_lengths(histogram, s_max)["mean_length"])
        assert 0.19 < row["apen"] < 0.21
        assert row["m_1"] < row["apen"] < row["m_3"]


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 3))
def test_padded_histories(n, more, m):
    s_max = n + more
    if s_max <= m:
        return
    history = np.concatenate([np.full(more, -1), np.arange(n)])
    assert columns.padded_apen(np.array([n]), s_max, m)[0] == pytest.approx(apen(history, m), abs=1e-9)


def test_which_data_set_is_the_smallest():
    rows = {row["measure"]: (row["printed"], row["right"]) for row in columns.smallest().to_dicts()}
    assert rows["tokens"] == ("kuairand-pure", "ml-1m")
    assert rows["users"] == ("ml-1m", "ml-1m")
    assert rows["tokens_over_apen"] == ("kuairand-pure", "kuairand-pure")
    table = paper.table(2)  # by hand
    assert table.filter(dataset="kuairand-pure")["tokens"].min() == 447_407 < 505_108
    assert table.filter(dataset="ml-1m")["tokens"].min() == 505_108


@pytest.mark.parametrize(
    ("histories", "said"),
    [
        ([[1, 2, 3, 4], [2, 3, 1, 4]], "Of the 2 users, 2 have no repeated item"),
        ([[1, 1, 2, 1], [2, 3, 1, 4]], "Without repeats, ApEn is "),
        ([[1, 2], [2, 1]], "No user has more than 2 events"),
    ],
)
def test_how_much_of_the_apen_of_a_log_is_a_matter_of_length(histories, said):
    log = Sequences.from_lists(histories)
    shuffled = shuffle_test({"as they are": log, "without repeats": log.without_repeats()})
    words = columns.repeats_in_words(log, shuffled)
    assert said in words
    assert "nan" not in words
    assert ("Without repeats" in words) == (len(set(histories[0])) < len(histories[0]))
