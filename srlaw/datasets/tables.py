"""Reading the needed columns of CSV, TSV and Parquet files, untouched, with a way back to file and line."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from srlaw.datasets import places
from srlaw.errors import InputError, quoted

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".inter": "\t", ".parquet": None, ".pq": None}
Result = TypeVar("Result")
FORMATS = ".csv, .tsv, .inter or .txt (each also with .gz behind it) or .parquet"


@dataclass(frozen=True)
class Table:
    """One file: where it lies, its field separator (None: Parquet), its column names if it has no header."""

    path: Path
    separator: str | None = ","
    names: tuple[str, ...] | None = None

    def scan(self) -> pl.LazyFrame:
        """All columns, lazily; those of text files as strings, so that nothing is guessed."""
        if self.separator is None:
            return pl.scan_parquet(self.path, glob=False)
        header = {"has_header": self.names is None, "new_columns": self.names and list(self.names)}
        return pl.scan_csv(self.path, separator=self.separator, infer_schema=False, glob=False, **header)

    def place(self, row: int) -> str:
        """For an error: file and line (text) or row (Parquet) of data row `row`, counted from 0."""
        if self.separator is None:
            return f"{self.path.name}, row {row + 1}"
        return f"{self.path.name}, line {places.line_of(self.path, self.separator, self.names is None, row)}"


def unpacked(path: Path) -> Path:
    """A file's name without the ``.gz`` behind it. Whether it is compressed its content tells, not its name."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name)


def kind_of(path: Path) -> str:
    """The end of a file's name that tells its format, in lower case, without ``.gz``."""
    return unpacked(path).suffix.lower()


def table_at(path: Path, separator: str | None = None) -> Table:
    """A user's own file; its format goes by the end of its name, unless the separator of a text file is given."""
    kind = kind_of(path)
    if separator is None:
        if kind not in _SEPARATORS:
            raise InputError(
                f"{quoted(path.name)}: the name of a log must end in {FORMATS}; for another text file with a header "
                "line, pass separator=… (--separator …)"
            )
        return Table(path, _SEPARATORS[kind])
    character = "\t" if separator == "\\t" else separator
    if len(character) != 1 or not character.isascii() or character.isalnum() or character in '"\r\n\0':
        raise InputError(f"separator is {quoted(separator)}; it must be one character, such as ';' or '\\t'")
    if kind in _SEPARATORS and _SEPARATORS[kind] is None:
        raise InputError(f"{quoted(path.name)} is a Parquet file, which has no separator; leave that out")
    return Table(path, character)


def column_names(table: Table) -> list[str]:
    """The column names of a file, as they stand there; a name may stand twice.

    Raises:
        InputError: if the file is empty or is not what its name says.
    """
    names = _run(table, lambda: table.scan().collect_schema().names())
    if table.separator is None:
        return names
    header = (record.fields for record in places.records(table.path, table.separator) if record.fields)
    return _run(table, lambda: next(header, names))  # polars renames the second of two columns of one name


def read(table: Table, columns: Sequence[str]) -> pl.DataFrame:
    """The named columns, one row per event in file order, blank lines left out.

    Raises:
        InputError: if the file is damaged, malformed (with the line) or has no rows.
    """
    frame = _run(table, lambda: table.scan().select(columns).collect(engine="streaming"))
    frame = _without_blank_lines(table, frame)
    if frame.is_empty():
        raise InputError(f"{table.path.name} has no rows; it needs one row per event")
    return frame


def _without_blank_lines(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    if table.separator is None:
        return frame
    empty = frame.select(pl.all_horizontal(pl.all().is_null()))[:, 0]
    if not empty.any():
        return frame
    blank = places.blank_rows(table.path, table.separator, table.names is None)
    index = pl.int_range(frame.height, eager=True)
    return frame.filter(~index.is_in(pl.Series(blank, dtype=pl.Int64)))


def _run(table: Table, query: Callable[[], Result]) -> Result:
    """Run a polars query; what goes wrong in it becomes one sentence about the file."""
    name = table.path.name
    try:
        return query()
    except pl.exceptions.NoDataError:
        raise InputError(f"{name} is empty; it needs a header line and one line per event") from None
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    damaged = InputError(f"{name} cannot be read, it may be cut off or damaged; fetch it again ({reason})")
    if table.separator is None:
        raise damaged
    try:
        raise InputError(places.malformed(table.path, table.separator))
    except (OSError, EOFError, zlib.error):
        raise damaged from None
