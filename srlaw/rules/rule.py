"""What a rule is: it turns the evidence on one claim into a word and a sentence, and says what the card shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from srlaw.errors import InputError

Evidence = Mapping[
    str, Any
]  # short name → number, word, boolean, tuple of counts, or None where `Rule.missing` has words
Judgement = tuple[str, str]  # one of the rule's outcomes, and the sentence that ties the evidence to it


@dataclass(frozen=True)
class Rule:
    """The rule of one claim.

    `decides` says in one sentence how it comes to its words, for readers of the book.
    `judge` reads nothing but its evidence. `shows` gives each piece of evidence its line on the card, in the card's
    order; a line may hold other evidence in braces, as in ``"panels that agree, of {panels}"``. `missing` has the
    words that the card shows for evidence that is None. `would_change` has one text for each word that `judge` can
    return, so its keys are the rule's outcomes.
    """

    claim: str
    decides: str
    judge: Callable[[Evidence], Judgement]
    shows: Mapping[str, str]
    would_change: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)

    def card(self, evidence: Evidence) -> dict[str, Any]:
        """Line → value, as the card shows them.

        Raises:
            InputError: if evidence is missing, or more is given than the rule asks for.
        """
        asked = set(self.shows).union(*map(_fields, self.shows.values()))
        if wrong := sorted(asked.symmetric_difference(evidence)):
            raise InputError(f"the rule of {self.claim} asks for other evidence; compare {', '.join(wrong)}")
        values = {name: self.missing.get(name) if value is None else value for name, value in evidence.items()}
        lines = [line.format(**evidence) for line in self.shows.values()]
        if twice := {line for line in lines if lines.count(line) > 1}:
            raise InputError(f"the rule of {self.claim} shows two values as {min(twice)!r}; word its lines apart")
        return {line: values[name] for line, name in zip(lines, self.shows, strict=True)}


def rule(
    claim: str,
    *,
    decides: str,
    shows: dict[str, str],
    would_change: dict[str, str],
    missing: dict[str, str] | None = None,
) -> Callable[[Callable[[Evidence], Judgement]], Rule]:
    """Make a function from evidence to (word, sentence) the rule of a claim."""
    return lambda judge: Rule(claim, decides, judge, shows, would_change, missing or {})


def _fields(line: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(line) if name}
