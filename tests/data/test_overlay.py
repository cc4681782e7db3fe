import numpy as np

from deeplab_tf.data import DatasetSpec, palette_bytes
from deeplab_tf.data.overlay import overlay_labels

SPEC = DatasetSpec("three", ("sky", "road", "tree"))


def test_overlay_mixes_image_and_colours():
    image = np.random.default_rng(0).integers(0, 256, [2, 3, 3], np.uint8)
    labels = np.array([[0, 1, 2], [2, 1, 255]])
    colors = np.array([*SPEC.palette, (224, 224, 192)])[np.minimum(labels, 3)]
    for opacity in (0, 0.25, 1):
        mixed = overlay_labels(image, labels, palette_bytes(SPEC), opacity)
        np.testing.assert_array_equal(mixed, np.round((1 - opacity) * image + opacity * colors))
        assert mixed.dtype == np.uint8


def test_the_image_alone_is_seen_where_nothing_is_painted():
    image = np.random.default_rng(0).integers(0, 256, [2, 3, 3], np.uint8)
    labels = np.array([[0, 1, 255], [255, 1, 2]])
    painted = overlay_labels(image, labels, palette_bytes(SPEC))
    mixed = overlay_labels(image, labels, palette_bytes(SPEC), unpainted=255)
    for row, column in np.ndindex(2, 3):
        wanted = image if labels[row, column] == 255 else painted
        np.testing.assert_array_equal(mixed[row, column], wanted[row, column])
