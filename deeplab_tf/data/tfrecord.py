"""Reads folders of TFRecord shards."""

from __future__ import annotations

import dataclasses
import os
from functools import partial

import tensorflow as tf

from deeplab_tf.data.encoded import decode_example
from deeplab_tf.data.example_checks import Label, check_examples, inspect_example
from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.image import fitting_pixels
from deeplab_tf.data.paths import checked_name, user_path
from deeplab_tf.data.png import label_ids
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.tfrecord_shards import index_shard

_BYTES = tf.io.FixedLenFeature([], tf.string)
_NO_LABEL = tf.io.FixedLenFeature([], tf.string, default_value="")


class TfrecordSplit:
    """One split of a folder of TFRecord shards, as ``tools/convert_dataset.py`` writes it.

    Opening finds where every example lies and its name and reads no image. After that an
    example is read by its number, in the order of the list that was converted, so that
    training sees the same batches as from the files that the shards were made of.

    Args:
        folder: the data set; its ``dataset.json`` lists the shards.
        split: name of the split.

    Attributes:
        spec: what ``dataset.json`` says, without the shards.
        names: name of every example.
        labelled: whether the examples have labels; those of a test split may have none.

    Raises:
        DataError: when there is no such split, or a shard is missing, cut off or another one.
    """

    def __init__(self, folder: str | os.PathLike, split: str):
        self.folder, self.split = user_path(folder), checked_name(split, folder)
        spec = DatasetSpec.load(self.folder)
        if split not in spec.shards:
            known = ", ".join(spec.shards)
            raise DataError(f"{folder}: no split {split!r}. Splits of this data set: {known}.")
        self.spec = dataclasses.replace(spec, shards={})
        shards = spec.shards[split]
        entries = [entry for shard in shards for entry in index_shard(self.folder, shard)]
        self.names = [entry.name for entry in entries]
        self._files = [str(self.folder / s.file) for s in shards for _ in range(s.examples)]
        with tf.init_scope(), tf.device("CPU:0"):
            files = [*map(os.fsencode, self._files)]
            self._table = tf.constant([[name.encode() for name in self.names], files])
            self._offsets = tf.constant([entry.offset for entry in entries], tf.int64)
        self.labelled = bool(self._contents(0)["label/encoded"])

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads the bytes of one example inside a graph; see ``EncodedSplit.read``."""
        name, stored = self._table[0, index], self._read(index)
        encoded = {"name": name, "image": stored["image/encoded"], "image_file": name}
        if self.labelled:
            encoded.update(label=stored["label/encoded"], label_file=name)
        return encoded

    def load(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads one example inside a graph; see ``Split.load``."""
        return decode_example(self.read(index), self.spec)

    def _read(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        # The public class reads a file from its start only; this operation begins anywhere.
        records = tf.raw_ops.TFRecordDatasetV2(
            filenames=self._table[1, index, None],
            compression_type="",
            buffer_size=tf.constant(0, tf.int64),
            byte_offsets=self._offsets[index, None],
        )
        records = tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string))
        features = {"image/encoded": _BYTES, "label/encoded": _NO_LABEL}
        return tf.io.parse_single_example(records.take(1).get_single_element(), features)

    def check(self, limit: int | None = None) -> None:
        """Reads the examples and reports all that is wrong; see ``Split.check``."""
        check_examples(f"{self.folder}, split {self.split!r}", len(self), limit, self._problems)

    def _problems(self, index: int) -> list[str]:
        name = f"{self._files[index]}, {self.names[index]}"
        try:
            contents = self._contents(index)
        except DataError as error:
            return [str(error)]
        image = partial(fitting_pixels, contents["image/encoded"], name)
        label = Label(name, partial(label_ids, contents["label/encoded"], name, self.spec))
        return inspect_example(image, label if self.labelled else None, self.spec)[0]

    def _contents(self, index: int) -> dict[str, bytes]:
        try:
            with tf.device("CPU:0"):
                stored = self._read(tf.constant(index, tf.int64))
        except tf.errors.OpError as error:
            name = f"{self._files[index]}, {self.names[index]}"
            raise DataError(f"{name}: broken ({plain_reason(error)}).") from None
        return {key: value.numpy() for key, value in stored.items()}
