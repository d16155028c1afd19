"""What `srlaw stats` says beyond the tables: order where it was planted and none where it was shuffled away."""

import math

import numpy as np
import pytest

from srlaw.datasets.synthetic import population
from srlaw.entropy import apen_pooled, conditional_entropy, entropy_rate
from srlaw.sequences import Sequences
from srlaw.statistics import evidence, support


@pytest.fixture(scope="module")
def planted():
    return population(users=400, items=40, mean_length=30).sample()


def test_planted_order_tells_and_shuffled_histories_do_not(planted):
    found = evidence(planted, 20)
    assert found["support"].startswith("The order of a history tells something")
    assert found["shuffle_loss"] > 0.5
    assert found["baseline_next_ndcg10"] > found["next_ndcg10_shuffled"] + 0.1
    blind = evidence(planted.shuffled(np.random.default_rng(1)), 20)
    assert blind["support"].startswith("No order is seen after single items")
    assert abs(blind["shuffle_loss"]) < 0.05


def test_entropies_are_those_of_every_order_with_their_coverage(planted):
    cut = planted.truncate(20)
    found = evidence(planted, 20)
    assert [row["order"] for row in found["conditional_entropy"]] == [0, 1, 2, 3]
    for row in found["conditional_entropy"]:
        assert row["value"] == pytest.approx(max(0, conditional_entropy(cut, row["order"], "grassberger")))
    covered = [row for row in found["conditional_entropy"] if row["coverage"] >= 0.9][-1]
    assert tuple(entropy_rate(cut)) == (covered["value"], covered["order"], covered["coverage"])
    assert found["shuffle_loss"] == found["conditional_entropy_shuffled"] - found["conditional_entropy"][1]["value"]


def test_repeats_are_counted():
    found = evidence(Sequences.from_lists([["a", "a", "b", "a"], ["a", "b", "c", "d"]]))
    assert (found["repeats_per_user"], found["repeat_share"], found["events_per_item"]) == (1, 0.25, 2)


def test_a_negative_pooled_apen_is_explained_and_its_explanation_holds():
    """All windows distinct: the value is exactly the logarithm of a quotient of numbers of windows."""
    histories = Sequences.from_lists([[10 * user + step for step in range(6)] for user in range(8)])
    value = apen_pooled(histories, 2)
    assert value == pytest.approx(math.log((8 * 4) / (8 * 5)))
    (note,) = evidence(histories)["notes"]
    assert f"apen_pooled is {value:.4f}" in note
    assert "fewer windows of 3 events than of 2, and 100% of the latter occur once" in note
    assert evidence(population(users=50, items=10, branching=3).sample())["notes"] == []


def test_histories_too_short_to_hold_out():
    found = evidence(Sequences.from_lists([["a"], ["b", "a"]]))
    assert found["support"].startswith("Nobody has four events")
    assert found["baseline_next_ndcg10"] is found["next_ndcg10_shuffled"] is None
    assert [row["order"] for row in found["conditional_entropy"]] == [0, 1]


FOUND = {
    "baseline_next_ndcg10": 0.3, "baseline_next_ndcg10_se": 0.01, "next_ndcg10_shuffled": 0.1,
    "next_ndcg10_shuffled_se": 0.01, "baseline_popularity_ndcg10": 0.2, "baseline_recent_ndcg10": 0.1,
    "tested_users": 900,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "begin", "part"),
    [
        ({}, "The order of a history tells something", "; that is what a model has to beat"),
        (
            {"baseline_recent_ndcg10": 0.5},
            "The order of a history tells",
            "but recent items reach 0.500, which is what",
        ),
        ({"baseline_popularity_ndcg10": 0.4}, "The order of a history", "but popularity reaches 0.400, which is what"),
        (
            {"next_ndcg10_shuffled": 0.28},
            "No order is seen after single items",
            "900 users show no difference below 0.0",
        ),
        ({"next_ndcg10_shuffled": 0.5}, "The last item misleads", "0.300, and 0.500 once"),
        ({"next_ndcg10_shuffled": None}, "Nobody has four events", "no model of sequences can be tested"),
    ],
)
def test_the_sentence_can_say_each_of_its_words(changes, begin, part):
    said = support(FOUND | changes)
    assert said.startswith(begin)
    assert part in said
