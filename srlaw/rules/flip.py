"""The change of made-up evidence that takes a claim from its word to another, for the page on method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srlaw.rules import RULES
from srlaw.rules.cases import BASE, CASES

NARROW = 1e-3
HALVINGS = 40
"""How near two numbers are brought to the value between them at which the word changes, as a share of the greater; and
how often at most, as some words hang on whether a number is exactly zero."""


def flip(claim: str, word: str) -> tuple[str, list[tuple[str, Any, Any]]]:
    """The least change of made-up evidence, among the cases, that takes a claim from one word to another.

    Where it is a change of a single number, both values are brought so near that the threshold lies between them.

    Returns:
        the other word, and for each piece of evidence that changes its line on the card, its value before and after.
    """
    rule = RULES[claim]
    known = [(said, BASE[claim] | changes) for name, said, changes in CASES if name == claim]
    pairs = [(a, b) for said, a in known if said == word for other, b in known if other != word]
    before, after = min(pairs, key=lambda pair: len(different(*pair)))
    names = different(before, after)
    if len(names) == 1 and all(type(side[names[0]]) in (int, float) for side in (before, after)):
        name = names[0]
        ends = narrowed(lambda x: rule.judge(before | {name: x})[0] == word, before[name], after[name])
        before, after = ({**before, name: x} for x in ends)
    lines = {name: rule.shows.get(name, name) for name in names}
    return rule.judge(after)[0], [(lines[n].format(**before), before[n], after[n]) for n in names]


def different(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    return [name for name in a if a[name] != b[name]]


def narrowed(holds: Callable[[float], bool], yes: float, no: float) -> tuple[float, float]:
    """The last value at which it holds and the first at which not, by halving; whole numbers stay whole."""
    whole = isinstance(yes, int) and isinstance(no, int)
    for _ in range(HALVINGS):
        if abs(yes - no) <= (1 if whole else NARROW * max(abs(yes), abs(no))):
            break
        middle = (yes + no) // 2 if whole else (yes + no) / 2
        yes, no = (middle, no) if holds(middle) else (yes, middle)
    return yes, no
