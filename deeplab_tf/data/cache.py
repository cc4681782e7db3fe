"""Keeps the decoded examples of a split in memory."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.data.split import Split


class CachedSplit:
    """Keeps the decoded examples of another split, each from its first use on.

    The memory it takes is height x width x 4 bytes an example: 250 MB for the 367 images of
    CamVid, 6 GB for VOC's train_aug.

    Args:
        split: what to read from.

    Example:
        >>> from deeplab_tf.data.synthetic import SyntheticSplit
        >>> split = CachedSplit(SyntheticSplit("train", examples=2))
        >>> split.load(tf.constant(1, tf.int64))["image"].shape
        TensorShape([97, 97, 3])
    """

    def __init__(self, split: Split):
        self._split = split
        self.spec, self.names = split.spec, split.names
        self.split, self.labelled = split.split, split.labelled
        with tf.init_scope(), tf.device("CPU:0"):
            self._names = tf.constant(split.names)
            # Number -> list of image and label; what the table gives out is shared, not copied.
            self._kept = tf.lookup.experimental.MutableHashTable(
                tf.int64, tf.variant, default_value=_empty_list(), experimental_is_anonymous=True
            )

    def __len__(self) -> int:
        return len(self._split)

    def load(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads one example inside a graph; see ``Split.load``."""
        index = tf.cast(index, tf.int64)
        kept = self._kept.lookup(index)
        image, label = tf.cond(
            tf.equal(tf.raw_ops.TensorListLength(input_handle=kept), 0),
            lambda: self._fill(index),
            lambda: (_item(kept, 0), _item(kept, 1)),
        )
        return {
            "image": tf.ensure_shape(image, [None, None, 3]),
            "label": tf.cast(tf.ensure_shape(label, [None, None]), tf.int32),
            "name": self._names[index],
        }

    def _fill(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = self._split.load(index)
        # Ids are classes or void, so a byte holds them.
        pair, both = (example["image"], tf.cast(example["label"], tf.uint8)), _empty_list()
        for tensor in pair:
            both = tf.raw_ops.TensorListPushBack(input_handle=both, tensor=tensor)
        # Two threads that fill the same place write the same.
        with tf.control_dependencies([self._kept.insert(index, both)]):
            return tuple(tf.identity(tensor) for tensor in pair)

    def check(self, limit: int | None = None) -> None:
        """Checks what lies beneath; see ``Split.check``."""
        self._split.check(limit)


def _empty_list() -> tf.Tensor:
    return tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype=tf.uint8)


def _item(items: tf.Tensor, place: int) -> tf.Tensor:
    return tf.raw_ops.TensorListGetItem(
        input_handle=items, index=place, element_shape=-1, element_dtype=tf.uint8
    )
