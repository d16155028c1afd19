"""Texts about verdicts: the numbers are those of the cards, and a text that no longer fits its verdict is refused."""

import re
from pathlib import Path

import pytest

from srlaw.claims import WORDS, ledger
from srlaw.errors import InputError
from srlaw.evidence import check, fill, named
from srlaw.rules import RULES

FRONT = (Path(__file__).parents[1] / "book/intro.md").read_text(encoding="utf-8")
ROWS = {row["id"]: row for row in ledger()}
FINDING = re.compile(r":::\{finding\} (.+)\n(?::number: \"(.+)\"\n)?(?::holds: (.+)\n)?((?:.*\n)*?):::\n")


def test_every_stored_card_is_read_by_the_names_of_its_rule():
    for claim, row in ROWS.items():
        if row["chapter"]:
            values = named(row)
            assert [values[name] for name in RULES[claim].shows] == list(row["evidence"].values())


def test_values_in_the_words_of_a_line_are_read_too():
    values = named(ROWS["figure-1"])
    assert values["grids"] == "10"
    assert fill("{both} of {grids}, {share:.0%}", values) == f"{values['both']} of 10, {values['share']:.0%}"


def test_a_card_of_another_rule_and_an_open_claim_have_no_names():
    row = ROWS["figure-1"]
    with pytest.raises(InputError, match="execute 05-performance-law again"):
        named(row | {"evidence": {}})
    with pytest.raises(InputError, match="has the line"):
        named(row | {"evidence": {f"{line}!": value for line, value in row["evidence"].items()}})
    with pytest.raises(InputError, match="no chapter has judged"):
        named(row | {"chapter": None})


@pytest.mark.parametrize(
    ("text", "message"), [("{nothing}", "no evidence 'nothing'"), ("{both:%Y}", "cannot be written")]
)
def test_a_number_that_is_not_there_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        fill(text, named(ROWS["figure-1"]))


def findings() -> list[tuple[str, str, str, str]]:
    found = [tuple(part or "" for part in match.groups()) for match in FINDING.finditer(FRONT)]
    assert len(found) == FRONT.count(":::{finding}")
    return found


def test_the_front_page_says_what_the_verdicts_say():
    numbered = [finding for finding in findings() if finding[1]]
    assert [re.match(r"\*\*(\d)\. ", body)[1] for *_, body in numbered] == list("12345")
    for words, number, holds, body in findings():
        claims = check(words, holds, ROWS)
        if number:
            assert re.search(r"\d", fill(number, named(ROWS[claims[0]])))
        for claim, text in re.findall(r"\{evidence\}`(\S+): (.+?)`", body):
            assert claim in claims
            assert re.search(r"\d", fill(text, named(ROWS[claim])))


def test_the_front_page_types_no_number_of_its_findings():
    for *_, body in findings():
        text = re.sub(r"\{evidence\}`.+?`|`srlaw .+?`|\]\(.+?\)|\d\. |MovieLens-1M|Table \d|Eq\. \(7\)", "", body)
        assert re.findall(r"\d+", text) in ([], ["603"]), body  # 603 is a name of a width, and searched for


@pytest.mark.parametrize("finding", findings(), ids=lambda finding: finding[0][:40])
def test_the_front_page_does_not_outlive_a_verdict(finding):
    words, _, holds, _ = finding
    for claim in check(words, holds, ROWS):
        for word in WORDS:
            if word != ROWS[claim]["verdict"]:
                with pytest.raises(InputError, match="write it anew"):
                    check(words, holds, ROWS | {claim: ROWS[claim] | {"verdict": word}})


def test_the_front_page_does_not_outlive_its_evidence():
    row = ROWS["few-small-points"]
    line = list(row["evidence"])[list(RULES[row["id"]].shows).index("lower")]
    better = ROWS | {row["id"]: row | {"evidence": row["evidence"] | {line: 20}}}
    touched = [finding for finding in findings() if "few-small-points lower" in finding[2]]
    assert len(touched) >= 2
    for words, _, holds, _ in touched:
        with pytest.raises(InputError, match="and now it is 20"):
            check(words, holds, better)


@pytest.mark.parametrize(
    ("words", "holds", "message"),
    [
        ("eq-99: open", "", "not of the form claim: word"),
        ("eq-7: true", "", "not of the form claim: word"),
        ("eq-7: weaker-than-claimed", "figure-1 both > 5", "of a claim whose word is named"),
        ("eq-7: weaker-than-claimed", "eq-7 ahead ~ 5", "not of the form claim name < number"),
    ],
)
def test_conditions_that_say_nothing_are_refused(words, holds, message):
    with pytest.raises(InputError, match=message):
        check(words, holds, ROWS)
