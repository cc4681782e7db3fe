import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.cli import progress_bar
from deeplab_tf.data import open_split
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.tuning.cached_logits import CachedLogits
from tests.data.fakes import make_voc_folder

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def split():
    return SyntheticSplit("val", examples=6)


@pytest.mark.slow
@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.5)])
@pytest.mark.parametrize("image_scale", [1.0, 0.75])
def test_labels_and_logits_are_the_predictors(split, tmp_path, scales, image_scale):
    model = deeplab_tf.DeepLab(
        dataset=split.spec, width=0.05, scales=scales, image_scale=image_scale
    )
    kept = CachedLogits(model, split, [1, 4], tmp_path, progress_bar)
    predictor = deeplab_tf.Predictor(model)
    assert len(kept) == len(list(kept)) == 2
    for index, example in zip([1, 4], kept, strict=True):
        loaded = split.load(index)
        np.testing.assert_array_equal(example.image, loaded["image"])
        np.testing.assert_array_equal(example.label, loaded["label"])
        logits = predictor.predict_logits(example.image)
        np.testing.assert_allclose(example.logits, logits, atol=1e-4 * np.abs(logits).max())
        labels = predictor(example.image)
        assert np.mean(example.logits.argmax(axis=-1) == labels) > 0.9999


def test_files_are_small_and_computed_once(split, tmp_path):
    model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    first = [
        example.logits for example in CachedLogits(model, split, [0, 5], tmp_path, progress_bar)
    ]
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["val-000000.npy", "val-000005.npy"]
    assert files[0].stat().st_size < first[0].nbytes / 40
    written = files[0].read_bytes()
    files[1].unlink()
    model.variables_by_name()["fc8/bias"].assign([0, 0, 9e9, 0, 0])
    again = [
        example.logits for example in CachedLogits(model, split, [0, 5], tmp_path, progress_bar)
    ]
    assert files[0].read_bytes() == written
    np.testing.assert_array_equal(again[0], first[0])
    assert (again[1].argmax(axis=-1) == 2).all()


@pytest.mark.parametrize("left", [0, 40, 300])
def test_a_broken_kept_file_is_named(split, tmp_path, left):
    model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    kept = CachedLogits(model, split, [2], tmp_path, progress_bar)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match=r"val-000002\.npy: broken .*Remove it"):
        kept[0]


def test_another_number_of_classes_is_refused(split, tmp_path):
    other = deeplab_tf.DeepLab(num_classes=3, width=0.05)
    with pytest.raises(ValueError, match=r"3 classes apart.*'synthetic' has 5"):
        CachedLogits(other, split, [0], tmp_path, progress_bar)


def test_a_broken_file_is_named(tmp_path):
    data = make_voc_folder(tmp_path / "data")
    split = open_split(data, "val")
    name = split.names[0]
    Image.new("L", (31, 25)).save(data / f"SegmentationClass/{name}.png")
    model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    with pytest.raises(DataError, match=f"{name}.png"):
        CachedLogits(model, split, [0], tmp_path / "logits", progress_bar)
    assert not list((tmp_path / "logits").glob("*"))


def test_logits_that_are_not_finite_are_neither_kept_nor_read(split, tmp_path):
    model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    bias = model.variables_by_name()["fc8/bias"]
    bias.assign([np.nan] * 5)
    with pytest.raises(FloatingPointError, match=r"val_0002: logits .* are not finite"):
        CachedLogits(model, split, [2], tmp_path, progress_bar)
    assert list(tmp_path.iterdir()) == []
    bias.assign([0.0] * 5)
    kept = CachedLogits(model, split, [2], tmp_path, progress_bar)
    np.save(tmp_path / "val-000002.npy", np.full_like(np.load(tmp_path / "val-000002.npy"), np.inf))
    with pytest.raises(DataError, match=r"val-000002\.npy: broken .*not finite.*computed again"):
        kept[0]
