"""Finding a registered data set's official files on disk, or downloading them.

The cache holds nothing but whole official files whose checksum was right when they were put there and is
checked again at each use; an archive is unpacked into a temporary folder that is gone after loading.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from requests.exceptions import RequestException

from srlaw.datasets.registry import Dataset
from srlaw.errors import InputError

_ARCHIVES = (".zip", ".tar.gz", ".tgz")


@contextmanager
def official_files(dataset: Dataset, path: str | Path | None, progress: bool) -> Iterator[list[Path]]:
    """The files of ``dataset.files``, in that order, from the first of these that is there: `path`, the folder
    named after the data set in ``SRLAW_DATA``, the cache, the network.

    Raises:
        InputError: if they are not at `path`, the download fails, or the archive is damaged or unsafe.
    """
    source = Path(path) if path is not None else _stored(dataset) or _download(dataset, progress)
    if not source.exists():
        raise InputError(f"{source} does not exist; give the folder or file where {dataset.name} lies")
    if source.is_dir():
        source = _archive_in(dataset, source) or source
    if source.is_dir():
        yield [_find(dataset, source, file) for file in dataset.files]
    elif source.name.lower().endswith(_ARCHIVES):
        with tempfile.TemporaryDirectory(prefix="srlaw-") as scratch:
            yield _unpack(dataset, source, Path(scratch))
    elif len(dataset.files) == 1:
        yield [source]
    else:
        yield [_find(dataset, source.parent, file) for file in dataset.files]


def _stored(dataset: Dataset) -> Path | None:
    root = os.environ.get("SRLAW_DATA")
    folder = Path(root) / dataset.name if root else None
    return folder if folder and folder.is_dir() else None


def _candidates(folder: Path, file: str) -> list[Path]:
    """Where an official file may lie below `folder`: at its official path, or that less leading folders."""
    parts = PurePosixPath(file).parts
    return [folder.joinpath(*parts[start:]) for start in range(len(parts))]


def _archive_in(dataset: Dataset, folder: Path) -> Path | None:
    """The official archive lying in a folder that has not all of the unpacked files."""
    unpacked = all(any(path.is_file() for path in _candidates(folder, file)) for file in dataset.files)
    archive = folder / dataset.filename
    return archive if not unpacked and archive.is_file() else None


def _find(dataset: Dataset, folder: Path, file: str) -> Path:
    found = next((path for path in _candidates(folder, file) if path.is_file()), None)
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
                members = {info.filename: _is_link(info) for info in opened.infolist()}
                return _copy(dataset, archive, members, opened.open, folder)
        with tarfile.open(archive, "r:gz") as opened:
            members = {info.name + "/" * info.isdir(): info.issym() or info.islnk() for info in opened.getmembers()}
            return _copy(dataset, archive, members, opened.extractfile, folder)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{archive.name} is cut off or damaged ({reason}); fetch it again from {dataset.url}"
        ) from None


def _is_link(info: zipfile.ZipInfo) -> bool:
    """Whether a zip member is a symbolic link (its Unix mode is in the upper half of the attributes)."""
    return (info.external_attr >> 16) & 0o170000 == 0o120000


def _copy(dataset: Dataset, archive: Path, members: dict[str, bool], open_member, folder: Path) -> list[Path]:
    for name, is_link in members.items():
        outside = PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts
        if outside or is_link:
            raise InputError(
                f"{archive.name}: its member {name!r} would land outside its folder; "
                f"this is not the official file, fetch it again from {dataset.url}"
            )
    found = []
    for file in dataset.files:
        wanted = PurePosixPath(file).name
        name = next((member for member in members if member.split("/")[-1] == wanted), None)
        if name is None:
            raise InputError(f"{archive.name} has no member {wanted}; fetch it again from {dataset.url}")
        with open_member(name) as source, open(folder / wanted, "wb") as target:
            shutil.copyfileobj(source, target)
        found.append(folder / wanted)
    return found
