"""Ranks and metrics against a plain loop, and against formulas worked out by hand."""

from __future__ import annotations

import math

import ir_measures as ir
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srlaw import ranking
from srlaw.metrics import summarise
from srlaw.ranking import ranks_and_losses, target_ranks


def plain_rank(scores: list[float], target: int, left_out: set[int] = frozenset()) -> int:
    """1 + how many other items score at least as much as the target, or no number."""
    rivals = [s for j, s in enumerate(scores) if j != target and j not in left_out]
    return 1 + sum(not s < scores[target] for s in rivals)


def whole_numbers(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    """Small integers as floats: exact products, many ties."""
    return torch.from_numpy(rng.integers(-2, 3, shape)).float()


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 30), st.integers(1, 60))
def test_ranks_are_those_of_a_plain_loop(seed, events, items, chunk_elements):
    rng = np.random.default_rng(seed)
    hidden, weight = whole_numbers(rng, events, 3), whole_numbers(rng, items, 3)
    targets, seen = (
        torch.from_numpy(rng.integers(items, size=events)),
        torch.from_numpy(rng.integers(items, size=(events, 4))),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "CHUNK_ELEMENTS", chunk_elements)
        patch.setattr(ranking, "LEAST_ROWS", 1)
        (every, some, fewer), losses = ranks_and_losses(hidden, weight, targets, seen[:, :2], seen[:, 2:])
        unseen = target_ranks(hidden, weight, targets, seen)
    scores = (hidden @ weight.T).tolist()
    for e in range(events):
        target = int(targets[e])
        assert every[e] == plain_rank(scores[e], target)
        assert some[e] == plain_rank(scores[e], target, set(seen[e, :2].tolist()))
        assert unseen[e] == fewer[e] == plain_rank(scores[e], target, set(seen[e].tolist()))
        total = math.log(sum(math.exp(s) for s in scores[e]))
        assert losses[e] == pytest.approx(total - scores[e][target], abs=1e-5)


def test_ties_and_scores_that_are_no_number_count_against_the_model():
    weight = torch.ones(7, 2)
    assert target_ranks(torch.ones(1, 2), weight, torch.tensor([3])).tolist() == [7]
    assert target_ranks(torch.zeros(1, 2), weight, torch.tensor([0])).tolist() == [7]
    assert target_ranks(torch.full((1, 2), torch.nan), weight, torch.tensor([3])).tolist() == [7]


def test_metrics_of_known_ranks():
    found = summarise(np.array([1, 2, 10, 11, 50, 51, 200, 201]))
    gains = {r: 1 / math.log2(1 + r) for r in (1, 2, 10, 11, 50, 51, 200)}
    assert found == {
        "hr10": pytest.approx(3 / 8),
        "hr10_se": pytest.approx(math.sqrt(3 / 8 * 5 / 8 / 8)),
        "ndcg10_se": pytest.approx(np.std([gains[1], gains[2], gains[10], 0, 0, 0, 0, 0]) / math.sqrt(8)),
        "hr50": pytest.approx(5 / 8),
        "hr200": pytest.approx(7 / 8),
        "ndcg10": pytest.approx(sum(gains[r] for r in (1, 2, 10)) / 8),
        "ndcg50": pytest.approx(sum(gains[r] for r in (1, 2, 10, 11, 50)) / 8),
        "ndcg200": pytest.approx(sum(gains.values()) / 8),
        "mrr": pytest.approx(sum(1 / r for r in (1, 2, 10, 11, 50, 51, 200, 201)) / 8),
    }


def test_random_scores_have_the_expected_hit_rate():
    """Independent scores rank the target uniformly: E HR@k = k / n_items, E MRR = H(n_items) / n_items."""
    rng = torch.Generator().manual_seed(0)
    users, items = 20_000, 400
    hidden, weight = torch.randn(users, 16, generator=rng), torch.randn(items, 16, generator=rng)
    found = summarise(target_ranks(hidden, weight, torch.randint(items, (users,), generator=rng)).numpy())
    for k in (10, 50, 200):
        p = k / items
        assert found[f"hr{k}"] == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / users))
    assert found["mrr"] == pytest.approx(sum(1 / r for r in range(1, items + 1)) / items, abs=0.005)


def test_metrics_are_those_of_ir_measures():
    rng = torch.Generator().manual_seed(0)
    hidden, weight = torch.randn(50, 8, generator=rng), torch.randn(300, 8, generator=rng)
    targets = torch.randint(300, (50,), generator=rng)
    scores = (hidden @ weight.T).tolist()
    relevant = [ir.Qrel(str(user), str(item), 1) for user, item in enumerate(targets.tolist())]
    run = [ir.ScoredDoc(str(u), str(j), score) for u, row in enumerate(scores) for j, score in enumerate(row)]
    measures = {f"hr{k}": ir.Success @ k for k in (10, 50, 200)} | {f"ndcg{k}": ir.nDCG @ k for k in (10, 50, 200)}
    measures["mrr"] = ir.RR
    theirs = ir.calc_aggregate(list(measures.values()), relevant, run)
    ours = summarise(target_ranks(hidden, weight, targets).numpy())
    assert {name: ours[name] for name in measures} == pytest.approx({k: theirs[m] for k, m in measures.items()})
