import shutil
import warnings

import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.synthetic import SyntheticSplit, draw_scene
from deeplab_tf.export import SavedPredictor
from deeplab_tf.training.config import base_config
from deeplab_tf.training.loop import Trainer
from deeplab_tf.training.workdir import Workdir
from tests.export.encoded_images import random_image

IMAGE = random_image(20, 30)


@pytest.mark.slow
def test_a_keras_file(exported, tmp_path):
    model = exported.predictor.model
    model.save(tmp_path / "model.keras")
    loaded = deeplab_tf.load(tmp_path / "model.keras")
    assert isinstance(loaded, deeplab_tf.DeepLab)
    np.testing.assert_array_equal(loaded(IMAGE[None]), model(IMAGE[None]))


@pytest.mark.slow
def test_a_saved_model_is_called_as_a_predictor_is(exported):
    loaded = deeplab_tf.load(str(exported.folder))
    assert isinstance(loaded, SavedPredictor) and loaded.spec == exported.predictor.model.spec
    scene = draw_scene("val", 1)[0]
    labels = loaded(scene)
    assert labels.dtype == np.uint8 and len(np.unique(labels)) > 1
    np.testing.assert_array_equal(labels, exported.predictor(scene))
    with pytest.raises(ValueError, match="must be uint8 RGB"):
        loaded(IMAGE / 255)


def test_a_saved_model_of_another_program(tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, [tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": module.double})
    with pytest.raises(ValueError, match=r"1: not a SavedModel of tools/export\.py"):
        deeplab_tf.load(tmp_path / "1")


def test_a_broken_saved_model(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"not a SavedModel of tools/export\.py"):
        deeplab_tf.load(tmp_path)


def test_everything_else_is_refused_as_load_model_does(tmp_path):
    (tmp_path / "model.tflite").touch()
    with pytest.raises(ValueError, match="a LiteRT model"):
        deeplab_tf.load(tmp_path / "model.tflite")


# === Work directories ===


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run whose last checkpoint is newer than what it started from."""
    folder = tmp_path_factory.mktemp("run")
    config = base_config("vgg16_large_fov")
    config.model.width, config.data.augmentation = 0.05, "crop(17)|mirror"
    config.train.update(steps=4, batch_size=2, checkpoint_every=2, learning_rate=0.01)
    trainer = Trainer(config, SyntheticSplit("train", 4), folder, log=lambda line: None)
    trainer.run()
    return folder, trainer.model


@pytest.mark.slow
def test_a_finished_run(workdir):
    folder, model = workdir
    np.testing.assert_array_equal(deeplab_tf.load(folder)(IMAGE[None]), model(IMAGE[None]))


@pytest.mark.slow
def test_an_unfinished_run(workdir, tmp_path):
    folder, model = workdir
    for name in ("config.json", "dataset.json", "checkpoints"):
        (tmp_path / name).symlink_to(folder / name)
    loaded = deeplab_tf.load(tmp_path)
    assert (loaded.spec, dict(loaded.crf)) == (model.spec, dict(model.crf))
    np.testing.assert_array_equal(loaded(IMAGE[None]), model(IMAGE[None]))
    assert np.std(loaded(IMAGE[None])) > 0


@pytest.mark.slow
def test_an_unfinished_run_whose_newest_checkpoints_are_broken(workdir, tmp_path):
    for name in ("config.json", "dataset.json"):
        (tmp_path / name).symlink_to(workdir[0] / name)
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(workdir[0] / "checkpoints", checkpoints)
    for file in checkpoints.glob("ckpt-4.*"):
        file.rename(tmp_path / file.name)
    wanted = deeplab_tf.load(tmp_path)(IMAGE[None])  # of step 2
    shutil.copy(tmp_path / "ckpt-4.index", checkpoints)
    (checkpoints / "ckpt-9.index").write_bytes(b"")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        found = deeplab_tf.load(tmp_path)(IMAGE[None])
    logged = [str(each.message) for each in warned if each.category is UserWarning]
    assert ["ckpt-9" in logged[0], "ckpt-4" in logged[1], len(logged)] == [True, True, 2]
    np.testing.assert_array_equal(found, wanted)
    assert np.abs(found - workdir[1](IMAGE[None])).max() > 0


@pytest.mark.slow
def test_a_run_without_a_checkpoint(workdir, tmp_path):
    for name in ("config.json", "dataset.json"):
        (tmp_path / name).symlink_to(workdir[0] / name)
    with pytest.raises(ValueError, match=r"checkpoints: no checkpoint yet"):
        deeplab_tf.load(tmp_path)


def test_a_checkpoint_that_is_not_finite(workdir, tmp_path):
    folder, model = workdir
    for name in ("config.json", "dataset.json"):
        (tmp_path / name).symlink_to(folder / name)
    named = {name: compat.tf_variable(v) for name, v in model.variables_by_name().items()}
    named["fc8/bias"] = tf.Variable([np.nan] * 5)
    tf.train.Checkpoint(variables=named).save(str(tmp_path / "checkpoints" / "ckpt"))
    with pytest.raises(ValueError, match="its variable 'fc8/bias' is not finite"):
        deeplab_tf.load(tmp_path)


def test_a_checkpoint_of_another_network(workdir, tmp_path):
    (tmp_path / "dataset.json").symlink_to(workdir[0] / "dataset.json")
    (tmp_path / "checkpoints").symlink_to(workdir[0] / "checkpoints")
    text = (workdir[0] / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"width": 0.05', '"width": 0.1'))
    with pytest.raises(ValueError, match="not a checkpoint of this model"):
        deeplab_tf.load(tmp_path)


@pytest.mark.parametrize(
    ("has_checkpoints", "message"),
    [
        (True, r"config\.json: describes a network of far more weights"),
        (False, "no checkpoint yet"),
    ],
)
def test_a_config_of_a_huge_network(workdir, tmp_path, has_checkpoints, message):
    (tmp_path / "dataset.json").symlink_to(workdir[0] / "dataset.json")
    if has_checkpoints:
        (tmp_path / "checkpoints").symlink_to(workdir[0] / "checkpoints")
    text = (workdir[0] / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"width": 0.05', '"width": 4.0'))
    with pytest.raises(ValueError, match=message):
        deeplab_tf.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", '{"architectures": ["x"]}', '{"model": {"head": 1}}'])
def test_a_config_of_another_program(workdir, tmp_path, text):
    (tmp_path / "dataset.json").symlink_to(workdir[0] / "dataset.json")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json: not the config\.json of tools/train\.py"):
        deeplab_tf.load(tmp_path)


# === Other classes ===

PETS = DatasetSpec("pets", ("background", "cat", "dog", "bird"))


@pytest.fixture(params=["model.keras", "finished", "unfinished"])
def path_of_five_classes(request, workdir, tmp_path):
    """A trained network in each of the forms that can have other classes."""
    folder, model = workdir
    if request.param == "model.keras":
        return folder / "model.keras", model
    if request.param == "unfinished":
        for name in ("config.json", "dataset.json", "checkpoints"):
            (tmp_path / name).symlink_to(folder / name)
        return tmp_path, model
    return folder, model


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [{"num_classes": 4}, {"dataset": PETS}])
def test_other_classes_keep_all_but_the_classifier(path_of_five_classes, arguments):
    path, model = path_of_five_classes
    lines = []
    loaded = deeplab_tf.load(path, **arguments, log=lines.append)
    assert lines == [f"{path}: fc8/kernel, fc8/bias start at random, 30 other tensors are kept"]
    assert loaded(IMAGE[None]).shape == (1, 20, 30, 4)
    assert loaded.dataset == (PETS.to_dict() if "dataset" in arguments else None)
    assert dict(loaded.crf) == dict(model.crf)
    before = model.variables_by_name()
    for name, variable in loaded.variables_by_name().items():
        if not name.startswith("fc8"):
            np.testing.assert_array_equal(variable.numpy(), before[name].numpy())


def test_the_same_number_of_classes_changes_nothing(workdir):
    folder, model = workdir
    lines = []
    loaded = deeplab_tf.load(folder, num_classes=5, log=lines.append)
    assert not lines and loaded.spec == model.spec
    np.testing.assert_array_equal(loaded(IMAGE[None]), model(IMAGE[None]))


@pytest.mark.slow
def test_a_saved_model_keeps_its_classes(exported):
    with pytest.raises(ValueError, match=r"a SavedModel cannot have other classes\. Load the"):
        deeplab_tf.load(exported.folder, num_classes=4)


def test_a_run_with_a_file_in_the_place_of_its_checkpoints(tmp_path):
    config, spec = base_config("vgg16_large_fov").to_dict(), SyntheticSplit("val", 1).spec
    Workdir(tmp_path, config, spec).describe()
    (tmp_path / "checkpoints").rmdir()
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(ValueError, match="checkpoint"):
        deeplab_tf.load(tmp_path)
