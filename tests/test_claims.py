"""The ledger: complete, and fed by nothing but the stored outputs of notebooks."""

import importlib.util
import json
import math
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from srlaw.claims import CLAIMS, MIME, VERDICTS, WORDS, Verdict, anchor, ledger, listing, verdict
from srlaw.errors import InputError
from srlaw.rules import RULES

BOOK = Path(__file__).parents[1] / "book"
R2 = {
    "panels": 10, "optimal": 10, "met": 10, "integers": "4, 8", "by_chance": 0.1, "unexplained": "", "nearest": 1e-5,
    "reached": 10, "shared": 10, "short": 0.0, "spare": 0.0512345678,
}  # fmt: skip


def notebook(folder, name, *verdicts):
    outputs = [nbformat.v4.new_output("display_data", data=v._repr_mimebundle_()) for v in verdicts]
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("…", outputs=outputs)])
    nbformat.write(content, folder / f"{name}.ipynb")


def judged(claim_id="eq-7", word="reproduced", **evidence):
    claim = next(claim for claim in CLAIMS if claim.id == claim_id)
    return Verdict(claim, word, evidence or {"n": 3}, "because", "if")


def test_every_place_that_the_issue_names_is_in_the_ledger():
    places = " ".join(claim.place for claim in CLAIMS)
    wanted = ["Lemma 3.1", "Lemma 3.2", "Theorem 3.3", "Lemma 3.4", "Theorem 3.5"]
    wanted += [f"Eq. ({n})" for n in (1, 2, 7, 29, 30)] + [f"Table {n}" for n in range(1, 5)]
    wanted += [f"Figure {n}" for n in range(1, 6)]
    assert [place for place in wanted if place not in places] == []
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


def test_a_verdict_travels_from_a_notebook_to_the_ledger(tmp_path):
    notebook(tmp_path, "05-some", judged(gap=0.12346, panels=20, exact=True, where="all <b>"))
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
    assert f'id="{anchor("eq-7")}"' in bundle["text/html"]


def test_cards_have_addresses_and_the_words_of_every_badge():
    assert len({anchor(claim.id) for claim in CLAIMS}) == len(CLAIMS)
    assert anchor("lemma-3.1") == "claim-lemma-3-1"  # a point would end the name in a style sheet
    assert (
        ">reproduced with a correction</span>"
        in judged(word="reproduced-with-correction")._repr_mimebundle_()["text/html"]
    )
    for path in sorted((BOOK.parent / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for data in (output.get("data", {}) for output in cell.get("outputs", ())):
                if MIME in data:
                    assert f'id="{anchor(data[MIME]["id"])}"' in data["text/html"]
                    assert f">{WORDS[data[MIME]['verdict']]}</span>" in data["text/html"]


def test_eq_7_stands_first():
    assert next(iter(CLAIMS)).id == "eq-7"


def test_a_verdict_is_that_of_its_rule_and_shows_its_evidence():
    card = verdict("figure-3", R2)
    assert card.verdict == "reproduced"
    assert list(card.evidence.values()) == [10, 10, "4, 8", 0.1, "", 1e-5, 10, 10, 0.0, 0.051235]
    assert "All 10 printed R² are those" in card.because
    assert card.would_change.startswith("Measurements other")


def test_the_rule_sees_what_the_card_rounds_away():
    evidence = {"pairs": 10**6, "satisfied": 1 - 1e-6, "pinsker": 1.0, "below_one": 1.0, "cut": 0.8}
    card = verdict("lemma-3.2", evidence)
    assert card.evidence["share that satisfies (10)"] == 1.0
    assert card.verdict == "contradicted"
    assert "0.999999" in card.because


@pytest.mark.parametrize(
    ("claim", "evidence", "message"),
    [
        ("eq-99", R2, "no claim 'eq-99'"),
        ("figure-3", {}, "asks for other evidence; compare by_chance, integers, met, nearest, optimal, panels"),
        ("figure-3", R2 | {"more": 1}, "asks for other evidence; compare more"),
        ("figure-3", R2 | {"by_chance": math.nan}, "'how many would be met by chance' of figure-3 is nan"),
        ("figure-3", R2 | {"by_chance": None}, "of figure-3 is None"),
    ],
)
def test_verdicts_without_ground_are_refused(claim, evidence, message):
    with pytest.raises(InputError, match=message):
        verdict(claim, evidence)


def test_a_claim_without_a_rule_is_not_judged(monkeypatch):
    monkeypatch.delitem(RULES, "figure-3")
    with pytest.raises(InputError, match="no rule judges figure-3"):
        verdict("figure-3", R2)


def test_two_chapters_may_not_judge_one_claim(tmp_path):
    notebook(tmp_path, "05-some", judged())
    notebook(tmp_path, "06-other", judged(word="contradicted"))
    with pytest.raises(InputError, match="05-some and 06-other both judge eq-7"):
        ledger(tmp_path)


def test_the_books_own_verdicts_are_known_words():
    assert {row["verdict"] for row in ledger()} <= set(VERDICTS)


def test_an_open_claim_says_what_it_would_take():
    for row in ledger():
        if row["verdict"] == "open":
            assert re.match(r"[A-Z(“].{30,}\.$", row["because"]), row["id"]
    judged = {row["id"] for row in ledger() if row["chapter"]}
    assert {claim.id for claim in CLAIMS if not claim.needs} <= judged


def test_the_picture_of_the_readme_is_that_of_the_ledger():
    spec = importlib.util.spec_from_file_location("scoreboard_picture", BOOK / "scoreboard_picture.py")
    assert spec
    assert spec.loader
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    rows = ledger()
    drawn = picture.PICTURE.read_text(encoding="utf-8")
    assert drawn == picture.draw(rows), "make book draws it anew"
    for word in VERDICTS:
        count = sum(row["verdict"] == word for row in rows)
        assert (f">{WORDS[word]}: {count}</text>" in drawn) == (count > 0)
    assert drawn.count('<text x="') == len(rows) + len({row["verdict"] for row in rows})
    assert "scoreboard.svg" in (BOOK.parent / "README.md").read_text(encoding="utf-8")


def test_every_word_has_a_readable_badge_and_a_label():
    css = (BOOK / "_static/book.css").read_text(encoding="utf-8")
    colours = {word: re.search(rf"srlaw-{word} {{ background: #(\w{{6}})", css) for word in VERDICTS if word != "open"}
    colours = {word: found[1] for word, found in colours.items() if found}
    assert {word: colour for word, colour in colours.items() if contrast_with_white(colour) < 4.5} == {}
    assert len(set(colours.values())) == len(VERDICTS) - 1


def contrast_with_white(colour: str) -> float:
    """WCAG 2.1; the badges are solid and their text white in both colour schemes."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 1.05 / (0.05 + sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


def test_each_study_beside_the_paper_has_a_ledger_of_its_own():
    counts = Counter(claim.publication.id for claim in CLAIMS)
    wanted = {"p-law": 9, "srt": 6, "new-frontiers": 6}
    assert {name: least for name, least in wanted.items() if counts[name] < least} == {}
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    for claim in CLAIMS:
        assert f"{{{claim.publication.cite}," in bibliography
        assert claim.publication.id == "performance-law" or claim.id.startswith(f"{claim.publication.id}-")


def test_the_listing_has_a_line_and_the_words_of_every_claim():
    rows = [
        {"publication": "a", "place": "Eq. (7)", "statement": "It holds.", "verdict": "open", "chapter": None},
        {"publication": "b", "place": "Eq. (1)", "statement": "w " * 60, "verdict": "contradicted", "chapter": "03-x"},
    ]
    text = listing(rows)
    assert re.search(r"^  open +Eq\. \(7\)$\n^      It holds\.$", text, re.M)
    assert re.search(r"^b$\n^  contradicted +Eq\. \(1\) \(03-x\)$", text, re.M)
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("2 claims: 1 contradicted, 1 open")
