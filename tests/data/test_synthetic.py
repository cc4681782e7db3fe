import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from deeplab_tf.data.spec import DataError
from deeplab_tf.data.synthetic import SyntheticSplit, draw_scene, synthetic_spec

drawn_again = draw_scene.__wrapped__  # past the cache
SCENES = [draw_scene(split, i) for split in ("train", "val") for i in range(30)]


def test_same_arguments_give_the_same_pixels():
    for one, other in zip(draw_scene("val", 3, seed=5), drawn_again("val", 3, seed=5), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("other", [("train", 3, 5), ("val", 8, 5), ("val", 3, 6)])
def test_split_index_and_seed_matter(other):
    image, changed = draw_scene("val", 3, 5)[0], draw_scene(*other)[0]
    assert image.shape != changed.shape or (image != changed).mean() > 0.5


def test_ids_are_classes_or_void_and_all_occur():
    ids = np.unique(np.concatenate([label.ravel() for _, label in SCENES]))
    assert ids.tolist() == [*range(synthetic_spec().num_classes), 255]


def test_classes_touch_only_through_void():
    for _, label in SCENES:
        for left, right in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
            assert not ((left != right) & (left != 255) & (right != 255)).any()


def test_void_lines_are_thin():
    for _, label in SCENES:
        assert not ndimage.binary_erosion(label == 255, np.ones((7, 7))).any()


def test_colours_differ_from_the_background_but_do_not_give_the_class():
    means = {kind: [] for kind in range(1, 5)}
    for image, label in SCENES:
        background = image[label == 0].mean(0)
        for kind in means:
            if (label == kind).sum() > 300:
                mean = image[label == kind].mean(0)
                assert np.linalg.norm(mean - background) > 30
                means[kind].append(mean)
    centres = {kind: np.mean(colors, 0) for kind, colors in means.items()}
    # A classifier by nearest mean colour is hardly better than guessing one of four.
    right = [
        min(centres, key=lambda k: np.linalg.norm(centres[k] - color)) == kind
        for kind, colors in means.items()
        for color in colors
    ]
    assert np.mean(right) < 0.5


def test_validation_images_differ_in_size():
    split = SyntheticSplit("val", examples=10)
    sizes = {tuple(split.load(i)["label"].shape) for i in range(10)}
    assert len(sizes) == 5


def test_loading_in_a_graph_gives_the_scene():
    split = SyntheticSplit("val", examples=4, seed=2)
    load = tf.function(split.load, input_signature=[tf.TensorSpec([], tf.int64)])
    for index in range(4):
        example, (image, label) = load(index), draw_scene("val", index, seed=2)
        np.testing.assert_array_equal(example["image"], image)
        np.testing.assert_array_equal(example["label"], label)
        assert example["name"].numpy().decode() == split.names[index]
    split.check()


def test_sizes_of_the_splits():
    assert synthetic_spec().splits == {"train": 240, "val": 60}
    assert len(SyntheticSplit("val")) == 60
    with pytest.raises(DataError, match="train, val"):
        SyntheticSplit("test")
    with pytest.raises(ValueError, match="examples"):
        SyntheticSplit("val", examples=0)
