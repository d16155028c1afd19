"""A trained model with the reader's own item ids, and the items that it recommends to the users of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch

from srlaw.errors import InputError, quoted
from srlaw.models import ModelConfig, SequenceModel
from srlaw.ranking import rows_at_once
from srlaw.sequences import Sequences
from srlaw.training import Trained
from srlaw.training.data import batches
from srlaw.training.evaluate import EVALUATION_EVENTS, last_states, whole_histories


class Recommended(NamedTuple):
    """What `Recommender.recommend` returns.

    Attributes:
        table: ``user, rank`` (from 1), ``item, score``; by the reader's own ids. The score is the dot product that
            ranks the items of one user; null where popularity ranks them.
        notes: sentences on events that were left out and users who got popularity.
    """

    table: pl.DataFrame
    notes: list[str]


@dataclass(frozen=True, eq=False)
class Recommender:
    """A trained model with the reader's own item ids.

    Attributes:
        model: on the CPU, in evaluation mode.
        model_config: what it was made from.
        catalogue: item code → the reader's id, shape ``(n_items,)``.
        popularity: events of each item in the log it was trained on, int64, shape ``(n_items,)``.
        row: provenance and test metrics, as `Trained.row`.
    """

    model: SequenceModel
    model_config: ModelConfig
    catalogue: np.ndarray
    popularity: np.ndarray
    row: dict[str, Any]

    @classmethod
    def of(cls, trained: Trained, sequences: Sequences, **more: Any) -> Recommender:
        """Of what `srlaw.training.train` made of `sequences`; `more` is added to its row."""
        counts = np.bincount(sequences.items, minlength=sequences.n_items)
        return cls(trained.model, trained.model_config, sequences.catalogue, counts, trained.row() | more)

    def recommend(
        self, sequences: Sequences, k: int = 10, keep_history: bool = False, users: list[str] | None = None
    ) -> Recommended:
        """The `k` best items of each user of a log, given her last ``s_max`` events there.

        Nothing of a user is learned, so new users are served as those trained on are. Events with items that the model
        does not know are left out. A user without a known item gets the most popular ones.

        Args:
            sequences: histories with ratings or times if the model was trained with them, in the same units.
            k: items of a user; fewer where the catalogue has no more.
            keep_history: offer items that the user has had as well.
            users: their ids as text; by default all of the log, in its order. One whom the log does not have has no
                known item.

        Raises:
            InputError: if `k` is below 1, or the log lacks the ratings or times that the model needs.
        """
        if k < 1:
            raise InputError(f"k is {k}; it must be at least 1")
        if sequences.timestamps is None and self.model_config.for_data(False) != self.model_config:
            raise InputError(f"{sequences.name} has no times, which the model was trained with; name their column")
        own, absent = _asked(sequences, users)
        history = own.relabelled(codes_in(self.catalogue, own.catalogue), self.catalogue)
        served = history.lengths > 0
        notes = _notes(own, history, int((~served).sum()), absent)
        codes, scores = _best(self.model, history.of_users(served), self.model_config.s_max, k, keep_history)
        popular = np.lexsort((np.arange(len(self.popularity)), -self.popularity))[: codes.shape[1]]
        lists = np.tile(popular, (own.n_users + len(absent), 1))
        values = np.full(lists.shape, np.nan)
        with_model = np.flatnonzero(served)
        lists[with_model], values[with_model] = codes, scores
        return Recommended(self._table([*_user_ids(own), *absent], lists, values), notes)

    def _table(self, users: list, lists: np.ndarray, scores: np.ndarray) -> pl.DataFrame:
        """Rows of the items in `lists`, ``(users, k)``; −1 is none."""
        if any(isinstance(user, str) for user in users):
            users = [str(user) for user in users]
        shown = lists >= 0
        row, place = np.nonzero(shown)
        columns = {
            "user": [users[i] for i in row],
            "rank": place + 1,
            "item": self.catalogue[lists[shown]].tolist(),
            "score": pl.Series(scores[shown], dtype=pl.Float64).fill_nan(None),
        }
        return pl.DataFrame(columns)


def codes_in(catalogue: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Code in `catalogue` of each of `ids`, −1 of those it lacks; ids are compared as text where only one is text."""
    mine, theirs = catalogue.tolist(), ids.tolist()
    if {type(x) for x in mine} != {type(x) for x in theirs}:
        mine, theirs = map(str, mine), map(str, theirs)
    code = {item: number for number, item in enumerate(mine)}
    return np.array([code.get(item, -1) for item in theirs], np.int64)


def _user_ids(sequences: Sequences) -> list:
    """Of each user; her number where the log names nobody."""
    ids = np.arange(sequences.n_users) if sequences.user_ids is None else sequences.user_ids
    return ids.tolist()


def _asked(sequences: Sequences, users: list[str] | None) -> tuple[Sequences, list[str]]:
    """The histories of the users asked for, and those whom the log does not have."""
    if users is None:
        return sequences, []
    ids = [str(user) for user in _user_ids(sequences)]
    wanted = dict.fromkeys(users)
    there = set(ids)
    return sequences.of_users(np.array([user in wanted for user in ids], bool)), [u for u in wanted if u not in there]


def _notes(own: Sequences, history: Sequences, without: int, absent: list[str]) -> list[str]:
    notes = []
    if lost := own.tokens - history.tokens:
        notes.append(f"{lost:,} of {own.tokens:,} events have an item that the model does not know; they are left out")
    if without:
        notes.append(f"{without:,} users have no item that the model knows; they get the most popular ones, unscored")
    if absent:
        few = ", ".join(map(quoted, absent[:3])) + (", …" if len(absent) > 3 else "")
        notes.append(f"the log does not have {len(absent):,} of the users asked for ({few}); they get the most popular")
    return notes


def _best(
    model: SequenceModel, history: Sequences, s_max: int, k: int, keep_history: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores of the `k` best items of each history, −1 where there are no more; ``(users, k)`` each."""
    weight = model.items.weight
    k = min(k, len(weight))
    codes, scores = np.empty((history.n_users, k), np.int64), np.empty((history.n_users, k))
    with torch.no_grad():
        for users in batches(history.truncate(s_max).lengths, EVALUATION_EVENTS) if history.n_users else []:
            last = last_states(model, history, users, s_max)
            for begin in range(0, len(users), rows := rows_at_once(len(weight), weight.device)):
                mine = users[begin : begin + rows]
                table = last[begin : begin + rows].float() @ weight.float().T  # (rows, n_items)
                if not keep_history:
                    table.scatter_(1, whole_histories(history, mine)[0].to(weight.device), -torch.inf)
                best = table.topk(k, dim=1)
                scores[mine] = best.values.double().cpu().numpy()
                codes[mine] = best.indices.cpu().numpy()
    return np.where(np.isneginf(scores), -1, codes), scores
