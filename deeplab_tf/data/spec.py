"""DatasetSpec: the description of a data set, read from ``dataset.json``."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from deeplab_tf.data.dataset_json import FILE_NAME, Shard, of_kind, spec_arguments, template_text
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import DataError, check_folder, user_path
from deeplab_tf.data.terminal_text import steers_a_terminal
from deeplab_tf.data.voc_colors import VOID_COLOR, Color, voc_palette

# What a user gives in place of a folder for the embedded data set, see `synthetic.py`.
SYNTHETIC = "synthetic"


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """Names, colours and void label of a data set.

    Model, loss, metric, palette and export take the number of classes from here and nowhere
    else.

    Args:
        name: short name of the data set.
        class_names: one name a class; the position is the label id.
        palette: one (red, green, blue), 0..255, a class; empty means the VOC colours.
        splits: number of examples of every split, where known.
        ignore_label: id of pixels that count neither in the loss nor in a metric.
        shards: the files of every split, where the folder is one of TFRecord shards.
        has_palette: whether the colours are the data set's own; False where ``palette`` is empty.

    Raises:
        DataError: when the values contradict each other.

    Example:
        >>> spec = DatasetSpec("pets", ("background", "cat", "dog"))
        >>> spec.num_classes, spec.palette[1]
        (3, (128, 0, 0))
    """

    name: str
    class_names: tuple[str, ...]
    palette: tuple[Color, ...] = ()
    splits: dict[str, int] = dataclasses.field(default_factory=dict)
    ignore_label: int = 255
    shards: dict[str, tuple[Shard, ...]] = dataclasses.field(default_factory=dict)
    has_palette: bool = dataclasses.field(default=True, compare=False)

    def __post_init__(self):
        if not self.palette:
            object.__setattr__(self, "palette", voc_palette(len(self.class_names[:256])))
            object.__setattr__(self, "has_palette", False)
        problem = self._problem()
        if problem:
            raise DataError(f"Data set description {self.name!r}: {problem}.")

    def _problem(self) -> str | None:
        count = len(self.class_names)
        if not 1 <= count <= 255:
            return f"class_names must hold 1 to 255 names, received {count}"
        twice = sorted(name for name, times in Counter(self.class_names).items() if times > 1)
        if twice:
            return f"class_names must differ from each other, received {twice} twice"
        for name in (self.name, *self.class_names):
            if any(map(steers_a_terminal, name)):
                return f"names must hold no control characters, received {name!r}"
        if len(self.palette) != count:
            return f"palette must hold one colour a class ({count}), received {len(self.palette)}"
        if any(len(c) != 3 or not all(0 <= v <= 255 for v in c) for c in self.palette):
            return "palette must hold [red, green, blue] with values 0..255"
        if not count <= self.ignore_label <= 255:
            return (
                f"ignore_label must lie between the number of classes ({count}) and 255, "
                f"received {self.ignore_label}"
            )
        return None

    @property
    def num_classes(self) -> int:
        """Number of classes; void is none of them."""
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of `dataset.json`."""
        return {
            "name": self.name,
            "class_names": list(self.class_names),
            "ignore_label": self.ignore_label,
            "palette": [list(color) for color in self.palette],
            "splits": {name: self._split_entry(name) for name in self.splits},
        }

    def _split_entry(self, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"examples": self.splits[name]}
        if name in self.shards:
            entry["shards"] = [shard._asdict() for shard in self.shards[name]]
        return entry

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = FILE_NAME) -> DatasetSpec:
        """Reads the content of `dataset.json`; unknown keys are ignored.

        Args:
            values: the parsed JSON object.
            source: what error messages call it.

        Raises:
            DataError: when a key is missing or has a value of the wrong kind.
        """
        try:
            return cls(**spec_arguments(values))
        except DataError as error:
            raise DataError(f"{source}: {error} {template_text()}") from None

    @classmethod
    def load(cls, folder: str | os.PathLike) -> DatasetSpec:
        """Reads ``FOLDER/dataset.json``.

        Raises:
            DataError: when the file is missing (the message is a template for it) or wrong.
        """
        folder = user_path(folder)
        path = folder / FILE_NAME
        check_folder(folder, "Give a data set's folder or 'synthetic'.")
        try:
            values = read_json(path)
        except FileNotFoundError:
            raise DataError(
                f"{path}: no such file, and the classes are never guessed. {template_text()}"
            ) from None
        except ValueError as error:
            raise DataError(f"{error} {template_text()}") from None
        return cls.from_dict(of_kind(values, dict, str(path)), source=str(path))

    def save(self, folder: str | os.PathLike) -> None:
        """Writes ``FOLDER/dataset.json``."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        write_atomically(user_path(folder) / FILE_NAME, text.encode("utf-8"))


def palette_bytes(spec: DatasetSpec) -> bytes:
    """Returns the palette of label PNGs as Pillow takes it.

    Args:
        spec: the data set.

    Returns:
        768 bytes: red, green, blue of ids 0..255; void in VOC's light grey, ids that are no
        class in VOC's colours.
    """
    colors = list(spec.palette) + list(voc_palette(256)[spec.num_classes :])
    colors[spec.ignore_label] = VOID_COLOR
    return bytes(value for color in colors for value in color)
