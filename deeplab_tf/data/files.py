"""Small helpers for files: whole writes, and error texts of writing and of TensorFlow."""

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

PART_ENDING = ".part"


@contextlib.contextmanager
def whole_file(path: str | os.PathLike, ending: str = PART_ENDING) -> Iterator[Path]:
    """Gives a temporary name for a file that appears under its own only when it is whole.

    The temporary file lies in the same folder, made where it is missing. It is renamed when
    the block ends and removed when the block fails.

    Args:
        path: where the file shall be; an existing file is replaced.
        ending: of the temporary name, for writers that look at it.

    Raises:
        OSError: the file cannot be written; see `naming_written`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{ending}")
    try:
        with naming_written(path, temporary):
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming_written(path: str | os.PathLike, *others: str | os.PathLike) -> Iterator[None]:
    """Names the file where writing it fails: Python's and TensorFlow's errors mostly do not.

    Args:
        path: the file or folder that the block writes.
        others: temporary files or folders that it is written as.

    Raises:
        OSError: in place of what says that something cannot be written. `errno` is that of the
            system (ENOSPC where the disk is full, EIO where it is unknown), `filename` the path.
            An OSError about another file is left as it is.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        named = getattr(error, "filename", None)
        if named is not None and not any(Path(named).is_relative_to(p) for p in (path, *others)):
            raise
        code, reason = _written_reason(error)
        raise OSError(code, f"cannot be written: {reason}", str(path)) from error


def _written_reason(error: Exception) -> tuple[int, str]:
    code, full = getattr(error, "errno", None), os.strerror(errno.ENOSPC)
    # TensorFlow's errors, and NumPy's and Pillow's, have the reason in their text only.
    if code == errno.ENOSPC or full in str(error):
        return errno.ENOSPC, "no space left on device"
    return code or errno.EIO, getattr(error, "strerror", None) or plain_reason(error)


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file so that readers see the old content or the new one, never a part.

    Args:
        path: where the file shall be; an existing file is replaced.
        data: the whole content.
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
