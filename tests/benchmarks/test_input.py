import numpy as np
import pytest

from benchmarks import input as input_benchmark
from benchmarks import input_operations, input_torch
from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.image import read_image
from deeplab_tf.data.png import read_label
from deeplab_tf.data.voc_layout import VocSplit
from tests.data.fakes import make_voc_folder

COLOR = (10.0, 20.0, 30.0)


@pytest.fixture
def split(tmp_path):
    return VocSplit(make_voc_folder(tmp_path / "data", examples=12), "train")


@pytest.mark.slow
def test_every_figure_is_there(split, monkeypatch, capsys):
    monkeypatch.setattr(input_benchmark, "AUGMENTATION", AugmentationPipeline("crop(17)|mirror"))
    monkeypatch.setattr(input_benchmark, "BATCH", 2)
    monkeypatch.setattr(input_benchmark, "torch_loader", lambda *arguments: None)
    monkeypatch.setattr(input_operations, "_REPEATS", 1)
    monkeypatch.setattr(input_operations, "_CALLS", 30)
    results = input_benchmark.run(str(split.folder), None, repeats=1)
    rates, missing = results["images_per_second"], "PyTorch DataLoader"
    assert list(rates) == ["folder", "folder, decoded cache", missing]
    assert rates[missing] is None and min(rates["folder"], rates["folder, decoded cache"]) > 0
    assert list(results["share_of_possible"]) == ["folder", "folder, decoded cache"]
    for name, costs in results["milliseconds"].items():
        assert {"scale and crop", "mirror", "pad", "gather a batch"} < set(costs), name
        # From differences: any single one can vanish in the noise.
        assert min(costs.values()) >= 0 and sum(costs.values()) > 0
    for marks in results["resident_megabytes"].values():
        assert list(marks) == [1, 5, 20] and all(10 < size < 1e5 for size in marks.values())
    assert "torch is missing" in capsys.readouterr().out


@pytest.mark.parametrize("few", [False, True])
def test_data_that_cannot_serve_is_refused(split, few):
    with pytest.raises(ValueError, match="layout with more than 40 training images"):
        input_benchmark.run(str(split.folder) if few else "synthetic", None, repeats=1)


def test_shards_of_other_images_are_refused(split, tmp_path, monkeypatch):
    monkeypatch.setattr(input_benchmark, "BATCH", 2)
    other = make_voc_folder(tmp_path / "other", examples=11)
    with pytest.raises(ValueError, match="other: other images than in"):
        input_benchmark.run(str(split.folder), str(other), repeats=1)


def test_the_peer_does_the_same_operations(split):
    image = read_image(split.image_paths[1])
    label = read_label(split.label_paths[1])
    height, width = label.shape
    whole = AugmentationPipeline("crop(40)")
    crop, ids = map(np.asarray, input_torch.PillowDataset(split, whole, COLOR).images(1))
    np.testing.assert_array_equal(crop[:height, :width], image)
    np.testing.assert_array_equal(ids[:height, :width], label)
    assert crop.shape == (40, 40, 3) and ids.shape == (40, 40)
    assert np.all(crop[height:] == COLOR) and np.all(ids[:, width:] == 255)
    sizes = {
        np.sum(np.asarray(input_torch.PillowDataset(split, scaled, COLOR).images(1)[1]) != 255)
        for scaled in (AugmentationPipeline(f"scale({s})|crop(60)") for s in (0.5, 1.0, 2.0))
    }
    assert len(sizes) == 3


def test_the_peer_crops_and_mirrors_at_random(split):
    data = input_torch.PillowDataset(split, AugmentationPipeline("crop(9)|mirror"), COLOR)
    crops = {np.asarray(data.images(0)[1]).tobytes() for _ in range(100)}
    assert len(crops) > 50
