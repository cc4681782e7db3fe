import shutil

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.cache import CachedSplit
from deeplab_tf.data.pipeline import training_dataset
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split import naming_broken_files
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.data.voc_layout import VocSplit
from tests.data.fakes import make_voc_folder

AUGMENTATION = AugmentationPipeline("scale(0.5|1|1.5)|crop(17)|mirror")
MEAN = (1.0, 2.0, 3.0)


@pytest.fixture
def folder(tmp_path):
    return make_voc_folder(tmp_path / "data")


def elements(split, steps=None, **options):
    dataset = training_dataset(split, AUGMENTATION, MEAN, 2, steps=steps, **options)
    return [{key: value.numpy() for key, value in e.items()} for e in dataset]


def assert_same(left, right):
    assert len(left) == len(right) > 0
    for one, other in zip(left, right, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "synthetic"])
def test_not_one_batch_changes(folder, kind):
    split = VocSplit(folder, "train") if kind == "folder" else SyntheticSplit("val", 5)
    # More than an epoch, so that examples come from the cache, and not from its start.
    options = {"steps": 9, "start_step": 3, "seed": 4}
    assert_same(elements(split, **options), elements(split, cache=True, **options))


@pytest.mark.slow
def test_files_are_read_once(folder):
    split = VocSplit(folder, "train")
    expected = elements(split, 10)
    dataset = training_dataset(split, AUGMENTATION, MEAN, 2, steps=10, cache=True)
    list(dataset)
    shutil.rmtree(folder)
    again = [{key: value.numpy() for key, value in e.items()} for e in dataset]
    assert_same(again, expected)


def test_examples_are_those_beneath(folder):
    split = VocSplit(folder, "train")
    cached = CachedSplit(split)
    assert (len(cached), cached.names, cached.spec) == (len(split), split.names, split.spec)
    assert (cached.split, cached.labelled) == ("train", True)
    load = tf.function(cached.load)
    for _ in range(2):
        for index in range(len(split)):
            expected, found = split.load(index), load(tf.constant(index))
            assert expected.keys() == found.keys()
            for key, value in expected.items():
                assert found[key].dtype == value.dtype
                np.testing.assert_array_equal(found[key], value)


def test_a_broken_file_is_named(folder):
    path = folder / "JPEGImages/pic_3.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    cached = CachedSplit(VocSplit(folder, "train"))
    with pytest.raises(DataError, match=r"pic_3\.jpg: broken"), naming_broken_files(cached):
        for index in range(5):
            cached.load(tf.constant(index))
