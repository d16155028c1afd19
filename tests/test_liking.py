"""The ranking task: planted ratings are found, AUC and its errors by second routes, and no rating sees itself."""

from itertools import product

import numpy as np
import pytest
import torch

from srlaw.errors import InputError
from srlaw.models import CONFIGS
from srlaw.ratings import auc, auc_error, likes, log_losses, placements, yardsticks
from srlaw.sequences import Sequences
from srlaw.training import TrainConfig
from srlaw.training.liking import Liking, best_epoch, fit_liking, held_out, predict

S_MAX = 12
QUICK = TrainConfig(epochs=4, batch_events=256, learning_rate=0.02, seed=1)


def alternating(users: int = 80, items: int = 15, events: int = S_MAX + 1) -> Sequences:
    """Random items, each user's ratings 5 and 1 in turn: neither an item nor a user is liked more than another."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 2, (users, 1))
    ratings = np.where((first + np.arange(events)) % 2, 5.0, 1.0).ravel()
    codes = rng.integers(0, items, users * events)
    return Sequences(codes, np.arange(users + 1) * events, np.arange(items), ratings=ratings, name="alternating")


def sasrec(log: Sequences, **fields):
    return CONFIGS["sasrec"](
        **{"n_items": log.n_items, "n_layers": 1, "d_emb": 8, "s_max": S_MAX, "dropout": 0.0} | fields
    )


@pytest.fixture(scope="module")
def planted():
    log = alternating()
    return log, fit_liking(log, sasrec(log, use_ratings=True), QUICK)


def test_ratings_that_only_their_order_tells_are_found(planted):
    log, found = planted
    assert auc(found.by_log_loss, found.liked) > 0.99
    by_loss, by_auc = (log_losses(x, found.liked).mean() for x in (found.by_log_loss, found.by_auc))
    assert by_loss < 0.2 < by_auc  # every order is right long before the odds are
    known = yardsticks(*held_out(log, S_MAX), S_MAX)
    assert all(auc(log_odds, found.liked) < 0.65 for log_odds in known.values())  # 80 users: 0.5 ± 0.06
    blind = fit_liking(log, sasrec(log), QUICK)  # items alone
    assert auc(blind.by_log_loss, blind.liked) < 0.65


def test_one_seed_gives_the_same_numbers_and_the_best_epochs_are_those_of_the_curve(planted):
    log, found = planted
    again = fit_liking(log, sasrec(log, use_ratings=True), QUICK)
    assert again.curve == found.curve
    assert again.by_auc.tolist() == found.by_auc.tolist()
    losses = [row["valid_log_loss"] for row in found.curve]
    assert losses[best_epoch(found.curve, "valid_log_loss") - 1] == min(losses)
    assert found.curve[best_epoch(found.curve, "valid_auc") - 1]["valid_auc"] == max(
        r["valid_auc"] for r in found.curve
    )


@pytest.mark.parametrize("model", ["sasrec", "hstu", "llama"])
def test_a_prediction_sees_the_item_and_the_past_but_not_its_own_rating(model):
    log = alternating(users=6)
    config = CONFIGS[model](n_items=log.n_items, n_layers=1, d_emb=8, s_max=S_MAX, use_ratings=True)
    torch.manual_seed(0)
    net = Liking(config)
    for weight in (net.item.weight, net.user.weight):
        torch.nn.init.normal_(weight)
    before = predict(net, log, S_MAX)
    last = log.offsets[1:] - 1

    def changed(place: np.ndarray, **column) -> np.ndarray:
        (name, value), *_ = column.items()
        values = np.array(getattr(log, name))
        values[place] = value
        columns = {"items": log.items, "ratings": log.ratings} | {name: values}
        other = Sequences(offsets=log.offsets, catalogue=log.catalogue, **columns)
        return predict(net, other, S_MAX) - before

    assert not changed(last, ratings=3.0).any()
    assert np.abs(changed(last, items=(log.items[last] + 1) % log.n_items)).min() > 1e-6
    assert np.abs(changed(last - 1, ratings=3.0)).min() > 1e-6


def test_the_auc_counts_pairs_and_its_error_is_that_of_resampled_users():
    rng = np.random.default_rng(3)
    liked = rng.random(400) < 0.6
    scores = np.round(rng.normal(liked * 0.8, 1.0), 1)  # with ties
    pairs = [(a > b) + (a == b) / 2 for a, b in product(scores[liked], scores[~liked])]
    assert auc(scores, liked) == pytest.approx(np.mean(pairs))
    placed = placements(scores, liked)
    assert placed[~liked].mean() == pytest.approx(placed[liked].mean())
    drawn = [rng.integers(0, 400, 400) for _ in range(400)]
    spread = np.std([auc(scores[d], liked[d]) for d in drawn])
    assert auc_error(placed, liked) == pytest.approx(spread, rel=0.12)
    assert log_losses(np.log(np.array([3.0])), np.array([False]))[0] == pytest.approx(-np.log(0.25))


def test_the_yardstick_finds_shares_that_made_the_ratings():
    rng = np.random.default_rng(4)
    users, events, items = 400, 20, 30
    of_user, of_item = rng.normal(0, 1.5, users), rng.normal(0, 1.5, items)
    codes = rng.integers(0, items, users * events)
    truth = np.repeat(of_user, events) + of_item[codes]
    ratings = np.where(rng.random(len(codes)) < 1 / (1 + np.exp(-truth)), 4.0, 3.5)
    log = Sequences(codes, np.arange(users + 1) * events, np.arange(items), ratings=ratings)
    known, liked = yardsticks(*held_out(log, 50), 50), likes(log)
    last = truth[log.offsets[1:] - 1]
    best = auc(last, liked)
    assert auc(known["item"], liked) < auc(known["item_user"], liked) < best + 0.01
    assert auc(known["item_user"], liked) > best - 0.03
    assert np.corrcoef(known["item_user"], last)[0, 1] > 0.9


def test_a_log_that_the_task_cannot_take_is_a_plain_error():
    log = alternating(users=4)
    bare = Sequences(log.items, log.offsets, log.catalogue, name="clicks")
    with pytest.raises(InputError, match="clicks has no ratings; the ranking task takes a log with ratings"):
        fit_liking(bare, sasrec(log), QUICK)
    with pytest.raises(InputError, match="all are of one kind"):
        auc(np.zeros(3), np.ones(3, bool))
    with pytest.raises(InputError, match="users without events"):
        likes(Sequences([], [0, 0], [1], ratings=[]))
