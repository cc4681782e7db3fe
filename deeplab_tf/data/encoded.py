"""Decodes encoded examples inside a graph and validates that image and label match."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.data.image import decode_image, decode_window, image_size
from deeplab_tf.data.orientation import is_turned
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
            class or EXIF turns the image; the message names the file.
    """
    image = decode_image(_upright(encoded), encoded["image_file"])
    label = _decode_fitting_label(encoded, tf.shape(image)[:2], spec)
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
    name, contents = encoded["image_file"], _upright(encoded)
    label = _decode_fitting_label(encoded, image_size(contents, name), spec)
    return lambda window: decode_window(contents, window, name), label


def allowed_ids(spec: DatasetSpec) -> str:
    """Returns the end of an error message about a label id that is no class."""
    return (
        f"neither one of 0..{spec.num_classes - 1} (the classes of dataset.json) "
        f"nor {spec.ignore_label} (void)"
    )


def _upright(encoded: dict[str, tf.Tensor]) -> tf.Tensor:
    """Returns the bytes of the image after checking that it is stored upright, as labels are."""
    contents = encoded["image"]
    check = _require(
        ~is_turned(contents),
        encoded["image_file"],
        "stored turned (EXIF); store image and label upright",
        tuple,
    )
    with tf.control_dependencies([check]):
        return tf.identity(contents)


def _decode_fitting_label(
    encoded: dict[str, tf.Tensor], size: tf.Tensor, spec: DatasetSpec
) -> tf.Tensor:
    if "label" not in encoded:
        return tf.fill(size, spec.ignore_label)
    label = decode_label(encoded["label"], encoded["label_file"])
    is_class, is_void = label < spec.num_classes, tf.equal(label, spec.ignore_label)
    checks = [
        _require(
            tf.reduce_all(tf.equal(tf.shape(label), size)),
            encoded["label_file"],
            "the label is {} (height, width), its image {}",
            lambda: (tf.shape(label), size),
        ),
        _require(
            tf.reduce_all(is_class | is_void),
            encoded["label_file"],
            "label id {} is " + allowed_ids(spec),
            lambda: tf.reduce_max(tf.where(is_void, -1, label)),
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(label)


def _require(
    is_met: tf.Tensor, file: tf.Tensor, text: str, values: Callable[[], tf.Tensor | tuple]
) -> tf.Tensor:
    """Asserts a condition; the message is only built where it fails."""

    def fail():
        message = tf.strings.join([file, ": ", tf.strings.format(text, values())])
        with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
            return tf.constant(False)

    return tf.cond(is_met, lambda: tf.constant(True), fail)
