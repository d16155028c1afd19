"""Finding the line of a text file that an error is about.

The fast reader does not keep line numbers, so these walk the file again with the standard library's reader:
slow, and only ever done on the way to an error (or to tell a blank line from a line of empty fields).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from srlaw.files import open_text

csv.field_size_limit(2**31 - 1)  # a cell may be longer than the 128 KiB that the reader allows by default


class Record(NamedTuple):
    """One record of a text file: the line it starts on, counted from 1, and its fields."""

    line: int
    fields: list[str]


def records(path: Path, separator: str, strict: bool = False) -> Iterator[Record]:
    """All records, header and blank lines (no fields) included; bytes that are not UTF-8 are escaped."""
    with open_text(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=strict)
        line = 1
        for fields in reader:
            yield Record(line, fields)
            line = reader.line_num + 1


def line_of(path: Path, separator: str, header: bool, row: int) -> int:
    """The line where data row `row` (from 0, blank lines not counted) starts."""
    filled = (record for record in records(path, separator) if record.fields)
    return next(islice(filled, row + header, None)).line


def blank_rows(path: Path, separator: str, header: bool) -> list[int]:
    """Data rows (from 0, blank lines counted, those above the header not) that are blank lines."""
    fields = (record.fields for record in records(path, separator))
    first = next(found for found in fields if found)
    below = fields if header else _prepend(first, fields)
    return [row for row, found in enumerate(below) if not found]


def malformed(path: Path, separator: str) -> str:
    """Why a text file cannot be read as a table, with the line."""
    width, line = 0, 0
    try:
        for line, fields in records(path, separator, strict=True):
            width = width or len(fields)
            if any(not field.isascii() and _escaped(field) for field in fields):
                return f"{path.name}, line {line}: not UTF-8 text; save the file as UTF-8"
            if len(fields) > width:
                return (
                    f"{path.name}, line {line}: {len(fields)} fields where the first line has {width}; "
                    "put quotes around a field that contains the separator"
                )
    except csv.Error:
        return f"{path.name}, after line {line}: a quote that is never closed; close it or remove it"
    return f"{path.name} has {width} fields a line, separated by {separator!r}, which is not the expected layout"


def _escaped(field: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in field)


def _prepend(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest
