"""What each operation of the training pipeline costs alone, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline, augment
from deeplab_tf.data.cache import CachedSplit
from deeplab_tf.data.encoded import decode_lazily
from deeplab_tf.data.image import decode_window, image_size
from deeplab_tf.data.split import EncodedSplit

_EXAMPLES, _CALLS, _REPEATS = 100, 300, 9
# Operation, the function that does it, and the one that only makes its inputs.
_UNCACHED = (
    ("read the files", "files", "nothing"),
    ("decode and check the label", "label", "bytes"),
    ("decode the window of the image", "pixels", "bytes"),
)
_CACHED = (("look the example up", "kept", "nothing"),)
_COMMON = (
    ("draw scale, place and side", "view", "nothing"),
    ("scale and crop", "unmirrored", "window"),
    ("mirror", "mirrored", "unmirrored"),
    ("pad", "padded", "mirrored"),
    ("gather a batch", "batch", "ready"),
)
_ITSELF = "tf.data itself"


def operation_costs(
    split: EncodedSplit,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    batch: int,
) -> dict[str, dict[str, float]]:
    """Measures every operation of the pipeline on the first examples of a split.

    Args:
        split: gives the examples.
        augmentation: what happens to them.
        pad_color: RGB of padding.
        batch: examples of a batch.

    Returns:
        Milliseconds an example by operation, for the pipeline without and with the cache.
    """
    functions = _functions(split, augmentation, pad_color)
    datasets = {name: _on_one_core(function) for name, function in functions.items()}
    datasets["batch"] = _on_one_core(functions["ready"], batch)
    times = _milliseconds(datasets)

    def costs(rows) -> dict[str, float]:
        # A difference of two measurements that are alike may come out below zero.
        found = {name: max(0.0, times[own] - times[inputs]) for name, own, inputs in rows}
        return {**found, _ITSELF: times["nothing"]}

    return {"without cache": costs(_UNCACHED + _COMMON), "with cache": costs(_CACHED + _COMMON)}


def _functions(split, augmentation, pad_color) -> dict[str, Callable]:
    """Functions of an example's number that go through parts of the pipeline."""
    kept, unmirrored = CachedSplit(split), _without(augmentation, "mirror")
    count = min(_EXAMPLES, len(split))
    examples = [split.read(tf.constant(index, tf.int64)) for index in range(count)]
    encoded = {key: tf.stack([example[key] for example in examples]) for key in examples[0]}
    sizes = tf.stack([image_size(example["image"]) for example in examples])

    def seed(index):
        return tf.stack([index, index])

    def view(index):
        drawn = augmentation.draw_crop(sizes[index], seed(index))
        return drawn, drawn.window()

    def window(index, changed=augmentation):
        example = kept.load(index)
        drawn = changed.draw_crop(tf.shape(example["label"]), seed(index))
        top, left, height, width = tf.unstack(drawn.window())
        pixels = tf.slice(example["image"], [top, left, 0], [height, width, 3])
        return drawn, pixels, example["label"]

    def shown(index, changed=augmentation):
        drawn, pixels, label = window(index, changed)
        return drawn.show(pixels, label)

    def padded(index):
        example = kept.load(index)
        return augment(example["image"], example["label"], seed(index), augmentation, pad_color)

    windows = tf.stack([view(tf.constant(index, tf.int64))[1] for index in range(count)])
    crop = padded(tf.constant(0, tf.int64))

    def stored(index):
        return {key: values[index] for key, values in encoded.items()}

    functions = {
        "nothing": lambda index: index,
        "ready": lambda index: crop,
        "files": split.read,
        "bytes": stored,
        "label": lambda index: decode_lazily(stored(index), split.spec)[1],
        "pixels": lambda index: decode_window(stored(index)["image"], windows[index]),
        "kept": kept.load,
        "view": view,
        "window": window,
        "unmirrored": lambda index: shown(index, unmirrored),
        "mirrored": shown,
        "padded": padded,
    }
    return {key: _wrapped(function, count) for key, function in functions.items()}


def _without(augmentation: AugmentationPipeline, name: str) -> AugmentationPipeline:
    kept = [str(operation) for operation in augmentation.operations if operation.name != name]
    return AugmentationPipeline("|".join(kept), augmentation.image_scale)


def _wrapped(function: Callable, count: int) -> Callable:
    def of_any_number(index):
        return function(index % count)

    return tf.autograph.experimental.do_not_convert(of_any_number)


def _on_one_core(function: Callable, batch: int | None = None) -> tf.data.Dataset:
    dataset = tf.data.Dataset.range(_CALLS).map(function)
    dataset = dataset.batch(batch, drop_remainder=True) if batch else dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options)


def _milliseconds(datasets: dict[str, tf.data.Dataset]) -> dict[str, float]:
    """Returns the time of one call in each data set, the best of rounds through all of them."""
    seconds = dict.fromkeys(datasets, float("inf"))
    for _ in range(_REPEATS):
        for name, dataset in datasets.items():
            start = time.perf_counter()
            dataset.reduce(tf.constant(0), lambda count, *_: count + 1)
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return {name: 1000 * value / _CALLS for name, value in seconds.items()}
