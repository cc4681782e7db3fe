import json

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import DataError, DatasetSpec, VocSplit, open_split
from deeplab_tf.data.label_statistics import LabelStatistics, count_labels
from tests.data.fakes import make_voc_folder

SPEC = DatasetSpec("toy", ("ground", "cat", "dog", "never"))
# Height, width, pixels of ground, cat and dog; the rest is void.
SCENES = [((4, 5), (10, 5, 0)), ((2, 5), (4, 0, 6)), ((3, 10), (0, 15, 3)), ((2, 2), (0, 0, 0))]


def toy_statistics():
    pixels = np.array([[*counts, 0] for _, counts in SCENES])
    return LabelStatistics(SPEC, list("abcd"), 4, pixels, np.array([size for size, _ in SCENES]))


def test_table_by_hand():
    statistics = toy_statistics()
    np.testing.assert_array_equal(statistics.class_pixels, [14, 20, 9, 0])
    np.testing.assert_array_equal(statistics.class_images, [2, 2, 2, 0])
    np.testing.assert_allclose(statistics.shares, [14 / 43, 20 / 43, 9 / 43, 0])
    assert statistics.void_share == pytest.approx(21 / 64)


def test_median_frequency_weights_are_the_papers():
    """Class by class, as the sentence of Eigen and Fergus says."""
    frequencies = []
    for class_id in range(3):
        present = [scene for scene in SCENES if scene[1][class_id] > 0]
        pixels_of_class = sum(counts[class_id] for _, counts in present)
        pixels_of_images = sum(height * width for (height, width), _ in present)
        frequencies.append(pixels_of_class / pixels_of_images)
    assert frequencies == [14 / 30, 20 / 50, 9 / 40]
    statistics = toy_statistics()
    np.testing.assert_allclose(statistics.frequencies, [*frequencies, np.nan])
    expected = [sorted(frequencies)[1] / frequency for frequency in frequencies]
    np.testing.assert_allclose(statistics.median_frequency_weights, [*expected, np.nan])


def test_nothing_labelled():
    statistics = LabelStatistics(SPEC, ["a"], 1, np.zeros([1, 4], int), np.array([[2, 3]]))
    assert statistics.void_share == 1
    assert not statistics.shares.any()
    assert np.isnan(statistics.median_frequency_weights).all()


def test_counts_are_those_of_the_files(tmp_path):
    folder = make_voc_folder(tmp_path, examples=7)
    # An ignore label right behind the classes is easily counted as one.
    description = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**description, "ignore_label": 4}))
    split = VocSplit(folder, "train")
    for path in split.label_paths:
        pixels = np.asarray(Image.open(path)).copy()
        Image.fromarray(np.where(pixels == 255, 4, pixels).astype(np.uint8)).save(path)
    statistics = count_labels(split)
    labels = [np.asarray(Image.open(path)) for path in split.label_paths]
    expected = [[np.sum(label == class_id) for class_id in range(4)] for label in labels]
    np.testing.assert_array_equal(statistics.pixels, expected)
    np.testing.assert_array_equal(statistics.sizes, [label.shape for label in labels])
    assert (statistics.names, statistics.examples) == (split.names, 7)
    assert statistics.void_share == pytest.approx(np.mean(np.concatenate(
        [label.ravel() for label in labels]) == 4))  # fmt: skip


def test_limit_is_spread_and_every_image_passes_the_progress_bar():
    seen = []
    statistics = count_labels(
        open_split("synthetic", "val"), 3, lambda rows: (seen.append(row) or row for row in rows)
    )
    assert statistics.names == ["val_0000", "val_0020", "val_0040"]
    assert (statistics.examples, len(seen)) == (60, 3)


def test_broken_file_is_named(tmp_path):
    folder = make_voc_folder(tmp_path)
    (folder / "SegmentationClass/pic_3.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"pic_3\.png"):
        count_labels(VocSplit(folder, "train"))
