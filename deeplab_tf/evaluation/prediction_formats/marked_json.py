"""JSON files that are known as ours until somebody edits them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from deeplab_tf.data.own_files import PREDICTION

# The object's first keys, on a line of their own; the hash is of all behind that line.
_MARK = '{"software": "%s", "sha256": "%s",\n'


def encode_marked_json(values: dict[str, Any]) -> bytes:
    """Encodes an object that is not empty as JSON with the keys `software` and `sha256` first.

    People go on working on annotations. What another program saves may keep these keys, but not
    the text that the hash is of.
    """
    rest = json.dumps(values, ensure_ascii=False, separators=(",", ":"))[1:].encode() + b"\n"
    return (_MARK % (PREDICTION, hashlib.sha256(rest).hexdigest())).encode() + rest


def is_own_json(file: Path) -> bool:
    """Returns whether a file is what `encode_marked_json` gave, unchanged."""
    try:
        start, _, rest = file.read_bytes().partition(b"\n")
    except OSError:
        return False
    return start + b"\n" == (_MARK % (PREDICTION, hashlib.sha256(rest).hexdigest())).encode()
