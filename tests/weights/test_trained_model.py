import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.config import base_config
from deeplab_tf.training.loop import Trainer
from deeplab_tf.weights import load_into
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg")

RESNET = {"backbone": "resnet50", "head": "aspp_l", "width": 0.05}


def values(model):
    named = model.variables_by_name()
    return {name: tf.convert_to_tensor(v).numpy() for name, v in named.items()}


def assert_same(model, wanted, names):
    found, wanted = values(model), values(wanted)
    for name in names:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


@pytest.fixture(scope="module")
def resnet(shallow, tmp_path_factory):
    """A network whose batch norm has moved, saved."""
    model = narrow_model(**RESNET, output_stride=16, batch_norm="train")
    model(np.full([2, 33, 33, 3], 90, np.uint8), training=True)
    path = tmp_path_factory.mktemp("resnet") / "model.keras"
    model.save(path)
    return model, path


@pytest.mark.slow
def test_statistics_and_weights_of_the_first_phase_start_the_second(resnet):
    """DeepLab v3: batch norm is trained at output stride 16, then frozen at 8."""
    trained, path = resnet
    model = narrow_model(**RESNET, output_stride=8, batch_norm="frozen")
    report = load_into(model, path)
    assert set(report.names("loaded")) == set(trained.variables_by_name())
    assert len(report.tensors) == len(report.names("loaded"))
    assert_same(model, trained, report.names("loaded"))
    assert np.abs(values(model)["bn_conv1/moving_mean"]).max() > 0
    assert report.source == str(path)


@pytest.mark.slow
def test_another_number_of_classes_leaves_the_classifier(resnet):
    trained, path = resnet
    model = narrow_model(**RESNET, num_classes=4)
    before = values(model)
    report = load_into(model, str(path))
    left = report.names("skipped")
    assert {name.split("/")[0] for name in left} == {f"fc1_c{i}" for i in range(4)}
    assert_same(model, trained, report.names("loaded"))
    for name in left:
        np.testing.assert_array_equal(values(model)[name], before[name])


def test_a_larger_network_has_new_tensors(tmp_path):
    """v1's multi-scale features are added to a trained LargeFOV."""
    trained = DeepLab(num_classes=3, width=0.05)
    trained.save(tmp_path / "model.keras")
    model = DeepLab(num_classes=3, width=0.05, msc_features=True)
    report = load_into(model, tmp_path / "model.keras")
    assert set(report.names("loaded")) == set(trained.variables_by_name())
    assert report.names("new") and all(name.startswith("msc") for name in report.names("new"))


@pytest.mark.slow
def test_what_cannot_start_a_network(resnet, tmp_path):
    _, path = resnet
    with pytest.raises(ValueError, match=r"nothing of the weights .*: the model has no conv1"):
        load_into(DeepLab(num_classes=3, width=0.05), path)
    with pytest.raises(ValueError, match="no such file"):
        load_into(DeepLab(num_classes=3, width=0.05), tmp_path / "model.keras")
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="a SavedModel for TF Serving"):
        load_into(DeepLab(num_classes=3, width=0.05), tmp_path)


# === As a run does ===


def config_of(weights="random", **model):
    config = base_config("vgg16_large_fov")
    config.model.update(width=0.05, weights=str(weights), **model)
    config.data.augmentation = "crop(17)|mirror"
    config.train.update(steps=2, batch_size=2, checkpoint_every=1, learning_rate=0.01)
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trainer = Trainer(config_of(), SyntheticSplit("train", 4), folder, log=lambda line: None)
    return folder, trainer.run()


@pytest.mark.slow
@pytest.mark.parametrize(("finished", "mirrored"), [(True, False), (False, True)])
def test_a_run_starts_from_another(run, tmp_path, finished, mirrored):
    folder, trained = run
    source = folder
    if not finished:
        source = tmp_path / "unfinished"
        source.mkdir()
        for name in ("config.json", "dataset.json", "checkpoints"):
            (source / name).symlink_to(folder / name)
    lines = []
    config = config_of(source, msc_features=True)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"]) if mirrored else None
    split = SyntheticSplit("train", 4)
    trainer = Trainer(config, split, tmp_path / "new", strategy, log=lines.append)
    assert_same(trainer.model, trained, trained.variables_by_name())
    (report,) = (line for line in lines if "tensors loaded" in line)
    assert f"weights from {source}: {len(trained.variables_by_name())} tensors loaded" in report
    assert "new      msc0_conv1/kernel" in report
