import json

import keras
import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.export.onnx import OnnxLabeller, export_onnx
from deeplab_tf.layers import AtrousConv2D
from tests.backbones.shallow import shallow_vgg
from tests.export.conftest import SPEC
from tests.models.narrow import assert_same_logits, narrow_model, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow", "eager_file")


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def file(three_classes, lines, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    return export_onnx(three_classes, path, log=lines.append)


def scene(height, width):
    return np.asarray(Image.fromarray(draw_scene("val", 9)[0]).resize((width, height)))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(67, 90), (33, 41), (1, 1)])
def test_labels_are_the_models_at_any_size(three_classes, file, size):
    image = scene(*size)
    labels, logits = OnnxLabeller(file)(image)
    wanted = three_classes.model(image[None])[0]
    np.testing.assert_allclose(logits, wanted, atol=1e-3)
    np.testing.assert_array_equal(labels, np.argmax(wanted, axis=-1))
    assert labels.dtype == np.uint8


@pytest.mark.slow
def test_takes_batches(three_classes, file):
    import onnxruntime

    images = np.stack([scene(40, 50), scene(40, 50)[::-1]])
    session = onnxruntime.InferenceSession(str(file))
    logits, under_old_name = session.run(["logits", "scores"], {"images": images})
    np.testing.assert_array_equal(under_old_name, logits)
    assert_same_logits(logits, three_classes.model(images))


def test_export_says_how_far_it_agrees(file, lines):
    assert lines[0].startswith(
        "ONNX against the Python predictor: 100.0000 % of the labels of 5 images are equal"
    )


def rates_of(file):
    import onnx

    nodes = onnx.load(str(file)).graph.node
    return [
        tuple(a.ints) for n in nodes if n.op_type == "Conv" for a in n.attribute
        if a.name == "dilations"
    ]  # fmt: skip


def test_atrous_convolutions_stay_one_operator(file):
    rates = rates_of(file)
    assert len(rates) == 16  # 13 of VGG-16, fc6, fc7 and fc8
    assert sorted(set(rates)) == [(1, 1), (2, 2), (12, 12)]


@pytest.mark.parametrize("size", [None, pytest.param((67, 90), marks=pytest.mark.slow)])
def test_interlaced_convolutions_become_one_operator(tmp_path, size):
    keras.utils.set_random_seed(0)
    predictor = deeplab_tf.Predictor(narrow_model(method="interlace"))
    path = export_onnx(predictor, tmp_path / "m.onnx", size, log=lambda line: None)
    labels, logits = OnnxLabeller(path)(scene(67, 90))
    np.testing.assert_array_equal(labels, predictor(scene(67, 90)))
    np.testing.assert_allclose(logits, predictor.predict_logits(scene(67, 90)), atol=1e-3)
    assert sorted(set(rates_of(path))) == [(1, 1), (2, 2), (12, 12)]
    layers = compat.all_layers(predictor.model)
    assert {x.method for x in layers if isinstance(x, AtrousConv2D)} == {"interlace"}


def test_data_set_lies_in_the_file(file):
    import onnxruntime

    entries = onnxruntime.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    assert json.loads(entries["dataset.json"]) == SPEC.to_dict()


@pytest.mark.slow
def test_scales_and_mirror_are_the_predictors(tmp_path):
    with shallow_vgg():
        model = uncertain_model(scene(67, 90)[None])
    predictor = deeplab_tf.Predictor(model, scales=(0.5, 1.0), flip=True)
    path = export_onnx(predictor, tmp_path / "m.onnx", log=lambda line: None)
    image = scene(67, 90)
    labels, _ = OnnxLabeller(path)(image)
    assert np.mean(labels == predictor(image)) > 0.999
    assert np.mean(labels == deeplab_tf.Predictor(model)(image)) < 0.99


@pytest.mark.slow
def test_normalisation_is_folded_and_the_size_fixed(tmp_path):
    import onnx

    keras.utils.set_random_seed(0)
    predictor = deeplab_tf.Predictor(narrow_model("resnet50", "aspp_s", width=0.05))
    path = export_onnx(predictor, tmp_path / "m.onnx", (67, 90), log=lambda line: None)
    image = scene(67, 90)
    np.testing.assert_array_equal(OnnxLabeller(path)(image)[0], predictor(image))
    graph = onnx.load(str(path)).graph
    sides = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    assert sides == [1, 67, 90, 3]
    assert not {"BatchNormalization", "Sqrt", "Reciprocal"} & {node.op_type for node in graph.node}


@pytest.mark.slow
@pytest.mark.parametrize(
    "crf, name, options, complaint",
    [
        ({}, "a.onnx", {}, "ONNX cannot hold the CRF"),
        (None, "a.tflite", {}, r"a\.tflite: the name of an ONNX file ends in \.onnx"),
        (None, "a.onnx", {"least_equal_labels": 1.01}, "Nothing is written: .* Needed: 101 %"),
    ],
)
def test_what_cannot_be_exported(three_classes, tmp_path, crf, name, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        export_onnx(deeplab_tf.Predictor(three_classes.model, crf), tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []
