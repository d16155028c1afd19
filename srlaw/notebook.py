"""What a reader gives a notebook: names that it has, values of its types, or one sentence.

papermill writes the reader's values into a cell of its own behind the cell of defaults, and takes any name and
any value. A notebook calls `check_parameters` in its next cell, so the check holds however it is run. A page on a
reader's own log says nothing of the paper's data: `about_the_paper` leaves the cells out that do.
"""

from __future__ import annotations

import ast
import difflib
import re
import reprlib

from IPython.core.getipython import get_ipython

from srlaw import paper
from srlaw.errors import InputError

INJECTED = "# Parameters\n"  # how papermill begins the cell that it adds
RUN_NAME = re.compile(r"\w[\w .+-]{0,99}")
"""Names of the reader's runs, which become folders, addresses and titles: nothing in them can be markup."""
ABOUT = "# about the paper"
"""First line of a cell that speaks of the paper's tables or of data sets that are not the reader's."""
READING = {"user": "", "item": "", "time": "", "separator": "", "sort": False, "duplicates": "error"}
"""How to read a log: the settings of `srlaw.datasets.load` that a notebook's ``reading`` may hold."""


def check_parameters() -> None:
    """In a notebook: refuse parameters that it does not have, and give the others the types of their defaults.

    Raises:
        InputError: as `typed`.
    """
    shell = get_ipython()
    if shell is not None:
        shell.user_ns.update(typed(shell.user_ns["In"], shell.user_ns))


def about_the_paper(dataset: str) -> bool:
    """Whether a page on this data set speaks of the paper: with the synthetic data and those of the paper's tables.

    In a notebook, on any other log, every later cell whose first line is `ABOUT` does nothing and shows nothing.
    """
    about = dataset == "synthetic" or dataset in paper.table(2)["dataset"].to_list()
    shell = get_ipython()
    if shell is not None:
        steps = shell.input_transformers_cleanup
        steps[:] = [step for step in steps if step is not without_the_paper] + [without_the_paper] * (not about)
    return about


def without_the_paper(lines: list[str]) -> list[str]:
    """The lines of a cell; none if the first is `ABOUT`."""
    return [] if lines and lines[0].strip() == ABOUT else lines


def typed(cells: list[str], values: dict[str, object]) -> dict[str, object]:
    """The parameters that a reader gave, in the types of their defaults.

    Args:
        cells: sources of the cells executed so far. The last that papermill injected counts, and the last cell of
            plain ``name = literal`` lines before it holds the defaults.
        values: the notebook's names and values.

    Returns:
        Name → value; empty if papermill injected nothing. Lists may be given as lists, as text (``[50, 100]`` or
        ``50, 100``) or as a single value; a dictionary also as ``key=value, key=value``.

    Raises:
        InputError: a name that the cell of defaults does not have, or a value that is not of its default's type.
    """
    injected = max((i for i, cell in enumerate(cells) if cell.startswith(INJECTED)), default=0)
    if not injected:
        return {}
    defaults: dict[str, object] = next(filter(None, map(_literals, reversed(cells[:injected]))), {})
    given = _names(ast.parse(cells[injected]))
    for name in given:
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(defaults)}"
            if name in READING and "reading" in defaults:
                hint = f'give it as -p reading "{name}={values[name]}"'
            raise InputError(f"this notebook has no parameter {name!r}; {hint}")
    return {name: _value(name, values[name], defaults[name]) for name in given}


def _names(tree: ast.Module) -> list[str]:
    """Names that the lines ``name = …`` of a cell assign, in order."""
    assigned = [line.targets[0] for line in tree.body if isinstance(line, ast.Assign)]
    return [target.id for target in assigned if isinstance(target, ast.Name)]


def _literals(cell: str) -> dict[str, object]:
    """Name → value of a cell that consists of ``name = literal`` lines alone; else empty."""
    try:
        tree = ast.parse(cell)
        names = _names(tree)
        values = [ast.literal_eval(line.value) for line in tree.body if isinstance(line, ast.Assign)]
    except (SyntaxError, ValueError):
        return {}
    return dict(zip(names, values, strict=True)) if len(names) == len(tree.body) else {}


def _value(name: str, value: object, default: object) -> object:
    """`value` in the type of `default`; numbers keep the sign that the default has."""
    if isinstance(default, list):
        return _list(name, value, default)
    if isinstance(default, dict):
        return _reading(name, value)
    if default is None:
        return None if value is None or value == "" else _text(name, value)
    if isinstance(default, bool):
        return _switch(name, value)
    if isinstance(default, (int, float)):
        return _number(name, value, default)
    return _text(name, value)


def _list(name: str, value: object, default: list) -> list:
    """A list like `default`: of any length if its elements have one type, else element by element."""
    if isinstance(value, str):
        value = _literal(value)
    if isinstance(value, str):
        value = [_literal(part.strip()) for part in value.strip("[]()").split(",") if part.strip()]
    entries = list(value) if isinstance(value, (list, tuple)) else [value]
    if len({type(entry) for entry in default}) > 1:
        if len(entries) != len(default):
            raise InputError(f"parameter {name} takes {len(default)} values, like {default}, not {reprlib.repr(value)}")
        return [_value(name, entry, like) for entry, like in zip(entries, default, strict=True)]
    if default and not entries:
        raise InputError(f"parameter {name} is empty; give one value or more, like {default[:2]}")
    like = min(default, default="")  # the least number says whether zero is allowed
    return [_value(name, entry, like) for entry in entries]


def _number(name: str, value: object, default: float) -> float:
    value = _literal(value) if isinstance(value, str) else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**63:  # nor NaN
        raise InputError(f"parameter {name} is {reprlib.repr(value)}; it must be a number, like {default}")
    if isinstance(default, int) and value != int(value):
        raise InputError(f"parameter {name} is {reprlib.repr(value)}; it must be a whole number, like {default}")
    if value < 0 or (value == 0 and default > 0):
        raise InputError(
            f"parameter {name} is {reprlib.repr(value)}; it must be {'positive' if default > 0 else 'zero or more'}"
        )
    return type(default)(value)


def _switch(name: str, value: object) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(value).lower() not in known:
        raise InputError(f"parameter {name} is {reprlib.repr(value)}; it must be true or false")
    return known[str(value).lower()]


def _text(name: str, value: object) -> str:
    if isinstance(value, (list, tuple, dict)) or value is None or value == "":
        raise InputError(f"parameter {name} is {reprlib.repr(value)}; it must be one name or path")
    return str(value)


def _reading(name: str, value: object) -> dict[str, object]:
    """How to read a log, as a dictionary or as ``time=none, sort=true``; only what was given."""
    if isinstance(value, str):
        value = _literal(value)
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise InputError(f"parameter {name} is {reprlib.repr(value)}; it must be of the form key=value, key=value")
        value = {key.strip(): entry.strip() for key, _, entry in pairs}
    if not isinstance(value, dict):
        raise InputError(f"parameter {name} is {reprlib.repr(value)}; it must be of the form key=value, key=value")
    for key in value:
        if key not in READING:
            raise InputError(f"parameter {name} has no setting {key!r}; it has {', '.join(READING)}")
    return {key: _value(f"{name}, {key}", entry, READING[key]) for key, entry in value.items()}


def _literal(text: str) -> object:
    """The Python value that `text` writes, else the text."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text
