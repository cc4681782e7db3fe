"""What shards of records are of, so that --resume goes on with the same run only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deeplab_tf.data.json_file import parse_json
from deeplab_tf.evaluation.beam import storage

_SOFTWARE = "deeplab_tf predict_beam"


def describe_run(
    format: str,
    shards: int,
    class_names: Iterable[str],
    names_hash: str,
    predictor_hash: str,
    images: int,
) -> dict[str, Any]:
    """Describes a run.

    Args:
        format: of the shards.
        shards: their number.
        class_names: by id.
        names_hash: of the names of the images.
        predictor_hash: of what labels them.
        images: their number.

    Returns:
        What the file beside the shards holds.
    """
    return {
        "software": _SOFTWARE,
        "format": format,
        "class_names": [*class_names],
        "images": images,
        "shards": shards,
        "names": names_hash,
        "predictor": predictor_hash,
    }


def check_description(file: str, description: Mapping[str, Any]) -> None:
    """Raises a ValueError where shards that are there are of another run than the one described.

    Args:
        file: the description of these shards.
        description: of the run.
    """
    try:
        known = parse_json(storage.read_bytes(file), file)
    except OSError:
        known = {}
    known = known if isinstance(known, dict) else {}
    differing = [key for key in description if known.get(key) != description[key]]
    if differing:
        raise ValueError(
            f"{file}: the shards that are there are of another run (it differs in "
            f"{', '.join(differing)}), which --resume cannot go on with. Give --overwrite to label "
            "all images again, or another --output."
        )


def write_description(file: str, description: Mapping[str, Any]) -> None:
    """Writes the description of shards.

    Args:
        file: beside them.
        description: from `describe_run`.
    """
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(file, text.encode())


def is_description(file: Path) -> bool:
    """Returns whether a file is what `write_description` wrote."""
    try:
        values = parse_json(file.read_bytes(), file)
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("software") == _SOFTWARE
