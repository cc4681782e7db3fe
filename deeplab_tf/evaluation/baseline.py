"""The score of an answer that does not look at the picture."""

from __future__ import annotations

import numpy as np

from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.split import Split


def best_constant_miou(split: Split) -> tuple[str, float]:
    """Finds the class that scores best when every pixel is given it.

    Args:
        split: pictures and labels.

    Returns:
        The class's name and its mIoU, by the rule of `ConfusionMatrix`.
    """
    spec = split.spec
    counts = np.zeros(256, np.int64)
    for example in evaluation_dataset(split):
        counts += np.bincount(example["label"].numpy().ravel(), minlength=256)
    counts = counts[: spec.num_classes]
    present = counts > 0
    # A constant answer's own class has IoU count / total, every other present class has 0.
    classes = present.sum() + ~present
    scores = counts / max(counts.sum(), 1) / classes
    best = int(scores.argmax())
    return spec.class_names[best], float(scores[best])
