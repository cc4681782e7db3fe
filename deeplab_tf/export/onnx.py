"""Exports a model as ONNX."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deeplab_tf.data.files import whole_file
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import FILE_NAME
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.mobile import (
    check_exportable,
    labelling_function,
    quiet,
    require_agreement,
)
from deeplab_tf.export.onnx_graph import REWRITERS, pad_explicitly
from deeplab_tf.export.parity_images import verification_images
from deeplab_tf.models.old_names import renamed_argument

OPSET = 18
LEAST_EQUAL_LABELS = 0.9999


@renamed_argument("say", "log")
def export_onnx(
    predictor: Predictor,
    output: str | os.PathLike,
    size: tuple[int, int] | None = None,
    verify_on: str | os.PathLike | None = None,
    least_equal_labels: float | None = None,
    overwrite: bool = False,
    log: Callable[[str], None] = print,
) -> Path:
    """Writes an `.onnx` file that labels images of any size, or of a fixed one.

    It takes `images`, uint8 RGB [B, H, W, 3], and gives `labels`, uint8 [B, H, W], and `logits`,
    float32 [B, H, W, C], whose softmax are probabilities. The predictor's scales and mirrored
    images are built in. The data set is the metadata entry `dataset.json`. Before the file is put
    into its place its labels are compared with the predictor's.

    Args:
        predictor: to export, without CRF and tiles.
        output: file to write, ending in `.onnx`; one that this function wrote is replaced.
        size: height and width of the one image that it takes; None for batches of any size.
        verify_on: images to compare labels on: a file, a folder or a pattern; None for
            embedded ones.
        least_equal_labels: share of labels that has to be equal; None for `LEAST_EQUAL_LABELS`.
        overwrite: replace the file also where this function did not write it.
        log: receives lines for people.

    Returns:
        The file.

    Raises:
        ValueError: an argument is wrong, ONNX cannot hold the predictor, too few labels are
            equal, or another file is there. Nothing is written then.
        ImportError: the extra `onnx` is not installed.
    """
    output = user_path(output)
    check_exportable(predictor, "ONNX", "onnx", ["tf2onnx", "onnxruntime"])
    if output.suffix != ".onnx":
        raise ValueError(f"{output}: the name of an ONNX file ends in .onnx.")
    check_outputs({output: _is_own}, overwrite)
    images = verification_images(verify_on, size=size)
    least = LEAST_EQUAL_LABELS if least_equal_labels is None else least_equal_labels
    with whole_file(output) as partial:
        partial.write_bytes(_convert(predictor, size))
        agreement = require_agreement(OnnxLabeller(partial), predictor, images, least)
    log(f"ONNX against the Python predictor: {agreement}")
    return output


def _is_own(file: Path) -> bool:
    """Returns whether the file is one of ours: the data set is among its metadata."""
    return file.is_file() and FILE_NAME.encode() in file.read_bytes()


def _convert(predictor: Predictor, size: tuple[int, int] | None) -> bytes:
    import onnx
    import tf2onnx

    # From a size that it knows, tf2onnx makes factors for resizing, and rounds them.
    scaled = any(scale != 1 for scale in (*predictor.scales, *predictor.model.scales))
    shape = (None, None, None) if size is None or scaled else (1, *size)
    function = labelling_function(predictor, shape)
    with quiet():
        model, _ = tf2onnx.convert.from_function(
            function, function.input_signature, opset=OPSET, custom_rewriter=REWRITERS
        )
    pad_explicitly(model.graph)
    if size is not None:
        dims = model.graph.input[0].type.tensor_type.shape.dim
        for dim, side in zip(dims, (1, *size, 3), strict=True):
            dim.dim_value = side
    onnx.helper.set_model_props(model, {FILE_NAME: json.dumps(predictor.model.spec.to_dict())})
    onnx.checker.check_model(model)
    return model.SerializeToString()


class OnnxLabeller:
    """Labels images with an `.onnx` file, without TensorFlow.

    Args:
        path: the file.
        threads: number of threads; None for one a core.
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels uint8 RGB [H, W, 3]; returns labels [H, W] and logits [H, W, C]."""
        labels, logits = self._session.run(["labels", "logits"], {"images": image[None]})
        return labels[0], logits[0]
