"""Computes a network's logits of images once and keeps them on disk."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplab_tf.data.class_mapping import class_mapping
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.paths import checked_name, user_path
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split import Split, naming_broken_files, require_labels
from deeplab_tf.evaluation.traced_once import TracedOnce
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.inference import NOT_FINITE, Inference
from deeplab_tf.tuning.candidates import Example


class CachedLogits(Sequence[Example]):
    """Images of a split with the network's logits, as a sequence of `Example`.

    The files hold the logits on the feature grid, in float32: at an output stride of 8 a
    sixty-fourth of those at full size. They are zoomed when an item is read, as a `Predictor` does,
    and give its labels. Logits of files that exist already are not computed again.

    Classes are matched by their names. Logits keep the model's order of classes, in which its CRF
    may have parameters; the labels of the data set become the model's ids.

    Args:
        model: a DeepLab.
        split: where the images come from.
        indices: which images.
        folder: for the files, of this model and data set only.
        progress: makes a progress bar, such as `cli.progress_bar`.
        workers: images that the network runs on at a time.

    Attributes:
        spec: the data set, its classes in the model's order.

    Raises:
        ValueError: model and data set have other classes.
        DataError: a file is broken, also one of logits when it is read; or the split has no labels.
        FloatingPointError: the network's logits for an image are not finite.
    """

    def __init__(
        self,
        model: DeepLab,
        split: Split,
        indices: Sequence[int],
        folder: str | os.PathLike,
        progress: Callable,
        workers: int = 1,
    ):
        mapping = class_mapping(model.spec, split.spec)
        self.spec = dataclasses.replace(
            split.spec,
            class_names=tuple(split.spec.class_names[i] for i in mapping),
            palette=tuple(split.spec.palette[i] for i in mapping),
        )
        self._model_ids = np.arange(256)
        self._model_ids[mapping] = np.arange(len(mapping))
        require_labels(split)
        self.split, self.indices, self._folder = split, list(indices), user_path(folder)
        grid = tf.TensorSpec([None, None, model.num_classes], tf.float32)
        side = tf.TensorSpec([], tf.int32)
        inference = Inference(model, [model.image_scale])
        self._zoom = TracedOnce(
            lambda x, h, w: inference.zoom(x[None], h, w)[0], [grid, side, side]
        )
        image = tf.TensorSpec([None, None, 3], tf.uint8)
        compute = TracedOnce(lambda x: inference.grid_logits(x[None])[0], [image])

        def write(index: int) -> None:
            example = self._load(index)
            logits = compute(example["image"]).numpy()
            if not np.isfinite(logits).all():
                raise FloatingPointError(f"{example['name'].numpy().decode()}: {NOT_FINITE}")
            with io.BytesIO() as contents:
                np.save(contents, logits)
                write_atomically(self._file(index), contents.getvalue())

        missing = [index for index in self.indices if not self._file(index).exists()]
        with naming_broken_files(split), ThreadPoolExecutor(workers) as threads:
            for _ in progress(threads.map(write, missing), total=len(missing)):
                pass

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> Example:  # type: ignore[override]  # no slices
        index = self.indices[number]
        loaded = self._load(index)
        image, label = (loaded[key].numpy() for key in ("image", "label"))
        logits = self._zoom(_read_array(self._file(index)), *image.shape[:2])
        return Example(logits.numpy(), image, self._model_ids[label])

    def _load(self, index: int) -> dict[str, tf.Tensor]:
        return self.split.load(tf.constant(index, tf.int64))

    def _file(self, index: int) -> Path:
        return self._folder / f"{checked_name(self.split.split, 'split')}-{index:06d}.npy"


def _read_array(file: Path) -> np.ndarray:
    try:
        logits = np.load(file)
        if not np.isfinite(logits).all():
            raise ValueError("logits that are not finite")
        return logits
    except (ValueError, EOFError) as error:
        raise DataError(f"{file}: broken ({error}). Remove it; it is computed again.") from error
