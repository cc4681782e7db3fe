"""Labels images with a SavedModel, through the interface of `Predictor`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.paths import user_path, without_wildcards
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.batches import checked_image
from deeplab_tf.export.safe_saved_model import check_saved_model
from deeplab_tf.models.inference import NOT_FINITE


class SavedPredictor:
    """Labels images with an exported SavedModel: its scales, mirroring and CRF are built in.

    Args:
        path: folder that `tools/export.py` has written.
        safe_mode: refuses a SavedModel that does more than compute labels (docs/security.md).
            False loads any, which can then do what a program can.

    Attributes:
        spec: DatasetSpec, the classes.

    Raises:
        ValueError: the SavedModel is broken, does more than compute, or another program has
            written it.
    """

    def __init__(self, path: str | os.PathLike, safe_mode: bool = True):
        path = user_path(path)
        if safe_mode:
            check_saved_model(path)
        try:
            self._loaded = load_quietly(path)
            self._predict = self._loaded.signatures["predict_tensor"]
        except Exception as error:  # of a damaged graph TensorFlow raises many kinds
            reason = plain_reason(error)
            raise ValueError(f"{path}: not a SavedModel of tools/export.py ({reason}).") from error
        self.spec = DatasetSpec.load(path / "assets")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Labels one image.

        Args:
            image: uint8 RGB [H, W, 3], any size; a large one takes much memory, since a
                SavedModel has no tiles.

        Returns:
            uint8 [H, W] label ids.

        Raises:
            ValueError: the image is of another type or shape.
            FloatingPointError: the network's logits are not finite.
        """
        images = tf.constant(checked_image(image)[None])
        try:
            return self._predict(images=images)["labels"][0].numpy()
        except tf.errors.InvalidArgumentError as error:
            if NOT_FINITE not in str(error):
                raise
            raise FloatingPointError(NOT_FINITE) from error


def load_quietly(path: str | os.PathLike) -> Any:
    """Loads a SavedModel without TensorFlow's warnings of functions that have no gradient."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with without_wildcards(path) as folder:
            return tf.saved_model.load(folder)
    finally:
        logging.set_verbosity(verbosity)
