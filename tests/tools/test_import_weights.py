"""tools/import_weights.py: from a file of another program to a model that labels images."""

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.models import imported_model
from tests.models.narrow import noise_images
from tests.tools.loading import call, refusal, run_here
from tests.weights.caffe_files import caffemodel, old_layer, random_weights
from tests.weights.caffe_nets import large_fov

WIDTH = 0.03
NET = large_fov(width=WIDTH)
WEIGHTS = random_weights(NET)
CONFIG = ("--config=zoo:voc12_vgg16_large_fov", f"--config.model.width={WIDTH}")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.caffemodel").write_bytes(caffemodel(NET, WEIGHTS, old_layer))
    return tmp_path


def run_import(*flags):
    return call("import_weights.py", "--source=net.caffemodel", "--output=new.keras", *CONFIG,
                *flags)  # fmt: skip


def test_the_model_has_the_weights_and_the_classes(here, capsys):
    run_import("--dataset=voc12")
    printed = capsys.readouterr()
    assert "loaded   fc8/bias" in printed.out and not printed.err
    assert "(Caffe): 32 tensors loaded, 0 skipped, 0 new\nmodel: new.keras\n" in printed.out
    model = deeplab_tf.load(here / "new.keras")
    assert model.spec.name == "voc12" and model.spec.class_names[15] == "person"
    assert model.crf["bilateral_sigma_xy"] == 121
    kernel = model.variables_by_name()["fc7/kernel"]
    np.testing.assert_array_equal(kernel, WEIGHTS["fc7"][0].transpose(2, 3, 1, 0))
    assert [path.name for path in here.iterdir()] == ["net.caffemodel", "new.keras"]
    run_import("--dataset=voc12")  # what it has written itself, it replaces


def test_what_starts_at_random_is_told_and_is_the_same_again(here, capsys):
    run_import("--data_dir=synthetic")
    assert capsys.readouterr().err == (
        "warning: fc8/kernel, fc8/bias got nothing from the source and start at random; train the"
        " model before it labels images\n"
    )
    first = deeplab_tf.load(here / "new.keras")
    assert first.num_classes == 5
    run_import("--data_dir=synthetic", "--format=caffe")
    images = noise_images(9, 9)
    np.testing.assert_array_equal(first(images), deeplab_tf.load("new.keras")(images))


def test_many_tensors_at_random_are_counted(here, capsys):
    layers = {name: blobs for name, blobs in WEIGHTS.items() if name.startswith("conv")}
    (here / "net.caffemodel").write_bytes(caffemodel(NET, layers))
    run_import("--dataset=voc12")
    assert "warning: fc6/kernel, fc6/bias, fc7/kernel and 3 more got" in capsys.readouterr().err


def test_a_trained_model_is_not_replaced_unasked(here):
    run_import("--dataset=voc12")
    model = deeplab_tf.load(here / "new.keras")
    model.save(here / "new.keras")
    with pytest.raises(ValueError, match=r"^new\.keras is there and this program did not write it"):
        run_import("--dataset=voc12")
    run_import("--dataset=voc12", "--overwrite")
    check_outputs({here / "new.keras": imported_model._is_own})


@pytest.mark.usefixtures("shallow")
def test_weights_of_another_network_are_one_line(here, capsys):
    flags = ["--source=net.caffemodel", "--output=new.keras", "--dataset=voc12"]
    resnet = ["--config=zoo:voc12_resnet101_fc", "--config.model.width=0.02"]
    line = refusal(capsys, "import_weights.py", *flags, *resnet)
    assert "nothing of the weights net.caffemodel (Caffe) fits the model" in line
    assert "load weights of the model's own backbone at its width" in line
    assert not (here / "new.keras").exists()


def test_numbers_that_are_not_finite_are_not_written(here, capsys):
    broken = {**WEIGHTS, "fc7": [WEIGHTS["fc7"][0] * np.nan, WEIGHTS["fc7"][1]]}
    (here / "net.caffemodel").write_bytes(caffemodel(NET, broken))
    flags = ["--source=net.caffemodel", "--output=new.keras", "--dataset=voc12", *CONFIG]
    line = refusal(capsys, "import_weights.py", *flags)
    assert line.startswith("error: net.caffemodel: its numbers for 'fc7/kernel' are not finite")
    assert not (here / "new.keras").exists()


def test_nothing_is_left_of_a_file_that_cannot_be_written(here, monkeypatch, capsys):
    def save(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(deeplab_tf.DeepLab, "save", save)
    flags = ["--source=net.caffemodel", "--output=new.keras", "--dataset=voc12", *CONFIG]
    assert run_here("import_weights.py", *flags) == 1
    assert "new.keras: cannot be written: no space left" in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["net.caffemodel"]


def test_an_unknown_format_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"format must be one of \['caffe', .*Received: 'onnx'"):
        imported_model.import_model(None, None, "net.caffemodel", "new.keras", form="onnx")
