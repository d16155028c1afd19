"""The rules: each comes out as each of its words, on made-up evidence, with a sentence about that evidence."""

import math
import re
import sys

import polars as pl
import pytest

from srlaw import paper
from srlaw.claims import CLAIMS, VERDICTS, ledger, verdict
from srlaw.rules import RULES, data_scale, datasets, extrapolation, volume
from srlaw.rules.cases import BASE, CASES, STRONG, WEAK
from srlaw.rules.flip import flip, narrowed

# Names that hold digits but state no result: the paper's numbering, metrics, data sets, constants of formulas.
NAMES = re.compile(
    r"Section \d\.\d|Z (?:≤|>) 1|above 1 |below 1|sides of 1|instance 2 at"
    r"|Eqs?\. \(\d+\)|\(\d+\)(?:–\(\d+\))?|Tables? \d|\w+@\d+|MovieLens-\d+[MK]|s_max \d+|√ln 2|D_?\w?′|w\d|p_xy|N·d²"
    r"|R²|log Z \+ 1/Z|\+ 1/l − 1|c < |1 < Loss|Z > 0|Z ≤ U ≤ 1|1/ApEn|with one p |both in |h ≥ "
)


def identity(case):
    return f"{case[0]}-{case[1]}-{'-'.join(case[2])}" if isinstance(case, tuple) else None


def evidence_of(claim, changes):
    assert set(changes) <= set(BASE[claim])
    return BASE[claim] | changes


def numbers_of(values):
    """All numbers in the values: themselves, the parts of tuples, digits in words."""
    numbers = []
    for value in values:
        parts = value if isinstance(value, tuple) else (value,)
        numbers += [float(part) for part in parts if isinstance(part, int | float)]
        numbers += [
            float(digits)
            for part in parts
            if isinstance(part, str)
            for digits in re.findall(r"[+-]?\d+(?:\.\d+)?", part)
        ]
    return numbers


def constants_of(rule):
    """The named constants of the module in which the rule stands."""
    return numbers_of(value for name, value in vars(sys.modules[rule.judge.__module__]).items() if name.isupper())


def unknown(sentence, numbers):
    """Numbers in the sentence, and those of them that are no rounding of a known one."""
    tokens = re.findall(r"[+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?%?", NAMES.sub(" ", sentence))

    def known(token):
        share, text = token.endswith("%"), token.rstrip("%").replace(",", "").replace("−", "-")
        digits, _, power = text.partition("e")
        unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2])) / (100 if share else 1)
        stated = float(text) / (100 if share else 1)
        return any(abs(stated - number) <= 0.501 * unit for number in numbers)

    return tokens, [token for token in tokens if not known(token)]


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_made_up_evidence_drives_a_rule_to_each_word(case):
    claim, word, changes = case
    evidence = evidence_of(claim, changes)
    before = dict(evidence)
    assert RULES[claim].judge(evidence)[0] == word
    assert evidence == before
    assert verdict(claim, evidence).verdict == word


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_the_sentence_is_whole_and_speaks_of_this_evidence(case):
    claim, _, changes = case
    evidence = evidence_of(claim, changes)
    sentence = RULES[claim].judge(evidence)[1]
    numbers = numbers_of(evidence.values())
    assert unknown(sentence, numbers + constants_of(RULES[claim]))[1] == []
    tokens, constants = unknown(sentence, numbers)
    assert len(constants) < len(tokens), "no number of the evidence in the sentence"
    assert re.match(r"[A-Z(“].{40,}\.$", sentence), sentence
    assert not re.search(r"[{}]|None|  |\.\.|nan", sentence), sentence


def test_numbers_that_are_not_in_the_evidence_are_found():
    assert unknown("In 14 of 20 panels, 3.8 and 71%.", [20.0, 3.76, 0.713]) == (["14", "20", "3.8", "71%"], ["14"])


@pytest.mark.parametrize("claim", RULES)
def test_every_outcome_of_a_rule_is_reached(claim):
    rule = RULES[claim]
    assert set(rule.would_change) == {word for name, word, _ in CASES if name == claim}
    assert len(rule.would_change) >= 2
    assert re.match(r"[A-Z].{40,160}\.$", rule.decides)
    assert set(rule.would_change) <= set(VERDICTS)
    assert all(re.match(r"[A-Z].*\.$", text) for text in rule.would_change.values())


def test_every_judged_claim_has_a_rule_and_every_rule_a_claim_that_is_judged():
    judged = {row["id"]: row["verdict"] for row in ledger() if row["chapter"]}
    assert set(judged) == set(RULES)
    assert {claim: word for claim, word in judged.items() if word not in RULES[claim].would_change} == {}
    assert set(RULES) <= {claim.id for claim in CLAIMS}
    assert all(rule.claim == claim for claim, rule in RULES.items())


def test_the_stored_cards_are_those_of_the_rules():
    """A rule that was edited without running its chapter again leaves an old text on the page."""
    for row in ledger():
        if row["chapter"]:
            assert row["would_change"] == RULES[row["id"]].would_change[row["verdict"]]
            assert len(row["evidence"]) == len(RULES[row["id"]].shows)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"routes": 1e-3}, ["two routes to the volume"]),
        ({"least": 1.0001}, ["min log Z + 1/Z is 1"]),
        ({"between": False}, ["(23) for d separate patterns"]),
    ],
)
def test_parts_of_the_ball(change, wrong):
    right = {"routes": 1e-12, "least": 1.0, "between": True}
    parts = volume.parts_of_the_ball(**right | change)
    assert [name for name, ok in parts.items() if not ok] == wrong


@pytest.mark.parametrize("reading", data_scale.FITTED)
def test_no_reading_of_figure_4_contradicts_alone(reading):
    one_weak = STRONG | {reading: WEAK[reading], "r2_least": 0.94}
    assert RULES["figure-4"].judge(BASE["figure-4"] | one_weak)[0] == "weaker-than-claimed"
    one_strong = WEAK | {reading: STRONG[reading]}
    assert RULES["figure-4"].judge(BASE["figure-4"] | one_strong)[0] == "weaker-than-claimed"


def test_printed_numbers_in_the_rules_are_the_papers():
    amazon = paper.table(2).filter(dataset="amazon-books", s_max=50)
    assert amazon["apen"].item() == datasets.AMAZON_APEN
    assert paper.equation(2)[1]["E"] == data_scale.PRINTED_E


def test_a_correlation_is_strong_only_whichever_data_set_is_left_out():
    strength = data_scale.strength
    assert [strength(r) for r in ((0.97, 0.96, 0.99), (0.97, 0.94, 0.99), (0.94, 0.91, 0.96), (0.94, 0.91, 0.945))] == [
        "strong", "depends", "depends", "weak",
    ]  # fmt: skip


def panels(law, data_sets, lower, near, worse):
    """Two panels a data set; in the first of each the flags are true where given."""
    rows = [{"law": law, "dataset": d, "k": 9} for d in data_sets for _ in range(2)]
    flags = {"lower": lower, "near": near, "worse": worse}
    return pl.DataFrame(rows).with_columns(pl.col("dataset").is_in(list(flags[c])).alias(c) for c in flags)


def test_a_law_helps_or_misleads_by_the_majority_of_a_data_sets_panels():
    rows = panels("a", ["x", "y"], lower="xy", near="x", worse="y")
    assert extrapolation.by_data_set(rows, "a").rows() == [("x", True, False), ("y", False, True)]
    assert not extrapolation.helps_everywhere(rows, ["a"])
    assert extrapolation.misleads_somewhere(rows, ["a"])
    other = panels("b", ["x", "y"], lower="xy", near="xy", worse="")
    both = pl.concat([rows, other])
    assert extrapolation.helps_everywhere(both, ["a", "b"])
    assert not extrapolation.misleads_somewhere(both, ["a", "b"])
    half = pl.concat([rows.head(1), rows.head(1).with_columns(lower=False)])
    assert not extrapolation.helps_everywhere(half, ["a"])


def test_without_a_reading_of_the_law_nothing_helps_and_nothing_misleads():
    rows = panels("a", ["x"], lower="x", near="x", worse="x")
    paired = pl.DataFrame({"law": ["a", "a"], "data_sets": [4, 4], "of": [4, 4]})
    assert not extrapolation.ranks_everywhere(lost(x=(0.1, 0.2, 0.3)), [])
    assert not extrapolation.helps_everywhere(rows, [])
    assert not extrapolation.misleads_somewhere(rows, [])
    assert not extrapolation.ahead_everywhere(paired, [])
    assert extrapolation.ahead_everywhere(paired, ["a"])
    assert not extrapolation.ahead_everywhere(paired.with_columns(data_sets=pl.Series([4, 3])), ["a"])


def lost(**by_data_set):
    """Losses of a choice among new models: of the law's, of a random one, of the largest, by data set."""
    names = ("new", "new_random", "new_largest")
    values = dict(zip(names, zip(*by_data_set.values(), strict=True), strict=True))
    return pl.DataFrame({"dataset": list(by_data_set), **values}).with_columns(law=pl.lit("a"), sigma=0.1)


def test_a_choice_must_beat_a_random_one_and_the_largest_in_every_data_set():
    assert extrapolation.ranks_everywhere(lost(x=(0.1, 0.2, 0.3), y=(0.0, 0.4, 0.1)), ["a"])
    assert not extrapolation.ranks_everywhere(lost(x=(0.1, 0.2, 0.3), y=(0.2, 0.4, 0.1)), ["a"])
    assert not extrapolation.ranks_everywhere(lost(x=(0.3, 0.2, 0.4), y=(0.0, 0.4, 0.1)), ["a"])


def test_failures_that_noise_alone_would_make_leave_it_open():
    failing = {"least_helps": False, "half_helps": True, "size_fails": True, "sturdy_fails": True, "depth_fails": True}
    assert extrapolation.word(failing) == "contradicted"
    assert extrapolation.word(failing | {"true_most": extrapolation.ALARM}) == "contradicted"
    assert extrapolation.word(failing | {"true_most": extrapolation.ALARM + 0.01}) == "open"


def test_the_limit_of_a_share_is_the_exact_one():
    assert extrapolation.at_most(0, 100) == pytest.approx(1 - 0.05**0.01)  # no alarm in 100: (1 - p)^100 = 0.05
    high = extrapolation.at_most(3, 40)
    assert sum(math.comb(40, i) * high**i * (1 - high) ** (40 - i) for i in range(4)) == pytest.approx(0.05)


@pytest.mark.parametrize(("claim", "word"), sorted({(claim, word) for claim, word, _ in CASES}))
def test_a_flip_takes_a_claim_from_its_word_to_another(claim, word):
    other, changes = flip(claim, word)
    assert other in RULES[claim].would_change
    assert other != word
    assert changes
    assert all(before != after for _, before, after in changes)
    assert not re.search(r"[{}]", "".join(line for line, _, _ in changes))


def test_a_threshold_lies_between_the_two_values_of_a_flip():
    assert narrowed(lambda x: x >= 7, 20, 0) == (7, 6)
    yes, no = narrowed(lambda x: x < 0.05, 0.01, 0.9)
    assert yes < 0.05 <= no < 0.0502
    assert flip("dataset-scales", "contradicted")[1][0][1:] == (4, 5)  # of nine cases, at most half
