"""Checkpoints: a run's state after an epoch, in a file that shows whether it is whole and whose it is."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from srlaw.errors import InputError
from srlaw.files import write_atomically
from srlaw.models import ModelConfig
from srlaw.sequences import Sequences
from srlaw.training.config import TrainConfig

ARCHIVE = b"PK\x03\x04"  # first bytes of what torch saves, a zip archive
ARCHIVE_END = b"PK\x05\x06"  # of its last 22 bytes
DIGEST = hashlib.sha256().digest_size


class ForeignCheckpoint(InputError):
    """A file that is of use to somebody, but not to this run."""


def identity(sequences: Sequences, model_config: ModelConfig, config: TrainConfig) -> str:
    """What a checkpoint must agree on: both configurations and the data."""
    columns = (sequences.items, sequences.offsets, sequences.ratings, sequences.timestamps)
    data = [zlib.crc32(np.ascontiguousarray(column).data) for column in columns if column is not None]
    settings = [type(model_config).__name__, asdict(model_config), asdict(config), data]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def save(checkpoint: Path, state: dict) -> None:
    """`state` in place of what the file held: as torch saves it, and the SHA-256 of that.

    Raises:
        InputError: if it cannot be written; the cause is the OSError.
    """
    content = io.BytesIO()  # on a full disk torch would raise a RuntimeError that does not say so
    torch.save(state, content)
    content.write(hashlib.sha256(content.getbuffer()).digest())
    write_atomically(checkpoint, lambda file: file.write_bytes(content.getbuffer()))


def load(checkpoint: Path, whose: str) -> dict | None:
    """The state that the file holds; None if there is none, or, with a line on standard error, if it is damaged.

    torch itself compares no checksum: a weight that changed on the disk would change the result.

    Raises:
        ForeignCheckpoint: if its `identity` is not `whose`, or it was no checkpoint to begin with.
        InputError: if it cannot be read.
    """
    try:
        content = checkpoint.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{checkpoint} cannot be read: {error.strerror}; name another file") from error
    if not content.startswith(ARCHIVE) and content.strip(b"\0"):  # a power failure may leave nothing, or zeros
        raise ForeignCheckpoint(f"{checkpoint} is not a checkpoint of srlaw; delete it or name another file")
    try:
        state = torch.load(io.BytesIO(_whole(content)), map_location="cpu", weights_only=True)
        found = state["identity"]
    except Exception:  # whatever a damaged file makes zipfile or torch raise
        tqdm.write(f"srlaw: {checkpoint} is damaged; the run starts from the beginning", file=sys.stderr)
        return None
    if found != whose:
        raise ForeignCheckpoint(f"{checkpoint} belongs to other settings or data; delete it or name another file")
    return state


def _whole(content: bytes) -> memoryview:
    """What torch saved, if it is undamaged; of srlaw 0.2, which wrote no digest, by the archive's own checksums."""
    if content[-22:].startswith(ARCHIVE_END):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
        return memoryview(content)
    saved = memoryview(content)[:-DIGEST]
    if hashlib.sha256(saved).digest() != content[-DIGEST:]:
        raise ValueError("the digest does not hold")
    return saved
