"""Small helpers for files: whole writes, and error texts of TensorFlow's decoders."""

import os
import re
import uuid
from pathlib import Path


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file so that readers see the old content or the new one, never a part.

    The bytes go to a temporary name in the same folder, which is then renamed. Missing
    folders are created.

    Args:
        path: where the file shall be; an existing file is replaced.
        data: the whole content.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def plain_reason(error: Exception) -> str:
    """The sentence inside a TensorFlow error, without node names and graph positions."""
    text = getattr(error, "message", None) or str(error)
    asserted = re.search(r"assertion failed: \[(.*)\]", text)
    if asserted:
        return asserted.group(1)
    text = re.sub(r"\{\{[^}]*\}\}\s*|\s*\[Op:[^\]]*\].*", "", text)
    return text.strip().split("\n")[0]
