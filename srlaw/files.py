"""Small file helpers: where the repository's data lie, integers in, results out whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from srlaw.errors import InputError


def repository(*parts: str) -> Path:
    """A folder or file of the repository that this package lies in, found from any working directory.

    Raises:
        InputError: if it does not exist, as when the package was copied out of its repository.
    """
    path = Path(__file__).resolve().parents[1].joinpath(*parts)
    if not path.exists():
        raise InputError(f"{path} does not exist; run srlaw from a clone of its repository")
    return path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` beside `path`, then rename: readers see the old file or the whole new one.

    Raises:
        InputError: if the folder does not exist or may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; name a folder that exists") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_integers(path: Path) -> np.ndarray:
    """One sequence of 64-bit integers from white-space separated text or a one-dimensional .npy array.

    Raises:
        InputError: if the file is missing, empty, or holds anything else; names the line.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give a text file of integers or a .npy array")
    if path.suffix == ".npy":
        try:
            x = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise InputError(f"{path} is not a .npy array of numbers ({error}); save it with numpy.save") from error
        if x.ndim != 1 or x.dtype.kind not in "iu" or not x.size:
            raise InputError(f"{path} holds {x.dtype} of shape {x.shape}; it must hold integers in one dimension")
        return x
    try:
        words = path.read_text(encoding="utf-8").split()
        x = np.array([int(word) for word in words])
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text; give integers separated by white space") from error
    except ValueError as error:
        raise InputError(_first_bad_line(path)) from error
    if not words:
        raise InputError(f"{path} is empty; it must hold integers separated by white space")
    if x.dtype.kind not in "iu":
        raise InputError(f"{path} holds an integer that does not fit 64 bits; relabel the ids")
    return x


def _first_bad_line(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            for word in line.split():
                if not word.lstrip("+-").isdecimal():
                    return f"{path}, line {number}: {word!r} is not an integer; remove it or number the items"
    return f"{path} holds a word that is not an integer"
