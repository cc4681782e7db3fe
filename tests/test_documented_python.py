import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data.augmentations import OPERATIONS
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam.record_files import RECORD_FORMATS
from deeplab_tf.export import export_litert, export_onnx
from tests.documentation import ROOT, run_python
from tests.evaluation.beam.records import random_records
from tests.models.narrow import noise_images, patches, uncertain_model

# That of docs/serving.md needs a server: tests/serving/test_clients.py. The files of
# docs/extending.md become a part of the package: tests/test_extending.py.
pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg")

SIZE = 40, 56
CRF = {"iterations": 2, "bilateral_sigma_rgb": 30.0}


@pytest.fixture(scope="module")
def image():
    return patches(*SIZE)[0]


@pytest.fixture(scope="module")
def model(image):
    return uncertain_model(image[None], crf=CRF)


def test_every_file_with_python_is_run_by_a_test():
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    assert {file.name for file in files if "```python" in file.read_text()} == {
        "README.md", "augmentation.md", "beam.md", "crf.md", "evaluation.md", "extending.md",
        "index.md", "keras.md", "keras_backbones.md", "mobile.md", "networks.md", "security.md",
        "serving.md", "trained_networks.md", "training.md",
    }  # fmt: skip


@pytest.mark.slow
def test_networks():
    names = {"deeplab_tf": deeplab_tf}
    narrow = {"num_classes=21": "num_classes=21, width=0.05"}
    model = run_python("docs/networks.md", names, **narrow)["model"]
    assert (model.backbone_name, model.head_name) == ("resnet101_beta", "v3plus")
    assert (model.logit_stride, model.batch_norm) == (4, "train")


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_readme(model, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RUN").mkdir()
    model.save("RUN/model.keras")
    Image.fromarray(image).save("image.jpg")
    labels = run_python("README.md", {})["labels"]
    assert labels.dtype == np.uint8 and labels.shape == SIZE


def test_trained_networks(capsys):
    model = run_python("docs/trained_networks.md", {})["model"]
    assert model.spec.class_names[0] == "sky"
    assert "camvid_efficientnet_lite0_v3plus: camvid" in capsys.readouterr().out


def test_security(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save("own.keras")
    opened = run_python("docs/security.md", {"deeplab_tf": deeplab_tf})["model"]
    assert opened.get_config() == model.get_config()


def test_augmentation(monkeypatch):
    names = run_python("docs/augmentation.md", {})
    monkeypatch.setitem(OPERATIONS, "noise", names["Noise"])
    noisy = deeplab_tf.data.AugmentationPipeline("crop(50)|noise(5)")
    crop, _ = deeplab_tf.data.augment(
        tf.fill([50, 50, 3], 100),
        tf.zeros([50, 50], tf.int32),
        tf.constant([0, 1]),
        noisy,
        (0, 0, 0),
    )
    assert np.mean(crop) == pytest.approx(100, abs=0.5)
    assert np.std(crop) == pytest.approx(5, rel=0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_crf(model, image):
    logits = model(image[None])
    names = {"deeplab_tf": deeplab_tf, "logits": logits, "images": tf.constant(image[None])}
    names = run_python("docs/crf.md", names)
    assert names["probabilities"].shape == (1, *SIZE, 3)
    q = np.asarray(names["q"])
    assert q.shape == (*SIZE, 3)
    np.testing.assert_allclose(q.sum(axis=-1), 1, atol=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_evaluation(model, image):
    images = np.stack([image, image[::-1]])
    names = {"deeplab_tf": deeplab_tf, "model": model, "image": image, "images": images}
    names = run_python("docs/evaluation.md", names)
    labels, after = names["labels"], names["after"]
    assert labels.dtype == np.uint8 and labels.shape == SIZE
    np.testing.assert_array_equal(labels, after)
    np.testing.assert_array_equal(labels, names["many"][0])
    np.testing.assert_array_equal(names["logits"].argmax(axis=-1), names["before"])


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_keras_backbones(image, tmp_path):
    path = str(tmp_path / "mobilenet.weights.h5")
    keras.applications.MobileNet(weights=None).save_weights(path)
    images = image[None]
    names = run_python("docs/keras_backbones.md", {"images": images}, **{'"imagenet"': repr(path)})
    assert names["logits"].shape == (1, *SIZE, 21)
    assert names["last"] == "out_relu" and names["features"].shape == (1, 5, 7, 1280)


@pytest.mark.slow
def test_mobile(model, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    predictor = deeplab_tf.Predictor(model)
    export_litert(predictor, "model.tflite", SIZE, log=lambda line: None)
    export_onnx(predictor, "model.onnx", log=lambda line: None)
    labels = run_python("docs/mobile.md", {"image": image})["labels"]
    np.testing.assert_array_equal(labels, predictor(image))


def test_beam(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LABELS").mkdir()
    file = tmp_path / "LABELS/street-00000-of-00008.tfrecord"
    RECORD_FORMATS["tfrecord"].write(file, random_records(3), {})
    names = run_python("docs/beam.md", {})
    *_, last = random_records(3)
    np.testing.assert_array_equal(names["labels"], last.labels)
    np.testing.assert_array_equal(names["same"], last.labels)


def test_the_template_of_a_data_set_is_one(tmp_path):
    text = (ROOT / "docs/data_sets.md").read_text()
    (template,) = re.findall(r"^```json\n(.*?)^```$", text, re.S | re.M)
    (tmp_path / "dataset.json").write_text(template)
    spec = DatasetSpec.load(tmp_path)
    assert spec.class_names == tuple(json.loads(template)["class_names"])


def test_index():
    names = run_python("docs/index.md", {})
    assert names["logits"].shape == (1, 65, 97, 21) and names["labels"].shape == (65, 97)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_keras(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = {"images": noise_images(33, 41, 4), "val_images": noise_images(25, 30, 2, seed=1)}
    for labels, shape, classes in (
        ("labels", [4, 33, 41], 5),
        ("own_labels", [4, 33, 41], 3),
        ("val_labels", [2, 25, 30], 5),
    ):
        names[labels] = rng.integers(0, classes, shape).astype(np.uint8)
    names = run_python("docs/keras.md", names)
    assert names["logits"].shape == (2, 25, 30, 5)
    assert names["same"].optimizer.iterations.numpy() > 0
    assert names["start"].num_classes == 5 and names["model"].num_classes == 3
    assert (tmp_path / "best.keras").is_file()
