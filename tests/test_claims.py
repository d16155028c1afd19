"""The ledger: complete, and fed by nothing but the stored outputs of notebooks."""

import json
import math

import nbformat
import pytest

from srlaw.claims import CLAIMS, MIME, VERDICTS, ledger, verdict
from srlaw.errors import InputError


def notebook(folder, name, *verdicts):
    outputs = [nbformat.v4.new_output("display_data", data=v._repr_mimebundle_()) for v in verdicts]
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("…", outputs=outputs)])
    nbformat.write(content, folder / f"{name}.ipynb")


def judged(claim_id="eq-7", word="reproduced", **evidence):
    return verdict(claim_id, word, evidence or {"n": 3}, "because", "if")


def test_every_place_that_the_issue_names_is_in_the_ledger():
    places = " ".join(claim.place for claim in CLAIMS)
    wanted = ["Lemma 3.1", "Lemma 3.2", "Theorem 3.3", "Lemma 3.4", "Theorem 3.5"]
    wanted += [f"Eq. ({n})" for n in (1, 2, 7, 29, 30)] + [f"Table {n}" for n in range(1, 5)]
    wanted += [f"Figure {n}" for n in range(1, 6)]
    assert [place for place in wanted if place not in places] == []
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


def test_a_verdict_travels_from_a_notebook_to_the_ledger(tmp_path):
    notebook(tmp_path, "05-some", judged(gap=0.123456789, panels=20, exact=True, where="all <b>"))
    rows = {row["id"]: row for row in ledger(tmp_path)}
    assert [row["id"] for row in ledger(tmp_path)] == [claim.id for claim in CLAIMS]
    assert rows["eq-7"]["verdict"] == "reproduced"
    assert rows["eq-7"]["chapter"] == "05-some"
    assert rows["eq-7"]["evidence"] == {"gap": 0.12346, "panels": 20, "exact": True, "where": "all <b>"}
    assert {row["verdict"] for id_, row in rows.items() if id_ != "eq-7"} == {"open"}
    json.dumps(list(rows.values()), allow_nan=False)


def test_the_card_escapes_and_says_everything():
    bundle = judged(where="all <b>", exact=False, n=12345)._repr_mimebundle_()
    assert "all &lt;b&gt;" in bundle["text/html"]
    assert "<td>no</td>" in bundle["text/html"]
    assert "12,345" in bundle["text/html"]
    assert bundle[MIME]["evidence"][0] == ["where", "all <b>"]
    assert bundle[MIME]["would_change"] == "if"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eq-99", "reproduced", {"n": 1}), "no claim 'eq-99'"),
        (("eq-7", "true", {"n": 1}), "'true' is no verdict"),
        (("eq-7", "reproduced", {}), "no evidence"),
        (("eq-7", "reproduced", {"n": math.nan}), "is nan"),
    ],
)
def test_verdicts_without_ground_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        verdict(*arguments, "because", "if")


def test_two_chapters_may_not_judge_one_claim(tmp_path):
    notebook(tmp_path, "05-some", judged())
    notebook(tmp_path, "06-other", judged(word="contradicted"))
    with pytest.raises(InputError, match="05-some and 06-other both judge eq-7"):
        ledger(tmp_path)


def test_the_books_own_verdicts_are_known_words():
    assert {row["verdict"] for row in ledger()} <= set(VERDICTS)
