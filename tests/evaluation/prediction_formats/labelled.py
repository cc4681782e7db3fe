"""Labels to write: holes in holes, regions that touch at corners, thin lines, pixels, noise."""

import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.prediction_jobs import Job

SPEC = DatasetSpec("three", ("sky", "road", "tree lamp"))
DRAWN = """
0000000000000000000
0111111111111111120
0100000000000000120
0101111111111110120
0101000010000010120
0101022010222010120
0101022010202010120
0101000010222010120
0101111111111110120
0100000000000000120
0111111111111111120
0000000000000000000
2000100010100000222
0200010001000000202
0020001010100000222
"""


def drawn_labels():
    """Returns ids [15, 19] that are drawn above."""
    return np.array([list(map(int, line)) for line in DRAWN.split()], np.uint8)


def noise_labels(height=23, width=31, seed=0):
    """Returns ids without any order."""
    return np.random.default_rng(seed).integers(0, SPEC.num_classes, [height, width], np.uint8)


def blobs(height=61, width=83, seed=0):
    """Returns ids with round outlines."""
    y, x = np.mgrid[:height, :width]
    labels = np.zeros([height, width], np.uint8)
    rng = np.random.default_rng(seed)
    for i in range(12):
        at_y, at_x, radius = rng.uniform([0, 0, 2], [height, width, 15])
        labels[(y - at_y) ** 2 + (x - at_x) ** 2 < radius**2] = i % SPEC.num_classes
    return labels


def labelled(folder, labels, name="a.jpg", **more):
    """Returns labels as formats take them; the image lies in `in`, outputs go to `out`."""
    depth = name.count("/")
    job = Job(folder / "in" / name, (folder / "out" / name).with_suffix(".png"), depth)
    return job.labelled(labels, SPEC, **more)


def touches_another(labels):
    """Returns which pixels have another label or the image's end among their 8 neighbours."""
    height, width = labels.shape
    padded = np.pad(labels.astype(int), 1, constant_values=-1)
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.any(np.stack(shifted) != labels, axis=0)
