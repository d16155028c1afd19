"""One table of runs: our sweeps' ``rows.csv`` or a reader's CSV, typed, failed rows out, seeds as repeats.

For example:

    runs = read_runs("rows.csv", x=["n_layers", "d_emb"], y=["hr10"], by=["model"])
    for group, part in runs.groups():
        part.x["n_layers"], part.y["hr10"], part.errors["hr10"], part.counts

Labels (`by`), arguments (`x`) and responses (`y`) are three frames, so one column may be several of them, and no name
can hide another. A row whose column ``status`` is not ``finished`` is a failed run: dropped, and counted. Where there
is a column ``seed``, runs that agree in `by` and `x` are repeats of one configuration, unless `repeats` is ``"each"``.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from srlaw.errors import InputError, listed, quoted
from srlaw.files import readable_file

LARGEST = 1e100  # of a number: larger ones overflow when squared
UNITS = "numbers beyond 1e100 overflow when squared, so give the column in other units"
WANTED = "a table of runs, one a row, as UTF-8 text separated by commas"
REPEATS = ("mean", "weights", "each")
SETTINGS = (
    "dataset", "data", "model", "n_layers", "d_emb", "s_max", "n_items", "n_heads", "dropout", "use_ratings", "bias",
    "attention", "gate", "objective", "max_epochs", "batch_events", "learning_rate", "weight_decay",
    "warmup", "clip", "negatives", "log_correction", "patience", "fraction", "test_fraction", "judged_on",
    "order", "precision", "devices",
)  # fmt: skip
"""Columns of a sweep's rows, besides the seed, that tell one configuration from another."""
BLANK = {"judged_on": "test", "order": "recorded", "fraction": 1.0, "test_fraction": 1.0}
"""Those that rows did not have from the start, and what was done then: what a blank means."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs that can be used, in order of appearance: one row a run, or a configuration with its repeats averaged.

    Attributes:
        labels: the columns of `by`; numbers only where every label of a column is written as a plain number.
        x, y: Float64, a column an argument and a response.
        errors: standard error of each mean in `y` over its repeats; null for a single run.
        counts: runs behind each row, ``(n,)``. weights: the counts where a fit should weight by them, else None.
        repeated: whether repeats were averaged. failed: the rows dropped, as they came.
    """

    labels: pl.DataFrame
    x: pl.DataFrame
    y: pl.DataFrame
    errors: pl.DataFrame
    counts: np.ndarray
    weights: np.ndarray | None
    repeated: bool
    failed: pl.DataFrame

    @property
    def frame(self) -> pl.DataFrame:
        """Everything in one frame: labels, x, y, ``NAME_se`` of each response, ``runs``.

        Raises:
            InputError: if a column would be there twice.
        """
        errors = self.errors.rename({name: f"{name}_se" for name in self.errors.columns})
        parts = [self.labels, self.x, self.y, errors, pl.DataFrame({"runs": self.counts})]
        names = [name for part in parts for name in part.columns]
        _refuse_twice(names, "the frame of these runs")
        return pl.concat([part for part in parts if part.width], how="horizontal")

    def groups(self) -> Iterator[tuple[dict[str, object], Runs]]:
        """(labels by column, the runs that have them), in order of appearance; one group without `by`."""
        if not self.labels.width:
            yield {}, self
            return
        rows = self.labels.with_row_index("row_" + "".join(self.labels.columns))
        index = rows.columns[0]
        for key, part in rows.group_by(self.labels.columns, maintain_order=True):
            own = dict(zip(self.labels.columns, key, strict=True))
            yield own, self._take(part[index].to_numpy(), own)

    def _take(self, rows: np.ndarray, group: dict) -> Runs:
        same = [pl.col(name).eq_missing(pl.lit(value)) for name, value in group.items()]
        frames = [frame[rows] if frame.width else frame for frame in (self.labels, self.x, self.y, self.errors)]
        weights = None if self.weights is None else self.weights[rows]
        failed = self.failed.filter(same)
        return Runs(*frames, counts=self.counts[rows], weights=weights, repeated=self.repeated, failed=failed)


def read_runs(
    table: str | Path | pl.DataFrame,
    x: Mapping[str, str] | Sequence[str],
    y: Mapping[str, str] | Sequence[str],
    by: Sequence[str] = (),
    repeats: str = "mean",
    positive: Collection[str] = (),
) -> Runs:
    """The runs of a table. A CSV file may have blank lines, CRLF and a byte order mark.

    Args:
        table: the path of a CSV file with a header, or a frame.
        x: arguments of a law, those that make a configuration; y: responses. Columns, or name → column.
        by: columns whose labels make groups; labels stay as written (``007``, ``7`` and ``1e3`` are three).
        repeats: of one configuration, told by a column ``seed`` that is none of `x`, `y` and `by`: ``"mean"``, one
            point a configuration, each counts once; ``"weights"``, the same with the number of runs as weight;
            ``"each"``, every run a point. Without such a column every row is a point.
        positive: names of `x` whose numbers must be above 0.

    Raises:
        InputError: a file that is no table, a column that is absent or there twice, a cell that is not a finite
            number (with file, line and column), no finished run, or runs that are averaged as repeats and differ in
            more than their seed.
    """
    if repeats not in REPEATS:
        raise InputError(f"repeats is {repeats!r}; it must be one of {', '.join(REPEATS)}")
    source = _Source.of(table)
    x, y = (dict(names) if isinstance(names, Mapping) else {name: name for name in names} for names in (x, y))
    _refuse_twice(by, "by")
    for name in [*x.values(), *y.values(), *by]:
        source.require(name)
    source, dropped = source.finished()
    labels = pl.DataFrame([_label(source.frame[name]) for name in by])
    failed = dropped.with_columns(_label(dropped[name], labels[name].dtype) for name in by)
    arguments = pl.DataFrame([source.numbers(column, name, name in positive) for name, column in x.items()])
    responses = pl.DataFrame([source.numbers(column, name) for name, column in y.items()])
    height = source.frame.height
    errors = pl.DataFrame({name: [None] * height for name in y}, dict.fromkeys(y, pl.Float64))
    runs = Runs(labels, arguments, responses, errors, np.ones(height, int), None, False, failed)
    if repeats == "each" or "seed" not in source.frame.columns or "seed" in {*x.values(), *y.values(), *by}:
        return runs
    cells = _cells(labels, arguments, height)
    _refuse_mixtures(source, cells, {*x.values(), *by})
    return _averaged(runs, cells, repeats)


def finished_rows(table: str | Path | pl.DataFrame, text: Collection[str] = ()) -> tuple[list[dict[str, Any]], int]:
    """The finished runs of a table with all their columns, a mapping a run, and how many others were left out.

    For what goes on with the runs themselves, as a sweep does; what fits them takes `read_runs`. Cells of a CSV file
    become whole numbers, numbers, or true and false where all of a column are, unless it is one of `text`.

    Raises:
        InputError: as `read_runs`, of the table as a whole.
    """
    source, dropped = _Source.of(table).finished()
    typed = [column if column.name in text else _typed(column) for column in source.frame.get_columns()]
    return pl.DataFrame(typed).to_dicts(), dropped.height


def filled(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with every blank of the columns of `BLANK` as what it means; their text as what it is."""
    there = [rows[name] for name in BLANK if name in rows.columns]
    return rows.with_columns(
        pl.lit(BLANK[cells.name]).alias(cells.name)
        if cells.dtype == pl.Null
        else _typed(cells).fill_null(BLANK[cells.name])
        for cells in there
    )


def _typed(cells: pl.Series) -> pl.Series:
    """A column of text as what all its cells are."""
    if cells.dtype == pl.String:
        if set(cells.drop_nulls()) <= {"true", "false"}:
            return cells == "true"
        for kind in (pl.Int64, pl.Float64):
            numbers = cells.cast(kind, strict=False)
            if numbers.null_count() == cells.null_count():
                return numbers
    return cells


def _averaged(runs: Runs, cells: np.ndarray, repeats: str) -> Runs:
    """One row a configuration: means of the responses with their standard errors."""
    first, counts = np.unique(cells, return_index=True)[1], np.bincount(cells)
    means, errors = {}, {}
    for column in runs.y.get_columns():
        values, name = column.to_numpy(), column.name
        means[name] = np.bincount(cells, values) / counts
        squares = np.bincount(cells, (values - means[name][cells]) ** 2)
        with np.errstate(invalid="ignore"):
            error = np.sqrt(squares / (counts - 1) / counts)
        errors[name] = pl.Series(error, nan_to_null=True)
    weights = counts.astype(float) if repeats == "weights" else None
    labels, x = (frame[first] if frame.width else frame for frame in (runs.labels, runs.x))
    return Runs(labels, x, pl.DataFrame(means), pl.DataFrame(errors), counts, weights, True, runs.failed)


def _cells(labels: pl.DataFrame, arguments: pl.DataFrame, height: int) -> np.ndarray:
    """The configuration of each row, numbered in order of appearance: ``(height,)``."""
    columns = [column.to_list() for column in (*labels.get_columns(), *arguments.get_columns())]
    numbers: dict[tuple, int] = {}
    return np.array([numbers.setdefault(row, len(numbers)) for row in zip(*columns, [()] * height, strict=True)])


def _refuse_mixtures(source: _Source, cells: np.ndarray, known: set[str]) -> None:
    """Runs of one configuration may differ in seed and outcome only."""
    rows = filled(source.frame).with_columns(pl.Series("cell of a run", cells))
    for name in (name for name in SETTINGS if name in rows.columns and name not in known):
        mixed = rows.group_by("cell of a run", maintain_order=True).agg(pl.col(name).unique(maintain_order=True))
        values = next((part for part in mixed[name] if len(part) > 1), None)
        if values is not None:
            raise InputError(
                f"{source.name}: runs that would be averaged as repeats differ in {quoted(name)} "
                f"({quoted(values[0])} and {quoted(values[1])}); group by it or keep one, or use repeats=each"
            )
    twice = rows.select("cell of a run", "seed").is_duplicated().to_numpy()
    if twice.any():
        row = int(twice.argmax())
        same = (cells == cells[row]) & (rows["seed"].eq_missing(rows["seed"][row : row + 1]).to_numpy())
        other = int(np.flatnonzero(same)[1])
        a, b = rows.row(row), rows.row(other)
        differ = [name for name, left, right in zip(rows.columns, a, b, strict=True) if left != right]
        raise InputError(
            f"{source.place(row)} and {source.place(other, short=True)}: two runs of one configuration and one seed, "
            + (f"which differ in {listed(differ, 5)}; " if differ else "which are the same; ")
            + "group by what differs, remove one, or use repeats=each"
        )


@dataclass(frozen=True)
class _Source:
    """A table as it came, text where it is from a file, and where each of its rows stands."""

    name: str
    frame: pl.DataFrame
    lines: list[int]
    unit: str

    @classmethod
    def of(cls, table: str | Path | pl.DataFrame) -> _Source:
        if isinstance(table, pl.DataFrame):
            source = cls("the table", table, list(range(1, table.height + 1)), "row")
        else:
            source = _read(Path(table))
        if not source.frame.height:
            raise InputError(f"{source.name} has no rows below its header; it needs one row a run")
        return source

    def place(self, row: int, short: bool = False) -> str:
        where = f"{self.unit} {self.lines[row]}"
        return where if short else f"{self.name}, {where}"

    def require(self, name: str) -> None:
        if name in self.frame.columns:
            return
        wrong = f"{self.name} has no column {quoted(name)}; its columns are {listed(self.frame.columns)}"
        (header, *more) = self.frame.columns
        other = next((sign for sign in ";\t|" if not more and sign in header), None)
        raise InputError(wrong if other is None else f"{wrong}: it seems to be separated by {other!r}; give {WANTED}")

    def finished(self) -> tuple[_Source, pl.DataFrame]:
        """The table without its failed runs, and those."""
        if "status" not in self.frame.columns:
            return self, self.frame.clear()
        good = self.frame["status"].cast(pl.String).eq_missing(pl.Series(["finished"]))
        if not good.any():
            raise InputError(
                f"{self.name} has no finished run: {self.place(0, short=True)} has the status "
                f"{quoted(self.frame['status'][0])}; every row whose column 'status' is not 'finished' is left out"
            )
        lines = [line for line, keep in zip(self.lines, good, strict=True) if keep]
        return _Source(self.name, self.frame.filter(good), lines, self.unit), self.frame.filter(~good)

    def numbers(self, column: str, name: str, positive: bool = False) -> pl.Series:
        """A column as finite floats called `name`."""
        raw = self.frame[column]
        text = raw.str.strip_chars() if raw.dtype == pl.String else raw
        try:
            values = text.cast(pl.Float64, strict=False).rename(name)
        except pl.exceptions.PolarsError:
            raise InputError(f"{self.name}: column {quoted(column)} holds {raw.dtype}, not numbers") from None
        good = values.is_not_null() & values.is_finite().fill_null(False)
        if not good.all():
            row = int((~good).arg_true()[0])
            empty = raw[row] is None or not str(raw[row]).strip()
            wrong = "empty" if empty else f"{quoted(raw[row])}, not a finite number"
            raise InputError(f"{self.place(row)}: column {quoted(column)} is {wrong}")
        size = np.abs(values.to_numpy())
        if size.max() > LARGEST:
            row = int(size.argmax())
            raise InputError(f"{self.place(row)}: column {quoted(column)} is {values[row]:g}; {UNITS}")
        if positive and (values <= 0).any():
            row = int((values <= 0).arg_true()[0])
            raise InputError(f"{self.place(row)}: column {quoted(column)} is {values[row]:g}, it must be above 0")
        return values


def _read(path: Path) -> _Source:
    """A CSV file as text; blank lines and columns without a name are left out."""
    readable_file(path, WANTED)
    rows, lines, begin = [], [], 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    rows.append(row)
                    lines.append(begin)
                begin = reader.line_num + 1
    except UnicodeDecodeError:
        raise InputError(f"{path.name} cannot be read as a CSV table: it is not UTF-8 text; give {WANTED}") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror or error}") from None
    except csv.Error as error:
        raise InputError(f"{path.name}, line {begin}: it cannot be read as a CSV table ({error})") from None
    if not rows:
        raise InputError(f"{path.name} cannot be read as a CSV table: it is empty; give {WANTED}")
    header = rows[0]
    _refuse_twice([name for name in header if name], path.name)
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
            raise InputError(f"{path.name}, line {line}: it has {len(row)} fields, and the header {len(header)}")
    columns = {name: [row[i] or None for row in rows[1:]] for i, name in enumerate(header) if name}
    return _Source(path.name, pl.DataFrame(columns, dict.fromkeys(columns, pl.String)), lines[1:], "line")


def _label(values: pl.Series, dtype: pl.DataType | None = None) -> pl.Series:
    """Labels: text becomes numbers only if each is written exactly as its number prints."""
    if dtype is not None:
        return values.cast(dtype, strict=False)
    if values.dtype == pl.String:
        for kind in (pl.Int64, pl.Float64):
            numbers = values.cast(kind, strict=False)
            same = numbers.cast(pl.String).eq_missing(values)
            if numbers.null_count() < len(values) and same.all() and (kind == pl.Int64 or numbers.is_finite().all()):
                return numbers
    return values


def _refuse_twice(names: Sequence[str], where: str) -> None:
    for name in names:
        if not name:
            raise InputError(f"{where} names a column without a name; leave it out or give the column's name")
        if list(names).count(name) > 1:
            raise InputError(f"{where} has two columns {quoted(name)}; each column needs a name of its own")


def curves_beside(rows: Path) -> Path:
    """``curves.csv`` for ``rows.csv``, ``NAME-curves.csv`` for ``NAME.csv``."""
    return rows.with_name("curves.csv" if rows.stem == "rows" else f"{rows.stem}-curves.csv")
