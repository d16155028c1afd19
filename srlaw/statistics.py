"""What a log can tell a model of sequences, beyond the columns of the paper's tables: the rest of `srlaw stats`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srlaw.baselines import baseline_ranks, summaries
from srlaw.entropy import apen_pooled, conditional_entropies, conditional_entropy, lempel_ziv_phrases
from srlaw.entropy.ngrams import ngram_counts
from srlaw.entropy.report import LONGEST_FOR_PHRASES
from srlaw.errors import InputError
from srlaw.metrics import smallest_difference
from srlaw.sequences import Sequences, split

SEED = 0  # of the shuffled histories
HELD_OUT = 3  # events of a history behind those a model is trained to see: the last target, validation, test


def evidence(sequences: Sequences, s_max: int | None = None, m: int = 2) -> dict[str, Any]:
    """Repeats, conditional entropies, how much order tells, and yardsticks, of histories cut to `s_max`. Nats.

    Returns:
        ``repeats_per_user`` (events of a user with an item that she has had, mean) and ``repeat_share`` of all events;
        ``events_per_item``; ``conditional_entropy``, a list of ``order, value, coverage``, see
        `conditional_entropies`; ``conditional_entropy_shuffled``, that of order 1 once each history is shuffled, and
        ``shuffle_loss``, how much lower it is in the recorded order; the yardsticks of `srlaw.baselines.summaries` on
        each user's last event, and ``next_ndcg10_shuffled`` with its standard error, item→next counts after the
        shuffle; ``s_real``, the successor paper's real entropy (all histories in a row; None above a million events);
        ``support``, a sentence, and ``notes``. None where undefined.
    """
    cut = sequences.truncate(s_max)
    shuffled = cut.shuffled(np.random.default_rng(SEED))
    orders = [{"order": f.order, "value": f.value, "coverage": f.coverage} for f in conditional_entropies(cut)]
    known = orders[1]["value"] if len(orders) > 1 else math.nan
    blind = conditional_entropy(shuffled, 1, "grassberger")
    out: dict[str, Any] = {
        **_repeats(cut),
        "conditional_entropy": orders,
        "conditional_entropy_shuffled": blind,
        "shuffle_loss": blind - known,
        **_yardsticks(sequences, s_max),
        "s_real": lempel_ziv_phrases(cut.items) if 1 < cut.tokens <= LONGEST_FOR_PHRASES else None,
    }
    return out | {"support": support(out), "notes": _notes(cut, m)}


def _repeats(cut: Sequences) -> dict[str, float]:
    repeats = cut.tokens - cut.without_repeats().tokens
    items = cut.summary()["items"]
    return {
        "repeats_per_user": repeats / cut.n_users if cut.n_users else math.nan,
        "repeat_share": repeats / cut.tokens if cut.tokens else math.nan,
        "events_per_item": cut.tokens / items if items else math.nan,
    }


def _yardsticks(sequences: Sequences, s_max: int | None) -> dict[str, float | None]:
    """The yardsticks on the last events, in the recorded order; and of item→next counts in a random one."""
    seen = s_max or max(1, int(sequences.lengths.max(initial=1)))
    used = sequences.truncate(seen + HELD_OUT)  # all that a model is trained, validated and tested on
    try:
        parts = split(used, seen)
    except InputError:  # nobody has four events
        return {"baseline_next_ndcg10": None, "next_ndcg10_shuffled": None}
    found: dict[str, float | None] = {"tested_users": parts.test.history.n_users}
    found |= summaries(baseline_ranks(parts.train, parts.test, seen))
    parts = split(used.shuffled(np.random.default_rng(SEED)), seen)
    blind = summaries(baseline_ranks(parts.train, parts.test, seen, ["next"]))
    names = {"next_ndcg10_shuffled": "baseline_next_ndcg10", "next_ndcg10_shuffled_se": "baseline_next_ndcg10_se"}
    return found | {name: blind[column] for name, column in names.items()}


def support(found: dict[str, Any]) -> str:
    """What the data can support, in a sentence, of the keys that `evidence` gathers.

    Order tells if item→next counts lose more than two standard errors of the difference when histories are shuffled.
    """
    own, blind = found["baseline_next_ndcg10"], found["next_ndcg10_shuffled"]
    if own is None or blind is None:
        return "Nobody has four events, so nothing can be held out, and no model of sequences can be tested here."
    error = math.hypot(found["baseline_next_ndcg10_se"], found["next_ndcg10_shuffled_se"])
    counts = f"item→next counts reach NDCG@10 {own:.3f}, and {blind:.3f} once each history is shuffled"
    if own - blind > 2 * error:
        others = {name: found[f"baseline_{name}_ndcg10"] for name in ("popularity", "recent")}
        best = max(others, key=others.__getitem__)
        words = {"popularity": "popularity reaches", "recent": "recent items reach"}[best]
        tail = f"but {words} {others[best]:.3f}, which" if others[best] > own else "that"
        return f"The order of a history tells something: {counts}; {tail} is what a model has to beat."
    if blind - own > 2 * error:
        return (
            f"The last item misleads: {counts}; a model of sequences has to find in a history what the last item "
            "alone does not tell."
        )
    least = smallest_difference(max(found["baseline_next_ndcg10_se"], found["next_ndcg10_shuffled_se"]))
    return (
        f"No order is seen after single items: {counts}, and {found['tested_users']:,} users show no difference below "
        f"{least:.3f}; a model of sequences needs order of more than one item, or has nothing to learn here that "
        "counting does not know."
    )


def _notes(cut: Sequences, m: int) -> list[str]:
    """Why a value is what no entropy can be."""
    value = apen_pooled(cut, m)
    if not value < 0:
        return []
    windows = ngram_counts(cut.items, cut.offsets, m, 0)
    once = np.count_nonzero(windows == 1) / windows.sum()
    return [
        f"apen_pooled is {value:.4f}, below 0 as no entropy can be: there are fewer windows of {m + 1} events than of "
        f"{m}, and {once:.0%} of the latter occur once, so both block entropies are near the logarithm of the number "
        "of windows, and their difference tells how many there are, not how regular the histories are"
    ]
