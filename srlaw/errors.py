"""The one exception that a user's mistake may raise, how its sentence is kept to one readable line, and a check."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from numbers import Integral, Real

LONGEST = 600  # characters of a message: some lines of a terminal


class InputError(ValueError):
    """Input that cannot be used: one plain sentence saying what is wrong, where, and what to do.

    The command line prints the sentence and exits with status 2; a notebook shows it as the last line. File names
    and cells that it quotes may hold anything, so it is cleaned and cut by `one_line`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str, longest: int = LONGEST) -> str:
    """`text` without line breaks, control and format characters or lone surrogates; the middle cut if it is long."""
    text = " ".join("".join(" " if _unprintable(character) else character for character in text).split())
    return text if len(text) <= longest else f"{text[: longest // 2]} … {text[-(longest // 2) + 3 :]}"


def quoted(value: object, longest: int = 60) -> str:
    """A value from a file or an option, as every error quotes it: ``'text'`` on one line; of a long one, both ends."""
    text = repr(value)
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def listed(names: Sequence[str], most: int = 30) -> str:
    """Names, such as those of the columns of a file, as errors list them."""
    return ", ".join(quoted(name, 42) for name in names[:most]) + (", …" if len(names) > most else "")


def whole(value: object, least: int = 0) -> bool:
    """Whether a value is a whole number (2, or 2.0) of at least `least`, as a count must be."""
    if isinstance(value, Integral):
        return int(value) >= least
    return isinstance(value, Real) and float(value).is_integer() and float(value) >= least


def _unprintable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
