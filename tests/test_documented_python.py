import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export import export_litert, export_onnx
from tests.documentation import ROOT, run_python
from tests.models.narrow import doubtful_model, patches

# That of docs/serving.md needs a server: tests/serving/test_clients.py.
SIZE = 40, 56
CRF = {"iterations": 2, "bilateral_sigma_rgb": 30.0}


@pytest.fixture(scope="module")
def photo():
    return patches(*SIZE)[0]


@pytest.fixture(scope="module")
def model(photo):
    return doubtful_model(photo[None], crf=CRF)


def test_every_file_with_python_is_run_by_a_test():
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    assert {file.name for file in files if "```python" in file.read_text()} == {
        "README.md", "crf.md", "edge.md", "evaluation.md", "security.md", "serving.md",
    }  # fmt: skip


def test_readme(model, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RUN").mkdir()
    model.save("RUN/model.keras")
    Image.fromarray(photo).save("photo.jpg")
    labels = run_python("README.md", {})["labels"]
    assert labels.dtype == np.uint8 and labels.shape == SIZE


def test_security(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save("own.keras")
    opened = run_python("docs/security.md", {"deeplab_tf": deeplab_tf})["model"]
    assert opened.get_config() == model.get_config()


def test_crf(model, photo):
    logits = model(photo[None])
    names = {"deeplab_tf": deeplab_tf, "logits": logits, "images": tf.constant(photo[None])}
    names = run_python("docs/crf.md", {**names, "scores": logits[0].numpy(), "photo": photo})
    assert names["probabilities"].shape == (1, *SIZE, 3)
    q = np.asarray(names["q"])
    assert q.shape == (*SIZE, 3)
    np.testing.assert_allclose(q.sum(axis=-1), 1, atol=1e-4)


def test_evaluation(model, photo):
    photos = np.stack([photo, photo[::-1]])
    names = {"deeplab_tf": deeplab_tf, "model": model, "photo": photo, "photos": photos}
    names = run_python("docs/evaluation.md", names)
    labels, after = names["labels"], names["after"]
    assert labels.dtype == np.uint8 and labels.shape == SIZE
    np.testing.assert_array_equal(labels, after)
    np.testing.assert_array_equal(labels, names["many"][0])
    np.testing.assert_array_equal(names["scores"].argmax(axis=-1), names["before"])


@pytest.mark.slow
def test_edge(model, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    predictor = deeplab_tf.Predictor(model)
    export_litert(predictor, "model.tflite", SIZE, say=lambda line: None)
    export_onnx(predictor, "model.onnx", say=lambda line: None)
    labels = run_python("docs/edge.md", {"image": photo})["labels"]
    np.testing.assert_array_equal(labels, predictor(photo))


def test_the_template_of_a_data_set_is_one(tmp_path):
    text = (ROOT / "docs/data_sets.md").read_text()
    (template,) = re.findall(r"^```json\n(.*?)^```$", text, re.S | re.M)
    (tmp_path / "dataset.json").write_text(template)
    spec = DatasetSpec.load(tmp_path)
    assert spec.class_names == tuple(json.loads(template)["class_names"])
