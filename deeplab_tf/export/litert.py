"""Exports a model for LiteRT (TensorFlow Lite), for images of one size, quantized if wanted."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplab_tf import compat
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
from deeplab_tf.export.parity_images import example_images, verification_images
from deeplab_tf.models.old_names import renamed_argument

# Precision -> share of labels that has to equal the predictor's.
LEAST_EQUAL_LABELS = {"float32": 0.9999, "float16": 0.995, "int8": 0.98}
CALIBRATION_IMAGES = 20  # each takes seconds


@renamed_argument("say", "log")
def export_litert(
    predictor: Predictor,
    output: str | os.PathLike,
    size: tuple[int, int],
    precision: str = "float32",
    calibrate_on: str | os.PathLike | None = None,
    verify_on: str | os.PathLike | None = None,
    least_equal_labels: float | None = None,
    overwrite: bool = False,
    log: Callable[[str], None] = print,
) -> Path:
    """Writes a `.tflite` file that labels one image of a fixed size.

    Its signature `serving_default` takes `images`, uint8 RGB [1, H, W, 3], and gives `labels`,
    uint8 [1, H, W], and `logits`, float32 [1, H, W, C]. The predictor's scales and mirrored
    images are built in. The file is a ZIP archive too, which holds the data set:
    `unzip -p FILE dataset.json`. Before the file is put into its place its labels are compared
    with the predictor's.

    Args:
        predictor: to export, without CRF and tiles.
        output: file to write, ending in `.tflite`; one that this function wrote is replaced.
        size: height and width of the images.
        precision: of the weights. `float16` halves the file and still computes in float32 on a
            processor; `int8` quarters it and computes in whole numbers, several times as fast.
        calibrate_on: data set, as for `open_split`, whose training images show `int8` how
            large activations become; they have to be of the kind that is labelled later.
        verify_on: images to compare labels on: a file, a folder or a pattern; None for some of
            the split `val` of `calibrate_on`, and without that for embedded ones.
        least_equal_labels: share of labels that has to be equal; None for
            `LEAST_EQUAL_LABELS[precision]`.
        overwrite: replace the file also where this function did not write it.
        log: receives lines for people.

    Returns:
        The file.

    Raises:
        ValueError: an argument is wrong, LiteRT cannot hold the predictor, too few labels are
            equal, or another file is there. Nothing is written then.
        ImportError: the extra `litert` is not installed.
    """
    output = user_path(output)
    check_exportable(predictor, "LiteRT", "litert", ["ai_edge_litert"])
    _check(output, precision, calibrate_on)
    check_outputs({output: _is_own}, overwrite)
    calibration: list[np.ndarray] = []
    if calibrate_on:  # int8, as `_check` says
        calibration = example_images(calibrate_on, "train", CALIBRATION_IMAGES, size)
        log(f"int8 is calibrated on {len(calibration)} images of {calibrate_on}, split train")
    images = verification_images(verify_on, calibrate_on, size)
    least = LEAST_EQUAL_LABELS[precision] if least_equal_labels is None else least_equal_labels
    with whole_file(output) as partial:
        partial.write_bytes(_convert(predictor, size, precision, calibration))
        with zipfile.ZipFile(partial, "a") as archive:
            archive.writestr(FILE_NAME, json.dumps(predictor.model.spec.to_dict(), indent=1))
        agreement = require_agreement(LiteRtLabeller(partial), predictor, images, least)
    log(f"LiteRT {precision} against the Python predictor: {agreement}")
    return output


def _check(output: Path, precision: str, calibrate_on: str | os.PathLike | None) -> None:
    if output.suffix != ".tflite":
        raise ValueError(f"{output}: the name of a LiteRT file ends in .tflite.")
    if precision not in LEAST_EQUAL_LABELS:
        raise ValueError(
            f"precision must be one of {list(LEAST_EQUAL_LABELS)}. Received: {precision!r}"
        )
    if precision == "int8" and not calibrate_on:
        raise ValueError(
            "int8 needs images to calibrate on: calibrate_on, a data set such as the one that "
            "the model was trained on, or synthetic."
        )
    if precision != "int8" and calibrate_on:
        raise ValueError(f"calibrate_on belongs to int8. Received: precision={precision!r}")


def _is_own(file: Path) -> bool:
    """Returns whether the file is one of ours: a ZIP archive with the data set."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return FILE_NAME in archive.namelist()


def _convert(
    predictor: Predictor, size: tuple[int, int], precision: str, calibration: Sequence[np.ndarray]
) -> bytes:
    function = labelling_function(predictor, (1, *size)).get_concrete_function()
    module = tf.Module()  # the converter looks for variables here
    module.function = function
    module.variables_read = [compat.tf_variable(v) for v in predictor.model.weights]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: ({"images": x[None]} for x in calibration)
    with quiet():
        return converter.convert()


class LiteRtLabeller:
    """Labels images with a `.tflite` file, without TensorFlow.

    Args:
        path: the file.
        threads: number of threads; None for the interpreter's choice.
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._run = interpreter.get_signature_runner("serving_default")

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels uint8 RGB [H, W, 3]; returns labels [H, W] and logits [H, W, C]."""
        results = self._run(images=image[None])
        return results["labels"][0], results["logits"][0]
