"""Sentences about verdicts whose numbers are those of the stored cards: the front page and the errata are made of them.

A card stores its evidence line by line. The rule of its claim knows which short name each line has, so that a text may
say ``{both} of {grids}`` and never holds a number itself.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from srlaw.claims import WORDS, shown
from srlaw.errors import InputError
from srlaw.rules import RULES

_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


def named(row: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence of a judged claim by the short names of its rule.

    Args:
        row: one of `srlaw.claims.ledger`.

    Returns:
        Short name → value as stored. What stands only in the words of a line, like the 20 of "of 20", is text.

    Raises:
        InputError: a claim that no chapter has judged, or a card that an older rule made.
    """
    if row["chapter"] is None:
        raise InputError(f"no chapter has judged {row['id']}, so it has no evidence yet")
    templates = RULES[row["id"]].shows
    if len(templates) != len(row["evidence"]):
        raise InputError(
            f"the stored card of {row['id']} is not of its rule as it is now; execute {row['chapter']} again"
        )
    values: dict[str, Any] = {}
    for template, line in zip(templates.values(), row["evidence"], strict=True):
        parts = list(Formatter().parse(template))
        pattern = "".join(re.escape(text) + ("(.+?)" if name else "") for text, name, *_ in parts)
        match = re.fullmatch(pattern, line)
        if match is None:
            raise InputError(f"the stored card of {row['id']} has the line {line!r}, its rule {template!r}")
        values |= dict(zip([name for _, name, *_ in parts if name], match.groups(), strict=True))
    return values | dict(zip(templates, row["evidence"].values(), strict=True))


class _Reading(Formatter):
    """Numbers without a format are shown as on a card; a list of numbers in a text keeps its form."""

    def get_value(self, key, args, kwargs):
        if key not in kwargs:
            raise InputError(f"there is no evidence {key!r}; there is {', '.join(kwargs)}")
        return kwargs[str(key)]

    def format_field(self, value, format_spec):
        if not format_spec and isinstance(value, (bool, int, float)):
            return shown(value)
        try:
            return format(value, format_spec)
        except ValueError as error:
            raise InputError(f"{value!r} cannot be written as {format_spec!r}") from error


def fill(text: str, values: Mapping[str, Any]) -> str:
    """The text with each ``{name}`` or ``{name:format}`` replaced by that value.

    Raises:
        InputError: a name that is not there.
    """
    return _Reading().vformat(text, (), dict(values))


def check(words: str, holds: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Refuse a text whose verdicts, or whose conditions, are no longer those that it was written for.

    Args:
        words: ``claim: word; claim: word``.
        holds: ``claim name < number; …`` with <, <=, >, >= or ==; may be empty.
        rows: `srlaw.claims.ledger` by id.

    Returns:
        The claims named in `words`, in order.

    Raises:
        InputError: what is no longer so.
    """
    claims = []
    for part in filter(None, map(str.strip, words.split(";"))):
        claim, _, word = (piece.strip() for piece in part.partition(":"))
        if claim not in rows or word not in WORDS:
            raise InputError(f"{part!r} is not of the form claim: word; the words are {', '.join(WORDS)}")
        if rows[claim]["verdict"] != word:
            now = rows[claim]["verdict"]
            raise InputError(f"this text was written for {claim} {word}, and the card says {now}; write it anew")
        claims.append(claim)
    for part in filter(None, map(str.strip, holds.split(";"))):
        match = re.fullmatch(r"(\S+) (\S+) (<=|>=|==|<|>) (-?[\d.]+)", part)
        if not match or match[1] not in claims:
            raise InputError(f"{part!r} is not of the form claim name < number, of a claim whose word is named")
        value = named(rows[match[1]])[match[2]]
        if not _SIGNS[match[3]](float(value), float(match[4])):
            raise InputError(f"this text was written for {part}, and now it is {shown(value)}; write it anew")
    return claims
