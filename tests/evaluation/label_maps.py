"""Real label maps, and predictions with errors near their outlines and elsewhere."""

import numpy as np
from PIL import Image

from deeplab_tf.data.synthetic import draw_scene
from tests.camvid import camvid_files

NUM_CLASSES = 11
VOID = 255


def labels_and_predictions():
    """Scenes with void along all outlines and, where they are, labels of CamVid."""
    files = camvid_files("SegmentationClass/*.png")[:120:40]
    labels = [draw_scene("val", index)[1] for index in range(3)]
    labels += [np.asarray(Image.open(file)) for file in files]
    return [(label, _prediction(label, seed)) for seed, label in enumerate(labels)]


def _prediction(label, seed):
    rng = np.random.default_rng(seed)
    moved = np.roll(label, rng.integers(-6, 7, 2), (0, 1))
    prediction = np.where(moved == VOID, rng.integers(0, NUM_CLASSES), moved).astype(np.uint8)
    for _ in range(5):
        top, left = rng.integers(0, label.shape)
        prediction[top : top + 15, left : left + 25] = rng.integers(0, NUM_CLASSES)
    return prediction
