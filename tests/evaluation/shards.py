"""Results of the shards of an evaluation and of the whole, without a network."""

import numpy as np

from deeplab_tf.data.majority_baseline import majority_baseline
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.metrics import Metrics

SPEC = DatasetSpec("pets", ("background", "cat", "dog", "absent"))
RECORD = {"names": "0f", "predictor": "a1"}


def image_pairs(count):
    """A label with void and, of two stages, the predictions of every image."""
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(count):
        label = rng.integers(0, 3, (12, 17))
        stages = [np.where(rng.random(label.shape) < 0.4, (label + 1) % 3, label) for _ in "12"]
        label[:2] = 255
        pairs.append((label, stages))
    return pairs


def results_of(pairs, shard=None, crf=True, **measures):
    """What `evaluate` returns for images, or for a shard of them."""
    own = pairs if shard is None else pairs[shard[0] - 1 :: shard[1]]
    stages = [Metrics(SPEC, **measures) for _ in range(2 if crf else 1)]
    for label, predictions in own:
        for metrics, prediction in zip(stages, predictions, strict=False):
            metrics.update(label, prediction)
    results = [metrics.results(counts=True) for metrics in stages]
    record = shard and dict(zip(("number", "shards"), shard, strict=True))
    pixels = stages[0].confusion.matrix.sum(1)
    return {
        "split": "val",
        "images": len(own),
        **({"shard": {**record, "images": len(pairs), **RECORD}} if shard else {}),
        **results[0],
        **({"crf": results[1]} if crf else {}),
        "best_constant": majority_baseline(pixels, SPEC.class_names),
        "seconds": 0.125 * len(own),
    }


def all_shards(pairs, shards, **measures):
    """What `evaluate` returns for every shard."""
    return [results_of(pairs, (number, shards), **measures) for number in range(1, shards + 1)]
