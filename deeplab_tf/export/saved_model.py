"""Exports a model as a SavedModel for TF Serving."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.data.files import make_folder, naming_written
from deeplab_tf.data.paths import user_path
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.fold import folded
from deeplab_tf.export.parity_images import cut_to, verification_images
from deeplab_tf.export.serving_module import ServingModule
from deeplab_tf.export.verify import (
    LARGEST_DIFFERENCE,
    LEAST_EQUAL_LABELS,
    compare,
)
from deeplab_tf.export.warmup import write_warmup_requests
from deeplab_tf.models.old_names import renamed_argument


@renamed_argument("say", "log")
def export_saved_model(
    predictor: Predictor,
    output: str | os.PathLike,
    max_pixels: int | None = None,
    verify_on: str | os.PathLike | None = None,
    precision: str = "float32",
    least_equal_labels: float | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Writes a SavedModel with the signatures `serving_default` and `predict_tensor`.

    The predictor's scales, mirrored images and CRF are built in, and images may have any size. The
    graph holds no Python function and loads where `deeplab_tf` is not installed. Before it is put
    into its place its labels and probabilities are compared with the predictor's.

    Args:
        predictor: to export; its CRF in stock operations, and without tiles.
        output: folder to write, for TF Serving `MODEL/VERSION` with a whole number for the
            version. Written beside its place and renamed, so that a server that watches the
            folder never sees a part.
        max_pixels: largest height times width of an encoded image; a larger one is refused
            before it is decoded. Memory grows with it. None: the largest that the predictor
            labels as a whole, since a SavedModel has no tiles.
        verify_on: images to compare predictions on: a file, a folder or a pattern; None for
            embedded ones.
        precision: number format of the convolutions. `bfloat16` converts the weights once, to half
            the size, and keeps them as constants of the graph; inputs, outputs and the CRF stay as
            they are. Processors without bfloat16 arithmetic compute it slower than `float32`.
        least_equal_labels: share of labels that has to be equal; None for
            `LEAST_EQUAL_LABELS[precision]`.
        log: receives lines for people.

    Returns:
        The folder.

    Raises:
        ValueError: the folder exists, the predictor has tiles or a CRF of Python code, or the
            SavedModel disagrees with the predictor. Nothing is written then.
        OSError: the folder cannot be written.
    """
    output = user_path(output)
    max_pixels = predictor.whole_pixels if max_pixels is None else max_pixels
    _check(predictor, output, max_pixels, precision)
    if not output.name.isdecimal():
        log(
            f"{output}: TensorFlow Serving takes only folders whose name is a number, such as "
            f"{output / '1'}; it would not find this one."
        )
    images = [cut_to(image, max_pixels) for image in verification_images(verify_on)]
    make_folder(output.parent, output)
    with naming_written(output, output.parent):
        partial = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        with naming_written(output, partial):
            _write(predictor, partial, max_pixels, precision)
            _write_extras(predictor, partial, output.absolute().parent.name, max_pixels, log)
        agreement = compare(partial, predictor.with_precision("float32"), images)
        log(f"SavedModel ({precision}) against the Python predictor: {agreement}")
        least = LEAST_EQUAL_LABELS[precision] if least_equal_labels is None else least_equal_labels
        if not agreement.reaches(least, LARGEST_DIFFERENCE[precision]):
            raise ValueError(
                f"{output} is not written: the SavedModel does not agree with the predictor "
                f"({agreement}; needed: {100 * least:.2f} % and at most "
                f"{LARGEST_DIFFERENCE[precision]})."
            )
        partial.chmod(0o755)
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return output


def _check(predictor: Predictor, output: Path, max_pixels: int, precision: str) -> None:
    if precision not in LEAST_EQUAL_LABELS:
        raise ValueError(
            f"The precision of a SavedModel must be one of {list(LEAST_EQUAL_LABELS)}. "
            f"Received: precision={precision!r}"
        )
    if predictor.crf is not None and predictor.crf.parameters.implementation != "graph":
        raise ValueError(
            "A SavedModel holds the CRF in stock operations only: implementation='graph'. "
            f"Received: {predictor.crf.parameters.implementation!r}."
        )
    if predictor.tile is not None:
        raise ValueError(f"A SavedModel has no tiles. Received: tile={predictor.tile}.")
    if not 1 <= max_pixels <= tf.int64.max:
        raise ValueError(
            f"max_pixels must be at least 1, of 64 bits. Received: max_pixels={max_pixels}."
        )
    if output.exists():
        raise ValueError(f"{output} exists. Give a new version, such as {_next_version(output)}.")


def _next_version(output: Path) -> Path:
    versions = [int(p.name) for p in output.parent.iterdir() if p.name.isdecimal()]
    return output.parent / str(max(versions, default=0) + 1)


def _write(predictor: Predictor, folder: Path, max_pixels: int, precision: str) -> None:
    predictor = predictor.with_precision(precision)
    constant = precision != "float32"
    with folded(predictor.model) as variables:
        variables = ([] if constant else variables) + _crf_variables(predictor)
        module = ServingModule(predictor, variables, max_pixels, constant)
        signatures = {
            "serving_default": module.label_bytes,
            "predict_tensor": module.predict_tensor,
        }
        # Nothing is trained through a SavedModel.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(folder), signatures, options)


def _crf_variables(predictor: Predictor) -> list[tf.Variable]:
    """Returns the variables of a trainable CRF, which the graph reads beside the model's."""
    crf, labels = predictor.crf, predictor.model.num_classes
    if crf is None:
        return []
    if not crf.built:
        crf.build([(None, None, None, labels), (None, None, None, 3)])
    return [compat.tf_variable(variable) for variable in crf.weights]


def _write_extras(
    predictor: Predictor, folder: Path, name: str, max_pixels: int, log: Callable[[str], None]
) -> None:
    """Writes the data set for clients, and warm-up requests for TF Serving."""
    if not predictor.model.dataset:
        log("The model carries no data set: its classes are exported without names.")
    (folder / "assets").mkdir(exist_ok=True)
    predictor.model.spec.save(folder / "assets")
    try:
        count = write_warmup_requests(folder, name, max_pixels)
        log(f"{count} warm-up requests for TF Serving")
    except ImportError as error:
        log(f"No warm-up requests for TF Serving: {error}")
