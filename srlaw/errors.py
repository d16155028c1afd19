"""The one exception that a user's mistake may raise, and how its sentence is kept to one readable line."""

from __future__ import annotations

import unicodedata

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
    """A value from a file or an option, as an error quotes it: ``'text'``, cut if it is long."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…{text[-1]}"


def _unprintable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
