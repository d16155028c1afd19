"""What is said of plans whose truth is known: each part of the target met and missed, and the stored runs."""

import polars as pl
import pytest

from srlaw import stored
from srlaw.chapters import planted

GOOD = {"logs": 10, "named": 8, "held": 7, "width": 0.3, "tried": 9, "best": 0.70, "chosen": 0.69, "behind": 0.8}
GOOD["refused"] = {"shuffled": True, "noise": True}


def made(named=2, behind=0.0):
    """Three planted logs, of which `named` have a size, and two without order; three sizes."""
    size = {"minutes": 5.0, "runs": 20, "sizes": 9, "range": 0.2, "n_layers": 1, "d_emb": 8, "fresh_se": 0.01}
    told = {"expected": 0.5, "low": 0.45, "high": 0.55, "fresh": 0.52, "holds": True, "reason": "well"}
    none = dict.fromkeys(("expected", "low", "high", "fresh", "fresh_se", "holds", "n_layers", "d_emb"))
    logs = [{"log": "planted", "seed": i, **size, **(told if i < named else none)} for i in range(3)]
    logs += [{"log": kind, "seed": 1, **size, **none} for kind in planted.WITHOUT_ORDER]
    sizes = pl.DataFrame({"n_layers": [1, 2, 2], "d_emb": [8, 8, 16], "error": [0.006, 0.008, 0.01]})
    means = [0.5, 0.4, 0.5 + 0.01 * behind]
    return pl.DataFrame(logs), sizes.with_columns(mean=pl.Series(means), named=pl.Series([True, False, False]))


def test_evidence_counts_the_logs_and_the_widths():
    found = planted.evidence(*made(behind=2.0))
    assert (found["logs"], found["named"], found["held"], found["tried"]) == (3, 2, 2, 3)
    assert found["width"] == pytest.approx(0.5)
    assert found["behind"] == pytest.approx(0.02 / (0.006**2 + 0.01**2) ** 0.5)
    assert planted.evidence(*made())["behind"] == 0
    assert planted.judge(planted.evidence(*made(named=0)))[0] == "missed"


@pytest.mark.parametrize(
    ("change", "word", "part"),
    [
        ({}, "met", "8 of 10 planted logs"),
        ({"named": 6, "held": 6}, "missed", "6 of 10"),
        ({"held": 6}, "missed", "6 hold"),
        ({"width": 0.6}, "missed", "60% of the range"),
        ({"refused": {"shuffled": False, "noise": True}}, "missed", "which is wrong"),
        ({"behind": 2.4}, "missed", "2.4 standard errors behind"),
        ({"behind": 0.0, "chosen": 0.70}, "met", "it is the best"),
        ({"chosen": None, "behind": None}, "met", "as is right"),
    ],
)
def test_each_part_of_the_target_can_be_met_and_missed(change, word, part):
    found, sentences = planted.judge(GOOD | change)
    assert found == word
    assert any(part in sentence for sentence in sentences)


def test_the_stored_logs_are_those_of_the_benchmark():
    logs, sizes = stored.planted(), stored.planted_sizes()
    assert logs.filter(log="planted")["seed"].to_list() == list(range(1, 11))
    assert set(logs["log"]) == {"planted", *planted.WITHOUT_ORDER}
    given = logs.filter(pl.col("expected").is_not_null())
    assert given.select((pl.col("holds") == pl.col("fresh").is_between("low", "high")).all()).item()
    assert sizes["named"].sum() == (logs.filter(log="planted", seed=1)["expected"].null_count() == 0)
    assert len(planted.shown(logs)) == len(logs)
