"""Finding a registered data set's official files on disk, or downloading them.

The cache holds nothing but whole official files whose checksum was right when they were put there and is
checked again at each use; an archive is unpacked into a temporary folder that is gone after loading.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from requests.exceptions import RequestException

from srlaw.datasets.registry import Dataset
from srlaw.errors import InputError, quoted
from srlaw.files import readable_file, status

_ARCHIVES = (".zip", ".tar.gz", ".tgz")
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)
BYTES_PER_EVENT = 1000  # of an unpacked archive, at most: MovieLens-1M has 25, and other tables may lie beside the log


@contextmanager
def official_files(dataset: Dataset, path: str | Path | None, progress: bool) -> Iterator[list[Path]]:
    """The files of ``dataset.files``, in that order, from the first of these that is there: `path`, the folder
    named after the data set in ``SRLAW_DATA``, the cache, the network.

    Raises:
        InputError: if they are not at `path`, the download fails, or the archive is damaged or unsafe.
    """
    source = Path(path) if path is not None else _stored(dataset) or _download(dataset, progress)
    found = status(source)
    if found is None:
        raise InputError(f"{quoted(str(source))} does not exist; give the folder or file where {dataset.name} lies")
    if stat.S_ISDIR(found.st_mode):
        source = _archive_in(dataset, source) or source
    if source.name.lower().endswith(_ARCHIVES) and _is_file(source):
        with tempfile.TemporaryDirectory(prefix="srlaw-") as scratch:
            yield _unpack(dataset, source, Path(scratch))
        return
    if stat.S_ISDIR(found.st_mode):
        files = [_find(dataset, source, file) for file in dataset.files]
    elif len(dataset.files) == 1:
        files = [source]
    else:
        files = [_find(dataset, source.parent, file) for file in dataset.files]
    yield [readable_file(file, f"the official files of {dataset.name}") for file in files]


def places_of(dataset: Dataset, path: str | Path | None) -> list[Path]:
    """Every place where `official_files` may find a file of the data set."""
    root = os.environ.get("SRLAW_DATA")
    sources = [Path(path)] if path is not None else [cache_folder() / dataset.name]
    sources += [Path(root) / dataset.name] if root and path is None else []
    names = [*dataset.files, dataset.filename]
    within = [place for source in sources for name in names for place in _candidates(source, name)]
    beside = [place for source in sources for name in names for place in _candidates(source.parent, name)]
    return [*sources, *within, *beside]


def holds(dataset: Dataset, folder: Path) -> bool:
    """Whether all official files of the data set, unpacked, lie in the folder."""
    return bool(dataset.files) and all(any(map(_is_file, _candidates(folder, file))) for file in dataset.files)


def _is_file(path: Path) -> bool:
    found = status(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def _stored(dataset: Dataset) -> Path | None:
    root = os.environ.get("SRLAW_DATA")
    folder = Path(root) / dataset.name if root else None
    found = status(folder) if folder else None
    return folder if found is not None and stat.S_ISDIR(found.st_mode) else None


def _candidates(folder: Path, file: str) -> list[Path]:
    """Where an official file may lie below `folder`: at its official path, or that less leading folders."""
    parts = PurePosixPath(file).parts
    return [folder.joinpath(*parts[start:]) for start in range(len(parts))]


def _archive_in(dataset: Dataset, folder: Path) -> Path | None:
    """The official archive lying in a folder that has not all of the unpacked files."""
    archive = folder / dataset.filename
    return archive if not holds(dataset, folder) and _is_file(archive) else None


def _find(dataset: Dataset, folder: Path, file: str) -> Path:
    found = next(filter(_is_file, _candidates(folder, file)), None)
    if found is None:
        raise InputError(
            f"{folder} has no {PurePosixPath(file).name}; give the folder that holds the official files of "
            f"{dataset.name}, or {dataset.filename} from {dataset.url}"
        )
    return found


def cache_folder() -> Path:
    """Where downloads are kept."""
    import pooch  # its progress bar complains in a notebook without widgets, so only who downloads imports it

    return Path(pooch.os_cache("srlaw"))


def _download(dataset: Dataset, progress: bool) -> Path:
    """The official file in the cache, downloaded if it is not there or not whole."""
    import pooch

    assert dataset.url is not None  # data made here have no files to look for
    by_hand = f"get {dataset.url} by hand and say where it lies with path=… (--path …)"
    try:
        file = pooch.retrieve(
            dataset.url,
            known_hash=dataset.checksum,
            fname=dataset.filename,
            path=cache_folder() / dataset.name,
            progressbar=progress,
        )
    except ValueError:
        raise InputError(
            f"{dataset.filename} arrived with a checksum other than {dataset.checksum} and was thrown away; "
            f"try again, or {by_hand}"
        ) from None
    except (RequestException, OSError) as error:
        raise InputError(f"{dataset.filename} could not be downloaded ({type(error).__name__}); {by_hand}") from None
    return Path(file)


def _unpack(dataset: Dataset, archive: Path, folder: Path) -> list[Path]:
    """Copy the needed members of a zip or tar archive into `folder`, after checking the names of all."""
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                members = {info.filename: _is_plain(info) for info in opened.infolist()}
                return _copy(dataset, archive, members, opened.open, folder)
        whole = folder / "archive.tar"  # unpacked first and within bounds: to skip a member is to unpack it
        with gzip.open(archive) as packed:
            _copy_bounded(packed, whole, dataset, archive.name)
        with tarfile.open(whole, "r:") as opened:
            members = {info.name + "/" * info.isdir(): info.isreg() or info.isdir() for info in opened.getmembers()}
            return _copy(dataset, archive, members, opened.extractfile, folder)
    except InputError:
        raise
    except (*_DAMAGED, OSError, RuntimeError, ValueError) as error:  # not all of them say what they may raise
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{archive.name} is cut off or damaged ({reason}); fetch it again from {dataset.url}"
        ) from None


def _is_plain(info: zipfile.ZipInfo) -> bool:
    """Whether a zip member is a file or folder, not a link or pipe; its Unix mode is in the attributes' upper half."""
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def _copy(dataset: Dataset, archive: Path, members: dict[str, bool], open_member, folder: Path) -> list[Path]:
    for name, is_plain in members.items():
        outside = PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts
        if outside or not is_plain:
            raise InputError(
                f"{archive.name}: its member {quoted(name)} would land outside its folder, or is no file; "
                f"this is not the official file, fetch it again from {dataset.url}"
            )
    found = []
    for file in dataset.files:
        wanted = PurePosixPath(file).name
        name = next((member for member in members if member.split("/")[-1] == wanted), None)
        if name is None:
            raise InputError(f"{archive.name} has no member {wanted}; fetch it again from {dataset.url}")
        with open_member(name) as source:
            _copy_bounded(source, folder / wanted, dataset, archive.name)
        found.append(folder / wanted)
    return found


def _copy_bounded(source: BinaryIO | gzip.GzipFile, target: Path, dataset: Dataset, archive: str) -> None:
    """Copy a file that is being unpacked, but not without end: a few kilobytes may unpack to terabytes."""
    most = BYTES_PER_EVENT * (dataset.events or 10**9)
    with target.open("wb") as out:
        while block := source.read(2**20):
            if out.tell() + len(block) > most:
                raise InputError(
                    f"{archive} unpacks to more than {most // 10**6:,} MB, which is not {dataset.title}; fetch it "
                    f"again from {dataset.url}"
                )
            out.write(block)
