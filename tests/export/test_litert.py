import json
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.export.litert import LiteRtLabeller, export_litert
from tests.backbones.shallow import shallow_vgg
from tests.export.conftest import SPEC
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow", "eager_file")

SIZE = (67, 90)


@pytest.fixture(scope="module")
def files(three_classes, tmp_path_factory):
    """A file a precision."""
    folder = tmp_path_factory.mktemp("litert")
    made = {}
    for precision in ("float32", "float16", "int8"):
        data = "synthetic" if precision == "int8" else None
        path = folder / f"{precision}.tflite"
        made[precision] = export_litert(
            three_classes, path, SIZE, precision, data, log=lambda line: None
        )
    return made


def scene():
    return np.asarray(Image.fromarray(draw_scene("val", 9)[0]).resize(SIZE[::-1]))


def operators(path):
    """Returns the names of a file's operators, and the options of its convolutions."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    file = flatbuffer_utils.read_model(str(path))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    graph = file.subgraphs[0]
    codes = [file.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]
    options = [operator.builtinOptions for operator in graph.operators]
    convolutions = [o for o in options if isinstance(o, schema.Conv2DOptionsT)]
    return [names[code] for code in codes], convolutions


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision, least, tolerance",
    [("float32", 1, 1e-5), ("float16", 0.998, 0.02), ("int8", 0.96, 1)],
)
def test_labels_are_the_models(three_classes, files, precision, least, tolerance):
    image = scene()
    labels, logits = LiteRtLabeller(files[precision])(image)
    wanted = three_classes.model(image[None])[0].numpy()
    assert labels.dtype == np.uint8 and len(np.unique(labels)) > 1
    assert (labels == wanted.argmax(-1)).mean() >= least
    assert np.abs(logits - wanted).max() < tolerance * wanted.std()


@pytest.mark.slow
def test_logits_are_there_under_their_old_name(files):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(files["float32"])).get_signature_runner("serving_default")
    results = run(images=scene()[None])
    np.testing.assert_array_equal(results["scores"], results["logits"])


@pytest.mark.slow
def test_smaller_numbers_make_smaller_files(files):
    sizes = {precision: path.stat().st_size for precision, path in files.items()}
    assert sizes["float16"] < 0.6 * sizes["float32"]
    assert sizes["int8"] < 0.4 * sizes["float32"]


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_atrous_convolutions_stay_one_operator(files, precision):
    names, convolutions = operators(files[precision])
    assert len(convolutions) == 16  # 13 of VGG-16, fc6, fc7 and fc8
    rates = [(o.dilationHFactor, o.dilationWFactor) for o in convolutions]
    assert sorted(set(rates)) == [(1, 1), (2, 2), (12, 12)]
    assert not {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "CONCATENATION", "CUSTOM"} & set(names)


def test_int8_has_a_factor_for_every_channel(files):
    from tensorflow.lite.tools import flatbuffer_utils

    tensors = flatbuffer_utils.read_model(str(files["int8"])).subgraphs[0].tensors
    factors = [len(t.quantization.scale) for t in tensors if t.quantization.scale is not None]
    assert sum(count > 1 for count in factors) == 2 * 16  # kernels and biases


def test_data_set_lies_in_the_file(files):
    with zipfile.ZipFile(files["int8"]) as archive:
        assert json.loads(archive.read("dataset.json")) == SPEC.to_dict()


@pytest.mark.slow
def test_scales_and_mirror_are_the_predictors(tmp_path):
    with shallow_vgg():
        model = narrow_model()
    predictor = deeplab_tf.Predictor(model, scales=(0.5, 1.0), flip=True)
    lines = []
    path = export_litert(predictor, tmp_path / "model.tflite", SIZE, log=lines.append)
    assert "100.0000 % of the labels of 5 images are equal" in lines[0]
    labels, _ = LiteRtLabeller(path)(scene())
    np.testing.assert_array_equal(labels, predictor(scene()))
    assert (labels != deeplab_tf.Predictor(model)(scene())).any()


@pytest.mark.slow
def test_normalisation_is_folded(tmp_path):
    keras.utils.set_random_seed(0)
    predictor = deeplab_tf.Predictor(narrow_model("resnet50", "aspp_s", width=0.05))
    path = export_litert(predictor, tmp_path / "model.tflite", SIZE, log=lambda line: None)
    labels, _ = LiteRtLabeller(path)(scene())
    np.testing.assert_array_equal(labels, predictor(scene()))
    names, convolutions = operators(path)
    assert not {"RSQRT", "MUL", "CUSTOM"} & set(names)
    rates = {o.dilationHFactor for o in convolutions}
    assert rates == {1, 2, 4, 8, 12}  # res4, res5 and ASPP-S


@pytest.mark.parametrize(
    "crf, name, options, complaint",
    [
        ({}, "a.tflite", {}, "LiteRT cannot hold the CRF"),
        (None, "a.onnx", {}, r"a\.onnx: the name of a LiteRT file ends in \.tflite"),
        (None, "a.tflite", {"precision": "int4"}, "precision must be one of"),
        (None, "a.tflite", {"precision": "int8"}, "int8 needs images to calibrate on"),
        (None, "a.tflite", {"calibrate_on": "synthetic"}, "calibrate_on belongs to int8"),
        (None, "a.tflite", {"verify_on": "nowhere"}, "nowhere: no images"),
    ],
)
def test_what_cannot_be_exported(three_classes, tmp_path, crf, name, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        predictor = deeplab_tf.Predictor(three_classes.model, crf)
        export_litert(predictor, tmp_path / name, SIZE, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_file_that_disagrees_is_not_written(three_classes, tmp_path):
    Image.fromarray(scene()).save(tmp_path / "image.png")
    with pytest.raises(ValueError, match=r"Nothing is written: .* of 1 image .* Needed: 101 %"):
        export_litert(
            three_classes, tmp_path / "a.tflite", SIZE,
            verify_on=tmp_path / "image.png", least_equal_labels=1.01,
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
