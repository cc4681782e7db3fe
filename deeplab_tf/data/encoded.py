"""Decodes encoded examples inside a graph and validates that image and label match."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.data.image import decode_image, decode_window, image_size
from deeplab_tf.data.orientation import orientation_in_graph, stored_window, upright_in_graph
from deeplab_tf.data.png import decode_label
from deeplab_tf.data.spec import DatasetSpec


def decode_example(encoded: dict[str, tf.Tensor], spec: DatasetSpec) -> dict[str, tf.Tensor]:
    """Decodes an example inside a graph.

    Args:
        encoded: what ``EncodedSplit.read`` returns.
        spec: says which ids there may be.

    Returns:
        What ``Split.load`` returns; without a label all is void.

    Raises:
        tf.errors.InvalidArgumentError: when label and image do not fit each other, an id is no
            class, or EXIF turns the image and the label does not show that it belongs to the
            upright one; the message names the file.
    """
    image = decode_image(encoded["image"], encoded["image_file"])
    label, orientation = _decode_fitting_label(encoded, tf.shape(image)[:2], spec)
    image = upright_in_graph(image, orientation)
    return {"image": image, "label": label, "name": encoded["name"]}


def decode_lazily(
    encoded: dict[str, tf.Tensor], spec: DatasetSpec
) -> tuple[Callable[[tf.Tensor], tf.Tensor], tf.Tensor]:
    """Decodes the label now, and parts of the image on demand.

    Args:
        encoded: as for ``decode_example``.
        spec: as for ``decode_example``.

    Returns:
        A function from a window (int32 ``[4]``: top, left, height, width) to the image's pixels
        in it, and the label.

    Raises:
        tf.errors.InvalidArgumentError: as for ``decode_example``; only that a file is cut off
            behind the window goes unseen.
    """
    contents, name = encoded["image"], encoded["image_file"]
    label, orientation = _decode_fitting_label(encoded, image_size(contents, name), spec)

    def read_window(window: tf.Tensor) -> tf.Tensor:
        stored = stored_window(window, tf.shape(label), orientation)
        return upright_in_graph(decode_window(contents, stored, name), orientation)

    return read_window, label


def allowed_ids(spec: DatasetSpec) -> str:
    """Returns the end of an error message about a label id that is no class."""
    return (
        f"neither one of 0..{spec.num_classes - 1} (the classes of dataset.json) "
        f"nor {spec.ignore_label} (void)"
    )


def _decode_fitting_label(
    encoded: dict[str, tf.Tensor], stored: tf.Tensor, spec: DatasetSpec
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the label and the orientation of the image, which is checked to belong to it.

    Args:
        encoded: as for `decode_example`.
        stored: int32 ``[2]``, height and width of the image as it is stored.
        spec: as for `decode_example`.
    """
    orientation = orientation_in_graph(encoded["image"])
    if "label" not in encoded:
        with tf.control_dependencies([_require_upright(encoded, tf.equal(orientation, 1))]):
            return tf.fill(stored, spec.ignore_label), tf.identity(orientation)
    label = decode_label(encoded["label"], encoded["label_file"])
    size, turned = tf.shape(label), tf.reverse(stored, [0])
    # The rule of `orientation.belongs_upright`.
    is_sideways = (orientation >= 5) & ~_equal(size, stored) & _equal(size, turned)
    upright = tf.where(is_sideways, turned, stored)
    is_class, is_void = label < spec.num_classes, tf.equal(label, spec.ignore_label)
    checks = [
        _require_upright(encoded, tf.equal(orientation, 1) | is_sideways),
        _require(
            _equal(size, upright),
            encoded["label_file"],
            "the label is {} (height, width), its image {}",
            lambda: (size, upright),
        ),
        _require(
            tf.reduce_all(is_class | is_void),
            encoded["label_file"],
            "label id {} is " + allowed_ids(spec),
            lambda: tf.reduce_max(tf.where(is_void, -1, label)),
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(label), tf.identity(orientation)


def _equal(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(tf.equal(a, b))


def _require_upright(encoded: dict[str, tf.Tensor], is_met: tf.Tensor) -> tf.Tensor:
    text = "stored turned (EXIF); store image and label upright"
    return _require(is_met, encoded["image_file"], text, tuple)


def _require(
    is_met: tf.Tensor, file: tf.Tensor, text: str, values: Callable[[], tf.Tensor | tuple]
) -> tf.Tensor:
    """Asserts a condition; the message is only built where it fails."""

    def fail():
        message = tf.strings.join([file, ": ", tf.strings.format(text, values())])
        with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
            return tf.constant(False)

    return tf.cond(is_met, lambda: tf.constant(True), fail)
