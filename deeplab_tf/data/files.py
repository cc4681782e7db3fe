"""Small helpers for files: whole writes, and error texts of TensorFlow's decoders."""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

PART_ENDING = ".part"


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary name for a file that appears under its own only when it is whole.

    The temporary file lies in the same folder, made where it is missing. It is renamed when
    the block ends and removed when the block fails.

    Args:
        path: where the file shall be; an existing file is replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART_ENDING}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
