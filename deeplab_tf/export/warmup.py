"""Warm-up requests, which TF Serving sends to a new SavedModel before its first client does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.export.parity_images import cut_to

FILE_NAME = "assets.extra/tf_serving_warmup_requests"
# Height and width of a usual image, landscape and portrait.
_SIZES = ((375, 500), (500, 375))


def write_warmup_requests(folder: str | os.PathLike, model_name: str, max_pixels: int) -> int:
    """Writes one request with encoded images and one for each size with pixels.

    Args:
        folder: the SavedModel.
        model_name: as TF Serving calls it.
        max_pixels: largest image that the SavedModel takes.

    Returns:
        The number of requests.

    Raises:
        ImportError: the extra `serving` is not installed.

    Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except Exception as error:  # protobuf refuses what another release generated in several ways
        raise ImportError(
            f"tensorflow-serving-api cannot be imported ({error}); "
            "pip install 'deeplab_tf[serving]'"
        ) from error
    images = [cut_to(_image(*size), max_pixels) for size in _SIZES]
    contents = [tf.io.encode_jpeg(image).numpy() for image in images]
    inputs: list[tuple[str, str, Any]] = [("serving_default", "image_bytes", contents)]
    inputs += [("predict_tensor", "images", image[None]) for image in images]
    path = Path(folder) / FILE_NAME
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, name, values in inputs:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
    return len(inputs)


def _image(height: int, width: int) -> np.ndarray:
    scene, _ = draw_scene("val", 0)
    rows, columns = scene.shape[:2]
    return np.tile(scene, [-(-height // rows), -(-width // columns), 1])[:height, :width]
