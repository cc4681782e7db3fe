"""Atomic writes, file hashes, and readable messages for errors of writing."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

# Ending of temporary files; those that a killed run left can be removed.
PART_ENDING = ".part"
_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.part(ial\.\w+)?")


@contextlib.contextmanager
def whole_file(path: str | os.PathLike, ending: str = PART_ENDING) -> Iterator[Path]:
    """Yields a temporary path; the file appears under its own name only when it is complete.

    The temporary file lies in the same folder, made where it is missing. It is renamed when
    the block ends and removed when the block fails. Its name is short, so that whatever name
    the file system takes can be written.

    Args:
        path: where the file goes; an existing file is replaced.
        ending: of the temporary name, for writers that look at it.

    Raises:
        OSError: the file cannot be written; see `naming_written`.
    """
    path = Path(path)
    make_folder(path.parent, path)
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}{ending}")
    try:
        with naming_written(path, temporary):
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # where it could not be made
            temporary.unlink(missing_ok=True)


def remove_unfinished(folder: str | os.PathLike) -> None:
    """Removes the temporary files of `whole_file` that a killed process has left in a folder.

    Args:
        folder: into which no process writes now; it need not exist.
    """
    for path in Path(folder).glob(".*.part*"):
        if is_temporary(path.name):
            path.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Returns whether a file's name is that of a temporary file of `whole_file`."""
    return bool(_TEMPORARY.fullmatch(name))


def make_folder(folder: str | os.PathLike, wanted_for: str | os.PathLike | None = None) -> None:
    """Makes a folder and those above it where they are missing.

    Args:
        folder: the folder.
        wanted_for: what the message of an error names; the folder itself if left out.

    Raises:
        OSError: as for `naming_written`.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(wanted_for or folder, error) from error


@contextlib.contextmanager
def naming_written(path: str | os.PathLike, *others: str | os.PathLike) -> Iterator[None]:
    """Adds the file's name to errors of writing, which mostly do not have it.

    Args:
        path: the file or folder that the block writes.
        others: temporary files or folders that it is written as.

    Raises:
        OSError: in place of what says that something cannot be written. `errno` is that of the
            system (ENOSPC where the disk is full, EIO where it is unknown), `filename` the path.
            An OSError about another file is left as it is.
    """
    import tensorflow as tf  # not before a program's flags are right

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        named = getattr(error, "filename", None)
        if named is not None and not any(Path(named).is_relative_to(p) for p in (path, *others)):
            raise
        raise _not_written(path, error) from error


def _not_written(path: str | os.PathLike, error: Exception) -> OSError:
    code, reason = _written_reason(error)
    return OSError(code, f"cannot be written: {reason}", str(path))


def _written_reason(error: Exception) -> tuple[int, str]:
    code, full = getattr(error, "errno", None), os.strerror(errno.ENOSPC)
    # TensorFlow's errors, and NumPy's and Pillow's, have the reason in their text only.
    if code == errno.ENOSPC or full in str(error):
        return errno.ENOSPC, "no space left on device"
    return code or errno.EIO, getattr(error, "strerror", None) or plain_reason(error)


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file so that readers see the old content or the new one, never a part.

    Args:
        path: where the file goes; an existing file is replaced.
        data: the whole content.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def file_hash(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, hexadecimal.

    Args:
        path: the file, read in blocks of 1 MiB.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def plain_reason(error: Exception) -> str:
    """Returns the message of a TensorFlow error without node names and graph positions."""
    text = getattr(error, "message", None) or str(error)
    asserted = re.search(r"assertion failed: \[(.*)\]", text)
    if asserted:
        return asserted.group(1)
    text = re.sub(r"\{\{[^}]*\}\}\s*|\s*\[Op:[^\]]*\].*", "", text)
    return text.strip().split("\n")[0]
