"""Measures of the ranking task, will the next rating be at least four: log-loss, AUC, and the yardsticks of both."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from srlaw.errors import InputError
from srlaw.sequences import Sequences

LIKED = 4.0  # the least rating that counts as liked
PRIOR = 5.0  # events of the overall share that a share of few events is drawn towards
YARDSTICKS = {"item": ["item"], "item_user": ["item", "user"]}


def likes(sequences: Sequences) -> np.ndarray:
    """Whether each user's last rating is at least `LIKED`: bool, ``(users,)``.

    Raises:
        InputError: without ratings, or for a user without events.
    """
    if sequences.ratings is None:
        raise InputError(f"{sequences.name} has no ratings; the ranking task takes a log with ratings")
    if not sequences.lengths.all():
        raise InputError(f"{sequences.name} has users without events; leave them out first")
    return sequences.ratings[sequences.offsets[1:] - 1] >= LIKED


def log_losses(log_odds: np.ndarray, liked: np.ndarray) -> np.ndarray:
    """Binary log-loss of each event in nats, shape ``(users,)``."""
    return np.logaddexp(0, np.where(liked, -log_odds, log_odds))


def placements(scores: np.ndarray, liked: np.ndarray) -> np.ndarray:
    """For each event the share of those of the other kind that stand on its right side, ties half: ``(users,)``.

    The mean over either kind is the AUC. Their deviations give its standard error, and those of a difference of two
    models' placements the error of the difference of their AUC on the same users (DeLong et al., 1988).

    Raises:
        InputError: if all events are of one kind.
    """
    if liked.all() or not liked.any():
        raise InputError("an AUC takes liked and disliked events, and here all are of one kind")
    out = np.empty(len(scores))
    for kind in (True, False):
        own, other = scores[liked == kind], np.sort(scores[liked != kind])
        low, high = (np.searchsorted(other, own, side=side) for side in ("left", "right"))
        below = (low + high) / (2 * len(other))
        out[liked == kind] = below if kind else 1 - below
    return out


def auc(scores: np.ndarray, liked: np.ndarray) -> float:
    """Probability that a liked event scores above a disliked one, ties half."""
    return float(placements(scores, liked)[liked].mean())


def auc_error(placed: np.ndarray, liked: np.ndarray) -> float:
    """Standard error over events of an AUC, or of a difference of two, from `placements` or their difference."""
    return float(np.sqrt(sum(placed[liked == kind].var(ddof=1) / (liked == kind).sum() for kind in (True, False))))


def yardsticks(train: Sequences, valid: Sequences, test: Sequences, s_max: int) -> dict[str, np.ndarray]:
    """Log-odds of each tested event by the item's share of liked ratings, and by that and the user's own share.

    Shares are drawn towards the overall one by `PRIOR` events. The item's is counted in `train`, the user's in the
    `s_max` events before. A logistic regression on the validation events weighs their log-odds, by which nobody
    trains.

    Args:
        valid, test: histories whose last event validates and tests, as `srlaw.training.liking.held_out` has them.
    """
    features = {name: _features(train, part, s_max) for name, part in (("valid", valid), ("test", test))}
    out = {}
    for name, columns in YARDSTICKS.items():
        x = {
            part: np.column_stack([np.ones(len(known["item"])), *(known[c] for c in columns)])
            for part, known in features.items()
        }
        out[name] = x["test"] @ _logistic(x["valid"], likes(valid))
    return out


def _logistic(x: np.ndarray, liked: np.ndarray) -> np.ndarray:
    """Weights of least mean log-loss, with a penalty so small that it decides only where they would be infinite."""
    return minimize(lambda w: log_losses(x @ w, liked).mean() + 1e-4 * (w @ w), np.zeros(x.shape[1])).x


def _features(train: Sequences, part: Sequences, s_max: int) -> dict[str, np.ndarray]:
    """Log-odds of the item's and of the user's share of liked ratings before the last event of each user."""
    assert train.ratings is not None  # `likes` saw to it
    liked = train.ratings >= LIKED
    overall = liked.mean()
    of_item = _share(
        np.bincount(train.items[liked], minlength=train.n_items),
        np.bincount(train.items, minlength=train.n_items),
        overall,
    )
    before = part.leave_one_out().history.truncate(s_max)
    assert before.ratings is not None
    users = np.repeat(np.arange(before.n_users), before.lengths)
    of_user = _share(np.bincount(users[before.ratings >= LIKED], minlength=before.n_users), before.lengths, overall)
    return {"item": _log_odds(of_item[part.items[part.offsets[1:] - 1]]), "user": _log_odds(of_user)}


def _share(liked: np.ndarray, events: np.ndarray, overall: float) -> np.ndarray:
    return (liked + PRIOR * overall) / (events + PRIOR)


def _log_odds(share: np.ndarray) -> np.ndarray:
    return np.log(share) - np.log1p(-share)
