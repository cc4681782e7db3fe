"""Files of this machine and of object stores, such as gs://BUCKET/FILE, in one way.

A path of this machine goes the way that it goes everywhere in the library; an address goes through
Apache Beam, whose extras bring the stores (`apache-beam[gcp]`, `[aws]`, `[azure]`).
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from deeplab_tf.data.files import naming_written, whole_file, write_atomically
from deeplab_tf.data.paths import expand_path, is_address
from deeplab_tf.pretrained.trained_presets import preset_of

_HEAD = 256


def place(path: str) -> str:
    """Returns a path as every worker takes it: addresses and presets as they are, or absolute.

    Args:
        path: as it was given.

    Raises:
        ValueError: it is empty, or looks like an address and is none.
    """
    return path if is_address(path) or preset_of(path) else os.path.abspath(expand_path(path))


def join(folder: str, name: str) -> str:
    """Returns the path of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_address(folder) else os.path.join(folder, name)


def dirname(path: str) -> str:
    """Returns the folder that a file is in."""
    return path.rpartition("/")[0] if is_address(path) else os.path.dirname(path)


def exists(path: str) -> bool:
    """Returns whether there is a file."""
    return _beam().exists(path) if is_address(path) else os.path.lexists(path)


def find(pattern: str) -> list[str]:
    """Returns the files that a pattern names, sorted.

    Args:
        pattern: `**` stands for any number of folders.
    """
    if not is_address(pattern):
        return sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))
    (found,) = _beam().match([pattern])
    return sorted(metadata.path for metadata in found.metadata_list)


def open_file(path: str) -> BinaryIO:
    """Opens a file to read any part of it.

    Raises:
        OSError: it cannot be read.
    """
    return _beam().open(path, **_as_it_is()) if is_address(path) else open(path, "rb")


def read_bytes(path: str) -> bytes:
    """Reads a file as a whole.

    Raises:
        OSError: it cannot be read.
    """
    with open_file(path) as file:
        return file.read()


def read_head(path: str) -> bytes:
    """Reads the first bytes of a file, none where there is no file."""
    try:
        with open_file(path) as file:
            return file.read(_HEAD)
    except OSError:
        return b""


@contextlib.contextmanager
def whole(path: str) -> Iterator[Path]:
    """Yields a temporary path of this machine; the file is at its place only when it is complete.

    Args:
        path: where the file goes; an existing one is replaced.

    Raises:
        OSError: the file cannot be written.
    """
    if not is_address(path):
        with whole_file(path) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "file"
        yield temporary
        # Stores show an object when it was written as a whole.
        with (
            naming_written(path),
            open(temporary, "rb") as source,
            _beam().create(path, **_as_it_is()) as target,
        ):
            shutil.copyfileobj(source, target)


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file that is at its place only when it is complete.

    Raises:
        OSError: it cannot be written.
    """
    if is_address(path):
        with whole(path) as temporary:
            temporary.write_bytes(data)
    else:
        write_atomically(path, data)


def remove(path: str) -> None:
    """Removes a file; one that is not there is no error."""
    if is_address(path):
        if exists(path):
            _beam().delete([path])
    else:
        Path(path).unlink(missing_ok=True)


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """Yields a file on this machine with the content and ending of another, which may be the same.

    Raises:
        OSError: it cannot be read.
    """
    if not is_address(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.rsplit("/", 1)[1]
        with open_file(path) as source, open(copy, "wb") as target:
            shutil.copyfileobj(source, target)
        yield str(copy)


def _beam() -> Any:
    from deeplab_tf.evaluation.beam.beam_package import import_beam

    import_beam()
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def _as_it_is() -> dict[str, Any]:
    """Arguments with which Beam does not look at endings such as .gz."""
    from apache_beam.io.filesystem import CompressionTypes

    return {"compression_type": CompressionTypes.UNCOMPRESSED}
