"""Exports a model for TF Serving."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.data.image import decode_image
from deeplab_tf.evaluation.predictor import Predictor

BROKEN_IMAGE = "not a JPEG or PNG image that can be decoded"


class ServingModule(tf.Module):
    """The two signatures around a predictor.

    Args:
        predictor: a Predictor without tiles.
    """

    def __init__(self, predictor: Predictor):
        super().__init__()
        self._predictor = _Untracked(predictor)
        # The graph needs the variables only, not the Keras objects around them.
        self.weights = [compat.tf_variable(variable) for variable in predictor.model.weights]

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")])
    def predict_tensor(self, images):
        """Labels images of one size: uint8 RGB [B, H, W, 3]."""
        scores = self._scores(images)
        probabilities = tf.nn.softmax(scores) if self._predictor.value.crf is None else scores
        return {"labels": _labels(scores), "probabilities": probabilities}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def label_bytes(self, image_bytes):
        """Labels encoded images [B], each of its own size."""
        pngs, errors = tf.map_fn(
            self._label_one, image_bytes, fn_output_signature=(tf.string, tf.string)
        )
        return {"label_png_bytes": pngs, "error": errors}

    def _label_one(self, contents):
        image = _decode_or_empty(contents)

        def label():
            labels = _labels(self._scores(image[None]))[0]
            return tf.io.encode_png(labels[..., None]), tf.constant("")

        def refuse():
            return tf.constant(""), tf.constant(BROKEN_IMAGE)

        return tf.cond(tf.size(image) > 0, label, refuse)

    def _scores(self, images):
        """Returns logits, or probabilities where there is a CRF."""
        predictor = self._predictor.value
        scores = predictor.scores(images)
        return scores if predictor.crf is None else predictor.refine(scores, images)


def _labels(scores):
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)


class _Untracked:
    """Hides an object from TensorFlow's search for things to save."""

    def __init__(self, value):
        self.value = value


def _decode_or_empty(contents):
    """Decodes one image; a broken one is empty instead of failing the whole batch."""
    decoded = tf.data.Dataset.from_tensors(contents).map(decode_image).ignore_errors()
    empty = tf.data.Dataset.from_tensors(tf.zeros([0, 0, 3], tf.uint8))
    return decoded.concatenate(empty).take(1).get_single_element()


def export_saved_model(predictor: Predictor, output) -> Path:
    """Writes a SavedModel with the signatures `serving_default` and `predict_tensor`.

    It answers as the predictor does, with its scales, mirrored photos and CRF, whatever the size
    of a photo. The graph holds no Python function and loads where `deeplab_tf` is not installed.

    Args:
        predictor: what is exported; its CRF in stock operations, and without tiles.
        output: folder to write, for TF Serving `MODEL/VERSION` with a whole number for the
            version. Written beside its place and renamed, so that a server that watches the
            folder never sees a part.

    Returns:
        The folder.

    Raises:
        ValueError: the folder exists, or the predictor has tiles or a CRF of Python code.
    """
    if predictor.crf is not None and predictor.crf.parameters.implementation != "graph":
        raise ValueError(
            "A SavedModel holds the CRF in stock operations only: implementation='graph'. "
            f"Received: {predictor.crf.parameters.implementation!r}."
        )
    if predictor.tile is not None:
        raise ValueError(f"A SavedModel has no tiles. Received: tile={predictor.tile}.")
    model = predictor.model
    output = Path(output)
    if output.exists():
        raise ValueError(f"{output} exists. Give a new version, such as {_next_version(output)}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        module = ServingModule(predictor)
        signatures = {
            "serving_default": module.label_bytes,
            "predict_tensor": module.predict_tensor,
        }
        tf.saved_model.save(module, str(partial), signatures)
        if model.dataset:
            text = json.dumps(model.dataset, indent=1) + "\n"
            (partial / "assets").mkdir(exist_ok=True)
            (partial / "assets" / "dataset.json").write_text(text)
        partial.chmod(0o755)
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return output


def _next_version(output: Path) -> Path:
    versions = [int(p.name) for p in output.parent.iterdir() if p.name.isdigit()]
    return output.parent / str(max(versions, default=0) + 1)
