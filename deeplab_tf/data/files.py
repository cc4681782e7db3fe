"""Small helpers for files: whole writes, and error texts of TensorFlow's decoders."""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

# Of temporary files; what a killed run left of them can be removed.
PART_ENDING = ".part"


class WriteError(OSError):
    """A file cannot be written; the message names it."""


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary name for a file that appears under its own only when it is whole.

    The temporary file lies in the same folder, made where it is missing. It is renamed when
    the block ends and removed when the block fails. Its name is short, so that whatever name
    the file system takes can be written.

    Args:
        path: where the file shall be; an existing file is replaced.

    Raises:
        WriteError: when the file cannot be written: no permission, the name too long, the disk
            full; ``errno`` tells which.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}{PART_ENDING}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        # The block may also read other files, whose errors name them.
        if error.filename is None or str(error.filename) in map(str, (temporary, *path.parents)):
            raise _write_error(path, error) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # where it could not be made
            temporary.unlink(missing_ok=True)


def _write_error(path: Path, error: OSError) -> WriteError:
    failure = WriteError(f"{path}: cannot be written ({error.strerror or error}).")
    failure.errno = error.errno
    return failure


def make_folder(path: str | os.PathLike) -> None:
    """Makes a folder and those above it where they are missing.

    Raises:
        WriteError: when that cannot be.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _write_error(Path(path), error) from error


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file so that readers see the old content or the new one, never a part.

    Args:
        path: where the file shall be; an existing file is replaced.
        data: the whole content.

    Raises:
        WriteError: as for ``whole_file``.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def plain_reason(error: Exception) -> str:
    """The sentence inside a TensorFlow error, without node names and graph positions."""
    text = getattr(error, "message", None) or str(error)
    asserted = re.search(r"assertion failed: \[(.*)\]", text)
    if asserted:
        return asserted.group(1)
    text = re.sub(r"\{\{[^}]*\}\}\s*|\s*\[Op:[^\]]*\].*", "", text)
    return text.strip().split("\n")[0]
