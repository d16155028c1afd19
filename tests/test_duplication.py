"""Planted duplicates: that each kind is what it says, and what the measures make of it."""

import math
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from srlaw import stored
from srlaw.chapters import duplication
from srlaw.datasets import load
from srlaw.datasets.synthetic import population
from srlaw.entropy import apen, apen_per_user, mean_apen, shannon
from srlaw.errors import InputError
from srlaw.sequences import Sequences

MEASURES = ("repeats", "apen", "apen_signed", "shannon_user", "apen_pooled", "conditional", "shannon")


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def people():
    return population(users=120, items=60, mean_length=40).sample()


histories = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=15), min_size=1, max_size=8)


@given(histories, st.sampled_from(list(duplication.PLANTERS)), st.floats(0, 0.5), st.integers(0, 50))
@settings(max_examples=150)
def test_planting_keeps_lengths_and_items(lists, kind, share, seed):
    before = Sequences.from_lists(lists)
    after = duplication.PLANTERS[kind](before, share, rng(seed))
    assert set(after.items) <= set(before.items)
    if kind == "histories again":
        assert after.n_users == before.n_users + round(share / (1 - share) * before.n_users)
        kept = [after[u].tolist() for u in range(before.n_users)]
        assert kept == [before[u].tolist() for u in range(before.n_users)]
        assert all(after[u].tolist() in kept for u in range(after.n_users))
    else:
        assert after.offsets.tolist() == before.offsets.tolist()
    if share == 0:
        assert after.items.tolist() == before.items.tolist()


@given(histories, st.floats(0, 1), st.integers(0, 50))
def test_items_again_come_from_earlier_in_the_same_history(lists, share, seed):
    before = Sequences.from_lists(lists)
    after = duplication.repeat_items(before, share, rng(seed))
    for u in range(before.n_users):
        for i, item in enumerate(after[u]):
            assert item == before[u][i] or item in before[u][:i]


def test_blocks_again_repeat_in_order():
    before = Sequences.from_lists([[0, 1, 2, 3, 4, 5, 6, 7], [3, 1]])
    half = duplication.repeat_blocks(before, 0.5, rng())
    assert half[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert half[1].tolist() == [3, 3]
    assert duplication.repeat_blocks(before, 0.75, rng())[0].tolist() == [0, 1, 0, 1, 0, 1, 0, 1]


def test_popular_items_become_more_popular_without_new_repeats(people):
    single = people.without_repeats()
    after = duplication.sharpen_popularity(single, 0.4, rng())
    assert duplication.measures(after)["repeats"] == 0
    assert mean_apen(after) == mean_apen(single)  # a function of the lengths alone
    changed = (after.items != single.items).mean()
    assert 0.1 < changed < 0.4
    mixed = duplication.sharpen_popularity(people, 0.4, rng())
    assert shannon(mixed) < shannon(people) - 0.05


def test_measures_one_user_at_a_time(people):
    found = duplication.measures(people)
    assert tuple(found) == MEASURES
    each = [apen(people[u]) for u in range(people.n_users) if people.lengths[u] > 2]
    assert found["apen_signed"] == pytest.approx(np.mean(each))
    assert found["apen"] == pytest.approx(mean_apen(people))
    own = [shannon(np.asarray(people[u])) for u in range(people.n_users)]
    assert found["shannon_user"] == pytest.approx(np.mean(own))
    repeats = sum(len(people[u]) - len(set(people[u].tolist())) for u in range(people.n_users))
    assert found["repeats"] == pytest.approx(repeats / people.tokens)


def test_copied_users_leave_apen_alone(people):
    twice = duplication.repeat_histories(people, 0.5, rng())
    assert twice.n_users == 2 * people.n_users
    assert mean_apen(twice) == pytest.approx(mean_apen(people))
    some = duplication.repeat_histories(people, 0.2, rng())
    values = apen_per_user(some)
    assert set(values[~np.isnan(values)]) <= set(apen_per_user(people))  # which users, not what value


def test_shares_stop_where_a_kind_does(people):
    table = duplication.duplication(people, [0.0, 0.5, 0.9])
    most = dict(table.group_by("kind").agg(pl.col("share").max()).rows())
    assert most == {kind: 0.5 if kind == "histories again" else 0.9 for kind in duplication.PLANTERS}


def test_repeats_raise_the_signed_value_from_its_floor_and_lower_the_absolute_one():
    histories = Sequences.from_lists([list(range(u, u + 60)) for u in range(50)])
    floor = -math.log(59 / 58)
    np.testing.assert_allclose(apen_per_user(histories), floor)
    planted = duplication.repeat_items(histories, 0.2, rng())
    assert apen_per_user(planted).mean() > floor
    assert mean_apen(planted) < mean_apen(histories)


def test_long_histories():
    people = duplication.long_histories(20, 20_000, users=2)
    assert people.lengths.tolist() == [20_000, 20_000]
    table = duplication.duplication(people, [0.0, 0.5])
    ways = duplication.directions(table, ["apen", "conditional"], tolerance=0.05)
    way = {(kind, measure): found for kind, measure, found in ways.select("kind", "measure", "way").rows()}
    assert way["items again", "apen"] == way["items again", "conditional"] == "rises"  # re-insertions are noise
    assert way["blocks again", "apen"] == way["blocks again", "conditional"] == "stays"
    many = duplication.directions(duplication.duplication(people, [0.0, 0.9]), ["apen", "conditional"])
    blocks = dict(many.filter(kind="blocks again").select("measure", "way").rows())
    assert blocks == {"apen": "falls", "conditional": "stays"}
    packed = duplication.block_compression(people, [0.0, 0.5])
    assert packed["bytes"][1] < 0.6 * packed["bytes"][0]


def test_directions():
    table = pl.DataFrame(
        {
            "kind": ["a"] * 4,
            "share": [0.5, 0.0, 0.2, 0.9],
            "up": [2.0, 1.0, 1.96, 2.0],
            "down": [-2.0, -1.0, -1.5, -3.0],
            "turns": [1.0, 1.0, 0.5, 1.0],  # equal ends
            "late": [0.9, 1.0, 0.8, 0.9],  # rises, but never above the first
            "flat": [1.04, 1.0, 1.0, 1.01],
        }
    )
    found = duplication.directions(table, ["up", "down", "turns", "late", "flat"])
    assert found["way"].to_list() == ["rises", "falls", "both", "both", "stays"]
    assert found["change"].to_list() == pytest.approx([1.0, -2.0, 0.0, -0.1, 0.01])
    assert found["lowest"].to_list() == pytest.approx([0.0, -2.0, -0.5, -0.2, 0.0])
    assert found["highest"].to_list() == pytest.approx([1.0, 0.0, 0.0, 0.0, 0.04])
    assert set(found["share"]) == {0.9}


@given(histories)
@settings(max_examples=60)
def test_correlation_of_natural_repeats_by_hand(lists):
    people = Sequences.from_lists(lists)
    row = duplication.natural_repeats(people)
    long = [u for u in range(people.n_users) if people.lengths[u] > 2]
    assert row["users"] == len(long)
    repeats = [1 - len(set(people[u].tolist())) / len(people[u]) for u in long]
    assert row["repeating"] == sum(share > 0 for share in repeats)
    measured = {
        "apen": [round(abs(apen(people[u])), 12) for u in long],
        "apen_signed": [round(apen(people[u]), 12) for u in long],
        "shannon_user": [round(shannon(np.asarray(people[u])), 9) for u in long],
    }
    for name, values in measured.items():
        if len(set(np.round(repeats, 12))) < 2 or len(set(values)) < 2:
            assert row[name] is None
        else:
            assert row[name] == pytest.approx(spearmanr(np.round(repeats, 12), values).statistic, abs=1e-9)


def test_users_of_equal_length_are_compared_with_each_other():
    # longer users repeat more and have a smaller |ApEn| anyway; within a length it is the other way round
    short = [[0, 1, 2], [0, 0, 1]]
    long = [[0] * 9 + [1], [0, 1] * 5]
    row = duplication.natural_repeats(Sequences.from_lists(short + long))
    found = [(1 - len(set(h)) / len(h), abs(apen(np.array(h)))) for h in short + long]
    signs = [np.sign((b[0] - a[0]) * (b[1] - a[1])) for a, b in (found[:2], found[2:])]
    # ranks centred in a group of two are ±½ (0 for ties), so the coefficient is the mean of the signs
    sizes = [b[0] != a[0] for a, b in (found[:2], found[2:])]
    assert sizes == [True, False]
    assert row["apen_alike"] == pytest.approx(sum(signs) / np.sqrt(1 * 2))


def test_planted_correlations():
    share = [0.0, 0.3, 0.6]
    table = pl.DataFrame(
        {
            "kind": ["items again"] * 3 + ["blocks again"] * 3 + ["histories again"],
            "share": [*share, *share, 0.5],
            "apen": [1.0, 2.0, 5.0, 3.0, 2.0, 1.0, 9.0],
            "apen_signed": [1.0, 3.0, 2.0, 1.0, 2.0, 3.0, 9.0],
            "apen_pooled": [1.0, 2.0, 3.0, 2.0, 3.0, 1.0, 9.0],
        }
    )
    found = duplication.planted_correlations({"a": table})
    assert found["kind"].unique(maintain_order=True).to_list() == list(duplication.WITHIN)
    assert found["spearman"].to_list() == pytest.approx([1, 0.5, 1, -1, 1, -0.5])


def test_stored_correlations_of_three_logs():
    rows = stored.natural_repeats()
    assert rows["log"].to_list() == ["yelp", "kuairand-kcore15", "wikipedia-edits"]
    assert (rows["apen"] < 0).all()
    assert (rows["apen_signed"] > 0).all()
    for log in rows["log"]:
        assert stored.duplication(log).columns == ["kind", "share", *MEASURES]
    folder = Path(__file__).parents[2] / "shared" / "datasets" / "published-histories"
    file = folder / "wikipedia-edits.txt"
    if not file.exists():
        pytest.skip("the log of Wikipedia edits is not beside this checkout")
    again = duplication.natural_repeats(load(file).truncate(200))
    for name, value in again.items():
        stored_value = rows.filter(log="wikipedia-edits")[name].item()
        assert stored_value == (value if isinstance(value, str) else pytest.approx(value, rel=1e-5)), name


def test_stored_table_of_movielens():
    table = stored.duplication("ml-1m")
    assert table["kind"].unique(maintain_order=True).to_list() == list(duplication.PLANTERS)
    assert table.columns == ["kind", "share", *MEASURES]
    none = table.filter(pl.col("share") == 0)
    np.testing.assert_allclose(none["apen"], 0.0164297)  # Table 2 prints 0.016
    assert (none["repeats"] == 0).all()
    items = table.filter(kind="items again")["apen"]
    assert items.min() < 0.9 * items[0] < 2 * items[0] < items[-1]  # down, then up
    assert table.filter(kind="blocks again")["apen"][1:].max() < 0.5 * items[0]
    assert table["share"].max() == 0.9


def test_stored_table_is_what_the_ratings_give():
    folder = os.environ.get("SRLAW_DATA")
    places = [Path(folder)] if folder else []
    places.append(Path(__file__).parents[2] / "shared" / "datasets")
    found = [place / "ml-1m" for place in places if (place / "ml-1m").exists()]
    if not found:
        pytest.skip("MovieLens-1M is not here")
    people = load("ml-1m", found[0], progress=False).truncate(200)
    table = stored.duplication("ml-1m")
    for kind, share in [("blocks again", 0.5), ("items again", 0.9)]:
        row = table.filter((pl.col("kind") == kind) & (pl.col("share") == share))
        planted = duplication.PLANTERS[kind](people, share, np.random.default_rng([0, round(1000 * share)]))
        for name, value in duplication.measures(planted).items():
            assert row[name].item() == pytest.approx(value, rel=1e-5), name


def test_what_the_users_of_a_log_say_in_words():
    row = {"log": "my_shop", "users": 101, "repeating": 40, "repeats": 0.125}
    row |= {"apen": -0.5, "apen_alike": -0.25, "apen_signed": 0.1, "apen_signed_alike": None}
    row |= {"shannon_user": None, "shannon_user_alike": None}
    said = duplication.in_words(row)
    assert r"In my\_shop, 40 of 101 users with more than two events repeat an item." in said
    assert "the lower |ApEn| (correlation -0.50; among users of equal length -0.25)" in said
    assert "neither a greater nor a lower signed ApEn (correlation +0.10)" in said  # 2/√100 is 0.2
    assert "The Shannon entropy of all users is the same." in said
    assert "the greater |ApEn|" in duplication.in_words(row | {"apen": 0.5})
    assert duplication.in_words(row | {"repeating": 0}).startswith(r"No user of my\_shop repeats an item")


def test_duplicates_need_a_user_whose_apen_is_defined():
    short = Sequences.from_lists([[1, 2], [3, 1]])
    with pytest.raises(InputError, match="no user with more than 2 events"):
        duplication.duplication(short, [0.0])
