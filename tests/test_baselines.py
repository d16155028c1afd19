"""The yardsticks: against a table of users × items, on their definitions, and on the planted chain."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from srlaw import baselines
from srlaw.datasets.synthetic import synthetic
from srlaw.sequences import Sequences, split

HISTORIES = st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=12), min_size=1, max_size=8)


def by_table(train, held_out, s_max):
    """The same ranks the long way: a score for every user and item, with boosts from plain loops."""
    history, target = held_out
    n = train.n_items
    popularity = np.array([sum((train[u] == i).sum() for u in range(train.n_users)) for i in range(n)])
    follows = np.zeros((n, n), int)
    for u in range(train.n_users):
        for a, b in zip(train[u], train[u][1:], strict=False):
            follows[a, b] += 1
    out = {}
    for name in baselines.NAMES:
        ranks = []
        for u in range(history.n_users):
            seen = history[u][-s_max:]
            boost = np.zeros(n, int)
            if name == "recent":
                for place, item in enumerate(seen, 1):
                    boost[item] = place
            if name == "next":
                boost = follows[history[u][-1]]
            score = boost * 10**6 + popularity
            at_least = score >= score[target[u]]
            others = at_least & ~np.isin(np.arange(n), history[u])
            others[target[u]] = True
            ranks.append((at_least.sum(), others.sum()))
        out[name] = tuple(np.array(ranks).T)
    return out


@given(HISTORIES, st.integers(1, 12), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_ranks_are_those_of_a_table_of_all_scores(histories, s_max, pairs):
    whole = Sequences.from_lists(histories)
    data = split(whole, s_max)
    kept, baselines.PAIRS = baselines.PAIRS, pairs  # so that users are looked at in pieces
    try:
        found = baselines.baseline_ranks(data.train, data.test, s_max)
    finally:
        baselines.PAIRS = kept
    for name, ranks in by_table(data.train, data.test, s_max).items():
        for ours, theirs in zip(found[name], ranks, strict=True):
            assert ours.tolist() == theirs.tolist(), name


def test_what_always_follows_is_found_and_what_repeats_is_recent():
    circle = Sequences.from_lists([[(start + step) % 50 for step in range(20)] for start in range(50)])
    data = split(circle, 20)
    found = baselines.yardsticks(data.train, data.test, 20)
    assert found["baseline_next_ndcg10"] == found["baseline_next_ndcg10_without_history"] == 1
    assert found["baseline_recent_hr10"] == 0  # nothing comes again within 20 of 50
    same = Sequences.from_lists([[user] * 5 for user in range(30)])
    data = split(same, 5)
    found = baselines.yardsticks(data.train, data.test, 5)
    assert found["baseline_recent_ndcg10"] == 1
    assert found["baseline_popularity_hr10"] == 0  # thirty items tie, and ties count against


def test_on_the_planted_chain_next_counts_approach_what_can_be_known():
    data = split(synthetic(users=400), 50)
    found = baselines.yardsticks(data.train, data.test, 50)
    assert found["baseline_next_ndcg10"] > found["baseline_popularity_ndcg10"] + 0.05
    assert set(found) == {
        f"baseline_{name}_{metric}{ending}"
        for name in baselines.NAMES for metric in ("hr10", "ndcg10") for ending in ("", "_se", "_without_history")
    }  # fmt: skip


def test_a_catalogue_of_one_item_and_a_last_item_never_seen_before():
    data = split(Sequences.from_lists([[0, 0, 0, 0]]), 4)
    assert baselines.yardsticks(data.train, data.test, 4)["baseline_popularity_hr10"] == 1
    unseen = split(
        Sequences.from_lists([["a", "b", "c", "a"], ["a", "b", "a", "b"]]), 4
    )  # nothing follows c in training
    ranks = baselines.baseline_ranks(unseen.train, unseen.test, 4)["next"][0]
    assert ranks.tolist() == [2, 1]
