import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.pipeline import (
    evaluation_dataset,
    example_at,
    names_of_step,
    training_dataset,
)
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.split import EncodedSplit
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.data.voc_layout import VocSplit
from tests.data.fakes import make_voc_folder

AUGMENTATION = AugmentationPipeline("scale(0.5|1)|crop(5)|mirror")
MEAN = (1.0, 2.0, 3.0)
# Random, and traced faster than scaling.
MIRRORED = AugmentationPipeline("crop(5)|mirror")


class NumberedSplit:
    """Example i is an image of the number i, and of columns that tell a crop from its mirror."""

    def __init__(self, count):
        self.spec, self.split, self.labelled = DatasetSpec("numbers", ("a", "b")), "all", True
        self.names = [str(i) for i in range(count)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        image = tf.fill([6, 6 + tf.cast(index % 2, tf.int32)], tf.cast(index, tf.uint8))
        columns = tf.cast(tf.cumsum(tf.ones_like(image, tf.int32), axis=1), tf.uint8)
        image = tf.stack([image, columns, columns], axis=-1)
        return {
            "image": image,
            "label": tf.cast(image[..., 0], tf.int32) % 2,
            "name": tf.strings.as_string(index),
        }


def batches(split, micro_batch, augmentation=AUGMENTATION, **options):
    dataset = training_dataset(split, augmentation, MEAN, micro_batch, **options)
    return [{key: value.numpy() for key, value in e.items()} for e in dataset]


def numbers(element):
    """Which examples an element holds; every crop of 5 of an image of 6 keeps its corner."""
    return element["images"][:, :, 0, 0, 0].astype(int)


def assert_same(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


UNMIRRORED = AugmentationPipeline("crop(5)")


def test_shapes_and_types():
    elements = batches(NumberedSplit(7), 3, iter_size=2, steps=2)
    assert len(elements) == 2
    for element in elements:
        assert element["images"].shape == (2, 3, 5, 5, 3)
        assert element["labels"].shape == (2, 3, 5, 5)
        assert element["seeds"].shape == (2, 3, 2)
        assert element["images"].dtype == np.float32
        assert element["labels"].dtype == element["seeds"].dtype == np.int32


def test_shapes_are_static():
    spec = training_dataset(NumberedSplit(7), AUGMENTATION, MEAN, 3, iter_size=2).element_spec
    assert spec["images"].shape == (2, 3, 5, 5, 3)
    assert spec["labels"].shape == (2, 3, 5, 5)


@pytest.mark.slow
@pytest.mark.parametrize(("iter_size", "cache"), [(1, False), (3, True)])
def test_starting_at_a_step_equals_running_through_to_it(iter_size, cache):
    options = {"iter_size": iter_size, "seed": 5, "cache": cache}
    through = batches(NumberedSplit(11), 2, MIRRORED, steps=9, **options)
    for start in (1, 8):
        resumed = batches(
            NumberedSplit(11), 2, MIRRORED, start_step=start, steps=9 - start, **options
        )
        assert_same(resumed, through[start:])


@pytest.mark.slow
def test_two_runs_are_equal_and_the_seed_matters():
    first = batches(NumberedSplit(50), 5, MIRRORED, steps=4, seed=3)
    assert_same(first, batches(NumberedSplit(50), 5, MIRRORED, steps=4, seed=3))
    other = batches(NumberedSplit(50), 5, MIRRORED, steps=4, seed=4)
    assert any((numbers(a) != numbers(b)).any() for a, b in zip(first, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_example_once_an_epoch(count):
    elements = batches(NumberedSplit(count), 1, UNMIRRORED, steps=4 * count)
    order = np.concatenate([numbers(e).ravel() for e in elements]).reshape(4, count)
    for epoch in order:
        assert sorted(epoch) == list(range(count))
    if count >= 7:
        assert len({tuple(epoch) for epoch in order}) == 4


def test_order_looks_random():
    order = np.array([int(example_at(tf.constant(p, tf.int64), 240, 0)) for p in range(480)])
    epochs = order.reshape(2, 240)
    for epoch in epochs:
        assert abs(np.corrcoef(epoch, np.arange(240))[0, 1]) < 0.2
        assert abs(np.corrcoef(epoch[1:], epoch[:-1])[0, 1]) < 0.2
    assert abs(np.corrcoef(*epochs)[0, 1]) < 0.2
    assert np.mean(epochs[0] == epochs[1]) < 0.03


def test_batches_run_over_the_end_of_an_epoch():
    elements = batches(NumberedSplit(5), 4, UNMIRRORED, steps=5)
    order = np.concatenate([numbers(e).ravel() for e in elements]).reshape(4, 5)
    for epoch in order:
        assert sorted(epoch) == list(range(5))


def test_the_names_of_a_step_are_those_of_its_images():
    split = NumberedSplit(5)
    elements = batches(split, 3, UNMIRRORED, iter_size=2, steps=3, seed=7)
    for step, element in enumerate(elements, 1):
        names = names_of_step(split, step, 6, seed=7)
        assert names == [str(number) for number in numbers(element).ravel()]


@functools.cache
def batches_of_one_process(iter_size):
    return batches(NumberedSplit(40), 8, MIRRORED, iter_size=iter_size, start_step=1, steps=2)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "replicas", "iter_size"), [(1, 4, 2), (2, 4, 2), (4, 4, 1)])
def test_replicas_and_workers_share_the_batch_of_one_process(workers, replicas, iter_size):
    options = {"iter_size": iter_size, "start_step": 1, "steps": 2}
    options.update(replicas=replicas, workers=workers)
    shares = [
        batches(NumberedSplit(40), 8 // replicas, MIRRORED, worker=worker, **options)
        for worker in range(workers)
    ]
    local = replicas // workers
    assert {len(share) for share in shares} == {2 * local}
    for step, batch in enumerate(batches_of_one_process(iter_size)):
        # Replicas in order, those of the first worker first.
        parts = [e for share in shares for e in share[step * local : (step + 1) * local]]
        joined = {name: np.concatenate([p[name] for p in parts], axis=1) for name in batch}
        assert_same([joined], [batch])


def test_repeated_examples_get_new_crops_and_seeds():
    elements = batches(NumberedSplit(1), 1, steps=200)
    seeds = {tuple(e["seeds"].ravel()) for e in elements}
    assert len(seeds) == 200
    assert len({e["images"].tobytes() for e in elements}) > 1


class Whole:
    """A split without its `read`, so that its images are decoded whole."""

    def __init__(self, split):
        self.spec, self.names, self.load = split.spec, split.names, split.load

    def __len__(self):
        return len(self.names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "scale(0.5|1)|crop(21)|mirror",
        "scale(1.25|2)|crop(21)|mirror",
        "scale(0.5..2)|crop(21)|mirror|rotate(30)|color_jitter(0.3)|blur(1)",
    ],
)
def test_decoding_windows_equals_decoding_whole_images(tmp_path, text):
    # Pillow's standard: JPEG with 4:2:0, where the edges of windows are a trap.
    split = VocSplit(make_voc_folder(tmp_path / "data", sizes=((50, 61), (33, 47))), "train")
    assert isinstance(split, EncodedSplit) and not isinstance(Whole(split), EncodedSplit)
    augmentation = AugmentationPipeline(text)
    windows = batches(split, 2, augmentation, steps=15)
    assert_same(windows, batches(Whole(split), 2, augmentation, steps=15))
    assert len({e["images"].tobytes() for e in windows}) == 15


def test_training_goes_on_for_ever_by_default():
    dataset = training_dataset(NumberedSplit(3), AUGMENTATION, MEAN, 2, start_step=10**6)
    assert len(list(dataset.take(5))) == 5


def test_evaluation_is_in_order_and_whole():
    split = SyntheticSplit("val", examples=6)
    elements = list(evaluation_dataset(split))
    assert [e["name"].numpy().decode() for e in elements] == split.names
    for index, element in enumerate(elements):
        np.testing.assert_array_equal(element["image"], split.load(index)["image"])
        np.testing.assert_array_equal(element["label"], split.load(index)["label"])


def test_a_limit_takes_images_from_all_over_the_split():
    split = NumberedSplit(10)
    names = [e["name"].numpy() for e in evaluation_dataset(split, limit=4)]
    assert names == [b"0", b"2", b"5", b"7"]
    assert len(list(evaluation_dataset(split, limit=99))) == 10


def test_a_shard_of_an_evaluation_takes_every_nth_image_of_the_limited():
    split = NumberedSplit(10)
    whole = [e["name"].numpy() for e in evaluation_dataset(split, limit=5)]
    parts = [
        [e["name"].numpy() for e in evaluation_dataset(split, limit=5, shard=(k, 2))]
        for k in (1, 2)
    ]
    assert parts == [whole[0::2], whole[1::2]]


def test_the_end_of_an_evaluation_does_not_wait_for_the_tuner():
    assert evaluation_dataset(NumberedSplit(10)).options().autotune.enabled is False


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"iter_size": 0}, "iter_size"),
        ({"replicas": 3, "workers": 2}, "replicas=3"),
        ({"replicas": 2, "workers": 2, "worker": 2}, "worker=2"),
    ],
)
def test_counts_that_do_not_fit(options, word):
    with pytest.raises(ValueError, match=word):
        training_dataset(NumberedSplit(3), AUGMENTATION, MEAN, 2, **options)
