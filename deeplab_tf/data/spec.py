"""DatasetSpec: the one description of a data set (``dataset.json``)."""

import dataclasses
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import DataError, checked_name, user_path

FILE_NAME = "dataset.json"
VOID_COLOR = (224, 224, 192)
# Unicode's categories of control and format characters, surrogates and breaks of lines.
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")

Color = tuple[int, int, int]


def voc_palette(count: int) -> tuple[Color, ...]:
    """The colours of the PASCAL VOC annotations.

    The bits of an id are dealt to red, green and blue in turn, each channel filled from its
    highest bit down.

    Args:
        count: how many colours, at most 256.

    Returns:
        ``count`` tuples (red, green, blue), 0..255.

    Example:
        >>> voc_palette(3)
        ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    """

    def channel(index: int, bit: int) -> int:
        return sum(((index >> (3 * k + bit)) & 1) << (7 - k) for k in range(3))

    return tuple((channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(count))


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
        ignore_label: id of pixels that count neither in the loss nor in a score.
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
            if any(map(_steers_a_terminal, name)):
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
        """How many classes a model of this data set tells apart; void is none of them."""
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """The form of ``dataset.json``."""
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
    def from_dict(cls, values: Mapping[str, Any], source: str = FILE_NAME) -> "DatasetSpec":
        """Reads the form of ``dataset.json``; unknown keys are left aside.

        Args:
            values: the parsed JSON object.
            source: what error messages call it.

        Raises:
            DataError: when a key is missing or has a value of the wrong kind.
        """
        try:
            return cls(
                name=_of_kind(values.get("name", ""), str, "name"),
                class_names=tuple(
                    _of_kind(name, str, "class_names")
                    for name in _of_kind(values.get("class_names"), list | tuple, "class_names")
                ),
                palette=tuple(
                    tuple(_of_kind(v, int, "palette") for v in _of_kind(c, list | tuple, "palette"))
                    for c in _of_kind(values.get("palette", []), list | tuple, "palette")
                ),
                splits=_split_sizes(values.get("splits", {})),
                shards=_split_shards(values.get("splits", {})),
                ignore_label=_of_kind(values.get("ignore_label", 255), int, "ignore_label"),
            )
        except DataError as error:
            raise DataError(f"{source}: {error} {_template_text()}") from None

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "DatasetSpec":
        """Reads ``FOLDER/dataset.json``.

        Raises:
            DataError: when the file is missing (the message is a template for it) or wrong.
        """
        folder = user_path(folder)
        path = folder / FILE_NAME
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder. Give a data set's folder or 'synthetic'.")
        try:
            values = read_json(path)
        except FileNotFoundError:
            raise DataError(
                f"{path}: no such file, and the classes are never guessed. {_template_text()}"
            ) from None
        except ValueError as error:
            raise DataError(f"{error} {_template_text()}") from None
        return cls.from_dict(_of_kind(values, dict, str(path)), source=str(path))

    def save(self, folder: str | os.PathLike) -> None:
        """Writes ``FOLDER/dataset.json``."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        write_atomically(user_path(folder) / FILE_NAME, text.encode("utf-8"))


def palette_bytes(spec: DatasetSpec) -> bytes:
    """The palette of label PNGs as Pillow takes it.

    Returns:
        768 bytes: red, green, blue of ids 0..255; void in VOC's light grey, ids that are no
        class in VOC's colours.
    """
    colors = list(spec.palette) + list(voc_palette(256)[spec.num_classes :])
    colors[spec.ignore_label] = VOID_COLOR
    return bytes(value for color in colors for value in color)


def _steers_a_terminal(character: str) -> bool:
    """Whether a character does something else than appear, such as escape sequences do."""
    joins_letters = character in "\u200c\u200d"  # scripts from Persian to Malayalam need them
    return unicodedata.category(character) in _INVISIBLE and not joins_letters


def _of_kind(value: Any, kind: Any, key: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{key!r} is missing or of the wrong kind, received {value!r}.")
    return value


def _split_sizes(splits: Any) -> dict[str, int]:
    entries = {
        checked_name(name, "splits"): _of_kind(entry, dict, f"splits.{name}")
        for name, entry in _of_kind(splits, dict, "splits").items()
    }
    return {
        name: _of_kind(entry["examples"], int, f"splits.{name}.examples")
        for name, entry in entries.items()
        if "examples" in entry
    }


def _split_shards(splits: Mapping[str, Any]) -> dict[str, tuple[Shard, ...]]:
    return {
        name: tuple(
            _read_shard(shard, f"splits.{name}.shards")
            for shard in _of_kind(entry["shards"], list | tuple, f"splits.{name}.shards")
        )
        for name, entry in splits.items()
        if entry.get("shards")
    }


def _read_shard(entry: Any, key: str) -> Shard:
    values = _of_kind(entry, dict, key)
    kinds = Shard.__annotations__
    shard = Shard(**{name: _of_kind(values.get(name), kinds[name], key) for name in kinds})
    checked_name(shard.file, key)
    return shard


def _template_text() -> str:
    return (
        f"{FILE_NAME} must look like this (class_names in the order of the label ids; palette "
        'and splits may be left out):\n{"name": "my_data", '
        '"class_names": ["background", "cat", "dog"], "ignore_label": 255,\n '
        '"palette": [[0, 0, 0], [128, 0, 0], [0, 128, 0]],\n '
        '"splits": {"train": {"examples": 100}, "val": {"examples": 20}}}'
    )
