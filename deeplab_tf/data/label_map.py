"""Renames, merges and drops the classes of a data set that is converted."""

from __future__ import annotations

import dataclasses
import difflib
import os
from typing import Any

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.sources.archive import Source
from deeplab_tf.data.spec import DataError, DatasetSpec

VOID = 255
# In the file: all classes that it does not name, and pixels that are void already.
_OTHERS, _VOID_PIXELS = "*", "void"


def map_labels(source: Source, path: str | os.PathLike) -> Source:
    """Changes the classes of a data set as a file says.

    The file is a JSON object: old name -> new name, or null for void. Two names that become one are
    merged. A name that is not in it stays, unless there is ``"*"``, which stands for all those;
    ``"void"`` stands for pixels that are void already. Ids are given anew, in the old order.

    Args:
        source: the data set.
        path: the file.

    Raises:
        DataError: it is no such file, or names a class that there is not.
    """
    path = user_path(path)
    rules = _read_rules(path, source.spec.class_names)
    others = rules.get(_OTHERS, "")
    new_names = [
        rules.get(name, name if others == "" else others) for name in source.spec.class_names
    ]
    void_name = rules.get(_VOID_PIXELS)
    kept = list(dict.fromkeys(name for name in (*new_names, void_name) if name is not None))
    if len(kept) < 2:
        raise DataError(f"{path}: leaves {len(kept)} class(es); a network needs two to tell apart.")

    def new_id(name: str | None) -> int:
        return VOID if name is None else kept.index(name)

    new_ids = {old: new_id(name) for old, name in enumerate(new_names)}
    new_ids[source.spec.ignore_label] = new_id(void_name)
    spec = dataclasses.replace(
        source.spec,
        class_names=tuple(kept),
        palette=_palette(source.spec, new_names, kept),
        ignore_label=VOID,
    )
    return dataclasses.replace(source, spec=spec, new_ids=new_ids)


def _read_rules(path: Any, names: tuple[str, ...]) -> dict[str, str | None]:
    try:
        rules = read_json(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise DataError(f'{error} A label map is JSON, such as {{"truck": "car"}}.') from None
    if not isinstance(rules, dict) or not all(
        value is None or (isinstance(value, str) and value.strip()) for value in rules.values()
    ):
        raise DataError(
            f"{path}: a label map is an object of old names and new names, null for void, such as "
            '{"truck": "car", "background": null}.'
        )
    unknown = [name for name in rules if name not in (*names, _OTHERS, _VOID_PIXELS)]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], names, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise DataError(f"{path}: {unknown[0]!r} is none of the classes {', '.join(names)}.{hint}")
    return {name: value and value.strip() for name, value in rules.items()}


def _palette(spec: DatasetSpec, new_names: list, kept: list[str]) -> tuple:
    """Returns the colour of the first class that each new one is made of."""
    if not spec.has_palette or not set(kept) <= set(new_names):
        return ()
    return tuple(spec.palette[new_names.index(name)] for name in kept)
