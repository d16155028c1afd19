"""Histories in plain text without times: ``user item item …``, one a line, or ``user item``, one event a line."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
import polars as pl

from srlaw.datasets.columns import GUESSES
from srlaw.datasets.log import Log, encode
from srlaw.datasets.values import Column, ids
from srlaw.errors import InputError, quoted
from srlaw.files import open_text

LAYOUT = "'user item item …', one history a line, oldest event first, or 'user item', one event a line in order of time"


def read_histories(path: Path) -> Log:
    """The events of a text file, fields separated by white space, as S3-Rec and SASRec publish them.

    If every line has two fields, each is an event, and a user may stand on many lines. Otherwise each line is the
    whole history of a user, who stands on one line. (Where every line has two fields and every user one line,
    the two say the same.)

    Raises:
        InputError: for a file that is neither, with the line.
    """
    lines = _lines(path)
    name = path.name
    if not lines:
        raise InputError(f"{name} is empty; it must hold {LAYOUT}")
    _refuse_tables(name, lines[0][1])
    if any(len(fields) != 2 for _, fields in lines):
        _refuse_other_than_histories(name, lines)
    users = pl.Series("user", [fields[0] for _, fields in lines for _ in fields[1:]], pl.String)
    items = pl.Series("item", [item for _, fields in lines for item in fields[1:]], pl.String)
    numbers = np.repeat([number for number, _ in lines], [len(fields) - 1 for _, fields in lines])

    def place(row: int) -> str:
        return f"{name}, line {numbers[row]}"

    user_codes, user_ids = encode(ids(Column(users, place)))
    item_codes, catalogue = encode(ids(Column(items, place)))
    return Log(user_codes, item_codes, user_ids, catalogue, None, None, place)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line number, from 1, and fields of every line that is not blank."""
    try:
        with open_text(path, encoding="utf-8-sig") as file:
            numbered = enumerate(map(str.split, file), start=1)
            return [(number, fields) for number, fields in numbered if fields]
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text; it must hold {LAYOUT}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be read, it may be cut off or damaged; fetch it again ({error})"
        ) from None


def _refuse_tables(name: str, first: list[str]) -> None:
    """A header line names a user and an item: then the file is a table, whatever the end of its name says."""
    words = {re.sub(r"[\W_]+", "", word).casefold() for word in re.split(r"[\s,;|]+|:token", " ".join(first))}
    if words & {*GUESSES["user"]} and words & {*GUESSES["item"]}:
        raise InputError(
            f"{name}, line 1 is a header, so the file is a table: say what separates its fields with separator=… "
            "(--separator …)"
        )


def _refuse_other_than_histories(name: str, lines: list[tuple[int, list[str]]]) -> None:
    seen: dict[str, int] = {}
    for number, (user, *history) in lines:
        if not history:
            raise InputError(f"{name}, line {number}: {quoted(user)} stands alone; a line must be {LAYOUT}")
        if user in seen:
            raise InputError(
                f"{name}, line {number}: user {quoted(user)} stood on line {seen[user]} already; {LAYOUT}: for lines "
                "with times or ratings, add a header line and pass separator=… (--separator …)"
            )
        seen[user] = number
