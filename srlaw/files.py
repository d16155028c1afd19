"""Small file helpers: where the repository's data lie, what may be read or overwritten, results whole or not at all."""

from __future__ import annotations

import gzip
import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

import numpy as np

from srlaw.errors import InputError, quoted

_NO_INTEGER = re.compile(r"(?<!\S)(?![+-]?\d+(?!\S))\S+")  # a word that is not one


def repository(*parts: str) -> Path:
    """A folder or file of the repository that this package lies in, found from any working directory.

    Raises:
        InputError: if it does not exist, as when the package was copied out of its repository.
    """
    path = Path(__file__).resolve().parents[1].joinpath(*parts)
    if not path.exists():
        raise InputError(f"{path} does not exist; run srlaw from a clone of its repository")
    return path


def status(path: Path, follow: bool = True) -> os.stat_result | None:
    """What `path` is, or None if there is nothing by this name.

    Raises:
        InputError: if the name cannot be one, or a folder on the way may not be entered.
    """
    try:
        str(path).encode()  # a name that is not Unicode polars could not open
        return path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL character, or bytes that are not Unicode
        reason = getattr(error, "strerror", None) or "it is not plain text"
        raise InputError(f"{_shown(path)} cannot be used: {reason}; give another path") from error


def readable_file(path: Path, what: str) -> Path:
    """`path`, once it is known to be a plain file (a pipe or device might never end) that may be read.

    Args:
        what: what to give instead, for the error.

    Raises:
        InputError: if it is not.
    """
    found = status(path)
    if found is None:
        raise InputError(f"there is no file {_shown(path)}; give {what}")
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise InputError(f"{_shown(path)} is {kind}, not a file; give {what}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{_shown(path)} cannot be read: {error.strerror}; give {what}") from error
    return path


def safe_target(path: Path, inputs: Iterable[Path] = ()) -> Path:
    """`path`, once it is known that a file may be written there: a new name, or a plain file that is no input.

    A link is refused too, since its target may be anywhere, and so is a hard link to an input. To be called before
    the work that fills the file.

    Raises:
        InputError: if it may not.
    """
    cure = "name a new file"
    found = status(path, follow=False)
    if found is None and not _is_folder(path.parent):
        raise InputError(f"{_shown(path)} cannot be written: there is no folder {_shown(path.parent)}; {cure}")
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise InputError(f"{_shown(path)} is not a plain file, and is not overwritten; {cure}")
    if not _may(path.parent, os.W_OK):
        raise InputError(f"{_shown(path.parent)} is a folder that may not be written to; {cure}")
    for used in inputs:
        other = status(used)
        if found is not None and other is not None and os.path.samestat(found, other):
            raise InputError(f"{_shown(path)} is read by the same command, and is not overwritten; {cure}")
    return path


def safe_folder(path: Path) -> Path:
    """`path`, once it is known that a folder is there, or can be made, and may be written to.

    Raises:
        InputError: if not.
    """
    nearest = path.absolute()
    while (found := status(nearest)) is None:
        if nearest.is_symlink():
            raise InputError(f"{_shown(nearest)} is a link to nothing; name another folder")
        nearest = nearest.parent
    if not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{_shown(nearest)} is a file, not a folder; name another folder")
    if not _may(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{_shown(nearest)} is a folder that may not be written to; name another folder")
    return path


def _shown(path: Path) -> str:
    return quoted(str(path), 200)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _is_folder(path: Path) -> bool:
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` beside `path`, then rename: readers see the old file or the whole new one.

    Raises:
        InputError: if the folder does not exist or may not be written.
    """
    temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}.part")  # as valid as `path`, however long that is
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; name a folder that exists") from error
    finally:
        temporary.unlink(missing_ok=True)


PACKED = (b"\x28\xb5\x2f\xfd", b"x\x01", b"x\x9c", b"x\xda", b"\xfd7zXZ\x00", b"PK\x03\x04")
"""How Zstandard, zlib's format, xz and zip begin. bzip2 has its level between two marks."""


def open_text(path: Path, **options) -> TextIO:
    """A text file opened for reading, unpacked if its first two bytes are those of gzip, whatever its name ends in.

    So does polars. It unpacks zlib's format and Zstandard too, which the standard library's reader cannot.

    Args:
        options: of `open`, such as ``encoding``.

    Raises:
        InputError: if the file is compressed in another way.
    """
    with path.open("rb") as file:
        start = file.read(10)
    if start.startswith(PACKED) or (start[:3], start[4:]) == (b"BZh", b"1AY&SY"):
        raise InputError(f"{_shown(path)} is compressed, and not by gzip; unpack it")
    return (gzip.open if start[:2] == b"\x1f\x8b" else open)(path, "rt", **options)


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a text file that are not blank, without the white space around them; each once.

    Args:
        what: the file is, for the error.

    Raises:
        InputError: if the file is missing, no text, or has no such line.
    """
    try:
        text = readable_file(path, what).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{_shown(path)} is not text; give {what}") from error
    lines = list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))
    if not lines:
        raise InputError(f"{_shown(path)} has no line that is not blank; give {what}")
    return lines


def read_integers(path: Path) -> np.ndarray:
    """One sequence of 64-bit integers from white-space separated text or a one-dimensional .npy array.

    Integers in text are digits with or without a sign; a byte order mark before them is harmless.

    Raises:
        InputError: if the file is missing, empty, or holds anything else; names the line.
    """
    readable_file(path, "a text file of integers or a .npy array")
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text; give integers separated by white space") from error
    if wrong := _NO_INTEGER.search(text):
        line = text.count("\n", 0, wrong.start()) + 1
        raise InputError(f"{path}, line {line}: {quoted(wrong[0])} is not an integer; remove it or number the items")
    words = text.split()
    if not words:
        raise InputError(f"{path} is empty; it must hold integers separated by white space")
    wide = InputError(f"{path} holds an integer that does not fit 64 bits; relabel the ids")
    try:
        x = np.array([int(word) for word in words])
    except ValueError:  # more digits than Python reads
        raise wide from None
    if x.dtype.kind not in "iu":
        raise wide
    return x


def _read_npy(path: Path) -> np.ndarray:
    """The array, in this machine's byte order. It is mapped, so that a header cannot claim more than the file has."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            raise InputError(f"{path} is an .npz archive of arrays; save the one that you mean with numpy.save")
    try:
        with np.errstate(all="raise"):
            x = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, TypeError, ArithmeticError, SyntaxError, EOFError, OSError) as error:
        raise InputError(f"{path} is not a .npy array of numbers ({error}); save it with numpy.save") from error
    if x.ndim != 1 or x.dtype.kind not in "iu" or not x.size:
        raise InputError(f"{path} holds {x.dtype} of shape {x.shape}; it must hold integers in one dimension")
    return np.array(x, dtype=x.dtype.newbyteorder("="))
