"""Validates the parsed content of ``dataset.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_type_hints

from deeplab_tf.data.paths import DataError, checked_name

FILE_NAME = "dataset.json"


class Shard(NamedTuple):
    """One TFRecord file of a split.

    Attributes:
        file: its name within the data set's folder.
        examples: how many it holds.
        sha256: of its bytes, hexadecimal.
    """

    file: str
    examples: int
    sha256: str


def spec_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `DatasetSpec` from the parsed JSON; unknown keys are ignored.

    Args:
        values: the JSON object.

    Raises:
        DataError: a key is missing or has a value of the wrong kind.
    """
    names = of_kind(values.get("class_names"), list | tuple, "class_names")
    palette = of_kind(values.get("palette", []), list | tuple, "palette")
    splits = values.get("splits", {})
    return {
        "name": of_kind(values.get("name", ""), str, "name"),
        "class_names": tuple(of_kind(name, str, "class_names") for name in names),
        "palette": tuple(
            tuple(of_kind(value, int, "palette") for value in of_kind(c, list | tuple, "palette"))
            for c in palette
        ),
        "splits": _split_sizes(splits),
        "shards": _split_shards(splits),
        "ignore_label": of_kind(values.get("ignore_label", 255), int, "ignore_label"),
    }


def of_kind(value: Any, kind: Any, key: str) -> Any:
    """Returns a value of the JSON if it is of the kind that its key needs.

    Args:
        value: of the key; None where it is missing.
        kind: a type or a union of types.
        key: for the message.

    Raises:
        DataError: it is of another kind.
    """
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{key!r} is missing or of the wrong kind, received {value!r}.")
    return value


def _split_sizes(splits: Any) -> dict[str, int]:
    entries = {
        checked_name(name, "splits"): of_kind(entry, dict, f"splits.{name}")
        for name, entry in of_kind(splits, dict, "splits").items()
    }
    return {
        name: of_kind(entry["examples"], int, f"splits.{name}.examples")
        for name, entry in entries.items()
        if "examples" in entry
    }


def _split_shards(splits: Mapping[str, Any]) -> dict[str, tuple[Shard, ...]]:
    return {
        name: tuple(
            _read_shard(shard, f"splits.{name}.shards")
            for shard in of_kind(entry["shards"], list | tuple, f"splits.{name}.shards")
        )
        for name, entry in splits.items()
        if entry.get("shards")
    }


def _read_shard(entry: Any, key: str) -> Shard:
    values = of_kind(entry, dict, key)
    kinds = get_type_hints(Shard)
    shard = Shard(**{name: of_kind(values.get(name), kinds[name], key) for name in kinds})
    checked_name(shard.file, key)
    return shard


def template_text() -> str:
    """Returns the end of error messages: what the file must look like."""
    return (
        f"{FILE_NAME} must look like this (class_names in the order of the label ids; palette "
        'and splits may be left out):\n{"name": "my_data", '
        '"class_names": ["background", "cat", "dog"], "ignore_label": 255,\n '
        '"palette": [[0, 0, 0], [128, 0, 0], [0, 128, 0]],\n '
        '"splits": {"train": {"examples": 100}, "val": {"examples": 20}}}'
    )
