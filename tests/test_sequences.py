"""`Sequences` against lists of lists."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from srlaw.errors import InputError
from srlaw.sequences import Sequences, split

items = st.sampled_from([st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1), st.text(max_size=3)])
populations = items.flatmap(lambda ids: st.lists(st.lists(ids, max_size=8), max_size=8))


def lists(sequences):
    return [sequences.catalogue[sequences[user]].tolist() for user in range(len(sequences))]


def with_everything(histories):
    """Sequences with ratings, timestamps and user ids that tell every event and user apart."""
    bare = Sequences.from_lists(histories)
    return Sequences(
        bare.items,
        bare.offsets,
        bare.catalogue,
        ratings=np.arange(bare.tokens),
        timestamps=np.arange(bare.tokens) + 100,
        user_ids=np.arange(len(bare)) * 10,
        name="everything",
    )


@given(populations)
def test_from_lists_round_trip(histories):
    found = Sequences.from_lists(histories, name="x")
    assert lists(found) == histories
    assert found.lengths.tolist() == [len(history) for history in histories]
    flat = [item for history in histories for item in history]
    assert found.catalogue.tolist() == sorted(set(flat))
    assert found.summary()["items"] == found.n_items == len(set(flat))
    assert (found.tokens, found.n_users, found.name) == (len(flat), len(histories), "x")
    assert (found.items.dtype, found.offsets.dtype) == (np.int32, np.int64)


@given(populations, st.integers(1, 10))
def test_truncate_keeps_the_last_events(histories, s_max):
    full = with_everything(histories)
    cut = full.truncate(s_max)
    assert lists(cut) == [history[-s_max:] for history in histories]
    assert cut.tokens == sum(min(len(history), s_max) for history in histories)
    assert cut.user_ids.tolist() == full.user_ids.tolist()
    kept = [
        n
        for end, length in zip(full.offsets[1:], full.lengths, strict=True)
        for n in range(end - min(length, s_max), end)
    ]
    assert cut.ratings.tolist() == kept
    assert (cut.timestamps - 100).tolist() == kept
    assert cut.catalogue.tolist() == full.catalogue.tolist()
    assert cut.name == full.name
    assert lists(cut.truncate(s_max)) == lists(cut)
    assert full.truncate(None) is full


@given(populations)
def test_leave_one_out_splits_off_the_last_event(histories):
    full = with_everything(histories)
    history, target = full.leave_one_out()
    long_enough = [row for row in histories if len(row) >= 2]
    assert lists(history) == [row[:-1] for row in long_enough]
    assert full.catalogue[target].tolist() == [row[-1] for row in long_enough]
    assert history.user_ids.tolist() == [10 * user for user, row in enumerate(histories) if len(row) >= 2]
    assert target.dtype == np.int32
    kept = [
        n
        for end, length in zip(full.offsets[1:], full.lengths, strict=True)
        if length >= 2
        for n in range(end - length, end - 1)
    ]
    assert history.ratings.tolist() == kept


@given(populations)
def test_summary(histories):
    assume(histories)
    summary = Sequences.from_lists(histories).truncate(2).summary()
    cut = [history[-2:] for history in histories]
    assert summary["users"] == len(histories)
    assert summary["tokens"] == sum(map(len, cut))
    assert summary["items"] == len({item for history in cut for item in history})
    assert summary["mean_length"] == pytest.approx(summary["tokens"] / len(histories))


def test_no_users():
    empty = Sequences.from_lists([])
    assert (len(empty), empty.tokens, empty.n_items) == (0, 0, 0)
    assert np.isnan(empty.summary()["mean_length"])
    assert len(empty.truncate(3).leave_one_out().target) == 0


def test_indexing():
    found = Sequences.from_lists([[5, 6], [7]])
    assert found[-1].tolist() == found[1].tolist() == [2]
    assert [row.tolist() for row in found] == [[0, 1], [2]]
    for user in (2, -3):
        with pytest.raises(IndexError, match=f"user {user} of 2"):
            found[user]


def test_nothing_can_be_written():
    found = with_everything([[1, 2], [3]])
    for field in ("items", "offsets", "catalogue", "ratings", "timestamps", "user_ids"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, field)[0] = 1
        with pytest.raises(AttributeError):
            setattr(found, field, None)
    with pytest.raises(ValueError, match="read-only"):
        found[0][0] = 1
    assert lists(pickle.loads(pickle.dumps(found))) == lists(copy.deepcopy(found)) == [[1, 2], [3]]


@pytest.mark.parametrize("s_max", [0, -1, 1.5, float("nan"), float("inf"), "2"])
def test_s_max_is_a_whole_number_of_at_least_one(s_max):
    sequences = Sequences.from_lists([[1, 2, 3, 4, 5], [1, 2]])
    for call in (sequences.truncate, lambda s_max: split(sequences, s_max)):
        with pytest.raises(InputError, match=f"s_max is {s_max}; it must be a whole number of at least 1"):
            call(s_max)
    assert lists(split(sequences, 1).train) == [[2, 3]]


@pytest.mark.parametrize("share", [0, -0.5, 1.01, 2.0, float("nan")])
def test_a_share_of_the_users_is_one(share):
    sequences = Sequences.from_lists([[1, 2, 3, 4, 5], [1, 2, 3, 4]])
    for name in ("fraction", "test_fraction"):
        with pytest.raises(InputError, match=f"^{name} is {share}; it must be above 0 and at most 1"):
            split(sequences, 2, **{name: share})
    assert split(sequences, 2, fraction=0.5).train.n_users == 1
    with pytest.raises(InputError, match="no user with four events"):
        split(Sequences.from_lists([[1, 2, 3]]), 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"offsets": []}, "offsets"),
        ({"offsets": [1, 3]}, "offsets"),
        ({"offsets": [0, 2, 1, 3]}, "offsets"),
        ({"offsets": [[0, 3]]}, "offsets"),
        ({"offsets": [0, 2]}, "offsets end at 2, but there are 3 items"),
        ({"items": [0, 1, 2]}, "catalogue of 2"),
        ({"items": [0, 1, -1]}, "catalogue of 2"),
        ({"items": np.array([0, 1, 2**32])}, "catalogue of 2"),
        ({"ratings": [1.0]}, "ratings has 1 values for 3 items"),
        ({"timestamps": [1, 2, 3, 4]}, "timestamps has 4 values for 3 items"),
        ({"user_ids": ["a", "b"]}, "2 user ids for 1 users"),
    ],
)
def test_arrays_that_do_not_fit(fields, message):
    with pytest.raises(InputError, match=message):
        Sequences(**{"items": [0, 1, 0], "offsets": [0, 3], "catalogue": ["a", "b"], **fields})


@pytest.mark.parametrize("histories", [[[1.5]], [[None]], [[1, "a"]], [["a"], [1]], [[2**64]], [[-1, 2**63]], [[True]]])
def test_ids_that_would_be_changed(histories):
    with pytest.raises(InputError, match="all 64-bit integers or all strings"):
        Sequences.from_lists(histories)


@given(st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=1, max_size=6))
def test_without_repeats_keeps_first_events_in_order(histories):
    kept = Sequences.from_lists(histories).without_repeats()
    for user, history in enumerate(histories):
        assert kept.catalogue[kept[user]].tolist() == list(dict.fromkeys(history))


@given(st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=1, max_size=6), st.integers(0, 9))
def test_shuffled_keeps_every_users_events(histories, seed):
    sequences = Sequences.from_lists(histories)
    mixed = sequences.shuffled(np.random.default_rng(seed))
    for user, history in enumerate(histories):
        assert sorted(mixed.catalogue[mixed[user]].tolist()) == sorted(history)
    partly = sequences.shuffled(np.random.default_rng(seed), last=2)
    for user, history in enumerate(histories):
        assert partly.catalogue[partly[user]].tolist()[:-2] == history[:-2]
        assert sorted(partly.catalogue[partly[user]].tolist()[-2:]) == sorted(history[-2:])
