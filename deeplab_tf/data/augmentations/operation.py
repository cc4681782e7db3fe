"""The contract of augmentation operations.

An operation is a class in a file of its own and a row in `OPERATIONS` of `__init__.py`. It is
`Geometric` if it decides which part of the image an example shows, and `Photometric` if it changes
colours. Nothing else has to know of it: the parser, the log, the configuration and the training
pipeline go through the table.
"""

from __future__ import annotations

import abc
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

import tensorflow as tf

from deeplab_tf.data.augmentations.argument import Argument, Values
from deeplab_tf.data.augmentations.frame import Frame, TransformedFrame

# How many numbers version 0.1 drew for an example: for the factor, the crop's row and column, and
# the mirror.
_RELEASED = 4


class Draws:
    """The random numbers of one operation for one example.

    They depend on the example's seed, the operation's name and how often that name occurred
    before: another operation in the list, or another order, changes none of them.

    Args:
        seed: the example's, int32 or int64 [2].
        name: the operation's.
        occurrence: how many operations of this name stand before it.
        released: what is returned instead, float64; see `Operation.released_draws`.
    """

    def __init__(
        self, seed: tf.Tensor, name: str, occurrence: int = 0, released: tf.Tensor | None = None
    ):
        self._example, self._tag, self._released = seed, f"{name}#{occurrence}", released

    @property
    def seed(self) -> tf.Tensor:
        """Seed int64 [2] for any function of `tf.random.stateless_*`."""
        tag = tf.constant(zlib.crc32(self._tag.encode()), tf.int64)
        return tf.random.experimental.stateless_fold_in(self._example, tag)

    def number(self) -> tf.Tensor:
        """Draws a float64 scalar in [0, 1)."""
        return self._uniform([])

    def numbers(self, count: int) -> tf.Tensor:
        """Draws float64 [count] in [0, 1)."""
        return self._uniform([count])

    def _uniform(self, shape: list[int]) -> tf.Tensor:
        if self._released is not None:
            return self._released
        return tf.random.stateless_uniform(shape, seed=self.seed, dtype=tf.float64)


_Kind = TypeVar("_Kind", bound="Operation")


def draw_each(
    operations: Sequence[Operation], seed: tf.Tensor, kind: type[_Kind]
) -> Iterator[tuple[_Kind, Draws]]:
    """Yields the operations of a kind, each with its random numbers.

    Args:
        operations: all, in their order.
        seed: the example's, int32 or int64 [2].
        kind: `Geometric` or `Photometric`.
    """
    released, occurrences = None, Counter[str]()
    for operation in operations:
        occurrence, places, own = occurrences[operation.name], operation.released_draws, None
        occurrences[operation.name] += 1
        if not isinstance(operation, kind):
            continue
        if places is not None and occurrence == 0:
            if released is None:
                released = tf.random.stateless_uniform([_RELEASED], seed=seed, dtype=tf.float64)
            own = released[places]
        yield operation, Draws(seed, operation.name, occurrence, own)


class Operation(abc.ABC):
    """One operation of an augmentation.

    Attributes:
        name: how it is called in the text.
        arguments: what it takes between the parentheses.
        released_draws: places of its numbers among those that version 0.1 drew for an example, so
            that crops stay the same; None for operations that came later and draw their own.
        values: what it was given, one an argument; those left out are missing.

    Args:
        *values: as the attribute; checked by `parse_operations`.
    """

    name: ClassVar[str]
    arguments: ClassVar[tuple[Argument, ...]] = ()
    released_draws: ClassVar[int | slice | None] = None

    def __init__(self, *values: Values):
        self.values = values

    def __str__(self) -> str:
        """Writes the operation as it stands in a configuration."""
        return f"{self.name}({','.join(map(str, self.values))})" if self.values else self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class Geometric(Operation):
    """An operation that decides which part of the image is shown, and how.

    Attributes:
        changes_size: whether the result has another size, so that it must stand before `crop`.
    """

    changes_size: ClassVar[bool] = False

    @abc.abstractmethod
    def place(self, frame: Frame | TransformedFrame, draws: Draws) -> Frame | TransformedFrame:
        """Changes what is shown.

        Nothing is resampled here: frames only keep where a pixel comes from, and all operations
        together read the image once.

        Args:
            frame: what the operations before it show; its methods `resized`, `cropped`, `flipped`
                and `transformed` return changed ones.
            draws: random numbers.
        """


class Photometric(Operation):
    """An operation that changes colours."""

    @abc.abstractmethod
    def change(self, image: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Changes the colours of a crop.

        Args:
            image: float32 [height, width, 3], RGB 0..255, without padding.
            draws: random numbers.

        Returns:
            float32 of the same shape; values outside 0..255 are clipped afterwards.
        """
