import io
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export.saved_model import BROKEN_IMAGE, export_saved_model
from tests.models.narrow import narrow_model

SPEC = DatasetSpec("three", ("sky", "road", "tree"))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = deeplab_tf.DeepLab(backbone="resnet50", head="aspp_s", dataset=SPEC, width=0.1)
    # A random network's scores of tens of thousands would turn rounding into other answers.
    for variable in model.scorer.trainable_variables:
        variable.assign(variable * 1e-4)
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    predictor = deeplab_tf.Predictor(model)
    return export_saved_model(predictor, tmp_path_factory.mktemp("export") / "1")


@pytest.fixture(scope="module")
def refining():
    """Everything that changes an answer at once."""
    crf = {"iterations": 3, "bilateral_sigma_rgb": 30.0}
    return deeplab_tf.Predictor(narrow_model(width=0.05), crf, scales=(0.5, 1.0), flip=True)


@pytest.fixture(scope="module")
def refining_folder(refining, tmp_path_factory):
    return export_saved_model(refining, tmp_path_factory.mktemp("refining") / "1")


def random_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, [height, width, 3], np.uint8)


def encoded(image, kind="png"):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(33, 47), (65, 51), (1, 1)])
def test_tensor_signature_equals_the_model(model, folder, size):
    images = np.stack([random_image(*size, seed=i) for i in range(2)])
    loaded = tf.saved_model.load(str(folder))
    found = loaded.signatures["predict_tensor"](images=tf.constant(images))
    logits = model(images)
    np.testing.assert_allclose(found["probabilities"], tf.nn.softmax(logits), atol=1e-5)
    np.testing.assert_array_equal(found["labels"], tf.argmax(logits, axis=-1))
    assert found["labels"].dtype == tf.uint8


def test_bytes_signature_labels_each_image_at_its_own_size(model, folder):
    images = [random_image(33, 47), random_image(20, 9), random_image(33, 47, seed=1)]
    contents = [encoded(images[0]), encoded(images[1]), encoded(images[2], "jpeg")]
    loaded = tf.saved_model.load(str(folder))
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(contents))
    assert found["error"].numpy().tolist() == [b"", b"", b""]
    predictor = deeplab_tf.Predictor(model)
    for content, png in zip(contents, found["label_png_bytes"].numpy(), strict=True):
        labels = Image.open(io.BytesIO(png))
        assert labels.mode == "L"
        expected = predictor(deeplab_tf.data.decode_image(content).numpy())
        np.testing.assert_array_equal(np.asarray(labels), expected)


def test_a_broken_image_gets_its_own_error(folder):
    good = encoded(random_image(12, 15))
    contents = [b"", good, b"GIF89a nonsense", good[:60], good]
    loaded = tf.saved_model.load(str(folder))
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(contents))
    wrong = BROKEN_IMAGE.encode()
    assert found["error"].numpy().tolist() == [wrong, b"", wrong, wrong, b""]
    pngs = found["label_png_bytes"].numpy()
    assert pngs[0] == pngs[2] == pngs[3] == b""
    assert pngs[1] == pngs[4] != b""


@pytest.mark.parametrize("size", [(33, 47), (20, 9)])
def test_crf_scales_and_mirror_are_the_predictors(refining, refining_folder, size):
    images = np.stack([random_image(*size, seed=i) for i in range(2)])
    loaded = tf.saved_model.load(str(refining_folder))
    found = loaded.signatures["predict_tensor"](images=tf.constant(images))
    refined = refining.refine(refining.scores(images), images)
    variation = 0.5 * np.abs(found["probabilities"] - refined).sum(-1).mean()
    assert variation < 1e-5
    np.testing.assert_array_equal(found["labels"], [refining(image) for image in images])
    # Not without the CRF, nor at one scale and unmirrored.
    for other in (tf.nn.softmax(refining.scores(images)), tf.nn.softmax(refining.model(images))):
        assert 0.5 * np.abs(found["probabilities"] - other).sum(-1).mean() > 1e-3


def test_crf_refines_each_image_at_its_own_size(refining, refining_folder):
    images = [random_image(33, 47), random_image(20, 9), random_image(1, 1)]
    contents = [*map(encoded, images), b"nothing"]
    loaded = tf.saved_model.load(str(refining_folder))
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(contents))
    assert found["error"].numpy().tolist() == [b"", b"", b"", BROKEN_IMAGE.encode()]
    for image, png in zip(images, found["label_png_bytes"].numpy(), strict=False):
        labels = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(labels, refining(image))


@pytest.mark.parametrize(
    "options, complaint",
    [({"crf": {"implementation": "pydensecrf"}}, "stock operations"), ({"tile": 65}, "no tiles")],
)
def test_what_cannot_be_exported(model, tmp_path, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        export_saved_model(deeplab_tf.Predictor(model, **options), tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "refining_folder"])
def test_graph_holds_no_python_function(request, name):
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((request.getfixturevalue(name) / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    operations = {node.op for body in bodies for node in body}
    assert "Conv2D" in operations
    assert not operations & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


LOAD_WITHOUT_PACKAGE = """
import sys
sys.modules["deeplab_tf"] = sys.modules["keras"] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
out = loaded.signatures["predict_tensor"](images=tf.zeros([1, 9, 11, 3], tf.uint8))
print("shape", out["labels"].shape)
"""


@pytest.mark.slow
def test_loads_where_the_package_is_not_installed(refining_folder):
    command = [sys.executable, "-c", LOAD_WITHOUT_PACKAGE, str(refining_folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "shape (1, 9, 11)" in result.stdout, result.stderr


def test_data_set_travels_along(folder):
    assert json.loads((folder / "assets" / "dataset.json").read_text()) == SPEC.to_dict()


def test_an_existing_folder_is_never_overwritten(model, folder):
    with pytest.raises(ValueError, match=r"exists\. Give a new version, such as .*2"):
        export_saved_model(deeplab_tf.Predictor(model), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
