"""Files that version 0.1 wrote give what they gave there.

tests/export/version_0_1/STACK.zip holds a `.keras` file, a work directory with a checkpoint, a
SavedModel and what version 0.1 made of an image, written by that stack on a processor with AMX;
another processor may round otherwise.
"""

import zipfile

import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.layers.multi_scale_features import MultiScaleFeatures
from deeplab_tf.layers.resize import resize
from tests.imports import ROOT

STACK = "current" if compat.KERAS_3 else "legacy"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Folder with the files, and the image, its logits and its labels."""
    folder = tmp_path_factory.mktemp("version_0_1")
    with zipfile.ZipFile(ROOT / "tests/export/version_0_1" / f"{STACK}.zip") as archive:
        archive.extractall(folder)
    return folder, np.load(folder / "expected.npz")


@pytest.fixture
def _multi_scale_features_of_0_1(monkeypatch):
    """Version 0.1 predicted with the strides of training, and zoomed the sum."""
    call = MultiScaleFeatures.call
    monkeypatch.setattr(
        MultiScaleFeatures,
        "call",
        lambda layer, inputs, zoom_to=None, **options: (
            call(layer, inputs, **options)
            if zoom_to is None
            else resize(call(layer, inputs), zoom_to)
        ),
    )


def assert_expected(model, expected):
    logits = np.asarray(model(expected["image"][None]))[0]
    scale = expected["logits"].std()
    np.testing.assert_allclose(logits / scale, expected["logits"] / scale, rtol=0, atol=1e-4)
    labels = deeplab_tf.Predictor(model)(expected["image"])
    assert np.mean(labels == expected["labels"]) > 0.999


@pytest.mark.slow
@pytest.mark.usefixtures("_multi_scale_features_of_0_1")
@pytest.mark.parametrize("load", [deeplab_tf.load, keras.models.load_model])
def test_keras_file(old, load):
    folder, expected = old
    model = load(folder / "model.keras")
    assert_expected(model, expected)
    assert model.spec.name == "synthetic" and model.crf["bilateral_sigma_xy"] == 20.0


@pytest.mark.usefixtures("_multi_scale_features_of_0_1")
def test_checkpoint(old):
    folder, expected = old
    assert_expected(deeplab_tf.load(folder / "run"), expected)


def test_saved_model(old):
    folder, expected = old
    labels = deeplab_tf.load(folder / "saved_model" / "1")(expected["image"])
    assert np.mean(labels == expected["labels"]) > 0.999


def test_old_names_of_attributes(old):
    model = deeplab_tf.load(old[0] / "model.keras")
    for name, new in {"trunk": "backbone", "scorer": "head"}.items():
        with pytest.warns(DeprecationWarning, match=f"DeepLab.{name} is called DeepLab.{new}"):
            assert getattr(model, name) is getattr(model, new)
    with pytest.warns(DeprecationWarning):
        assert model.reach == model.receptive_field_radius
    with pytest.warns(DeprecationWarning):
        assert model.score_strides == model.logit_strides
    with pytest.raises(AttributeError, match="'DeepLab' object has no attribute 'no_such_name'"):
        _ = model.no_such_name


def test_files_go_back_and_forth(old, tmp_path):
    """What this version saves has the same arrays under the same names."""
    import h5py

    def names(path):
        found = []
        with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member:
            h5py.File(member).visititems(
                lambda name, item: found.append((name, getattr(item, "shape", None)))
            )
        return found

    model = deeplab_tf.load(old[0] / "model.keras")
    model.save(tmp_path / "new.keras")
    assert names(tmp_path / "new.keras") == names(old[0] / "model.keras")
