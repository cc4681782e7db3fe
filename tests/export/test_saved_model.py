import io
import json
import os
import runpy
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data.image import image_pixels
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export import export_saved_model
from deeplab_tf.export.fold import folded
from deeplab_tf.export.safe_decode import BROKEN, EMPTY, NOT_AN_IMAGE
from deeplab_tf.layers import DenseCRF
from tests.export import encoded_images
from tests.export.encoded_images import encoded, random_image
from tests.models.narrow import narrow_model
from tests.tools.commands import call_elsewhere

pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg")

SPEC = DatasetSpec("three", ("sky", "road", "tree"))
MAX_PIXELS = 20_000


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = deeplab_tf.DeepLab(backbone="resnet50", head="aspp_s", dataset=SPEC, width=0.1)
    # Statistics and scales as after training; those of a new network would hide a wrong factor.
    rng = np.random.default_rng(0)
    for name, variable in model.variables_by_name().items():
        if name.split("/")[1] in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.3, 0.7, variable.shape))
        elif name.split("/")[1] in ("beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


@pytest.fixture(scope="module")
def predictor(model):
    return deeplab_tf.Predictor(model)


@pytest.fixture(scope="module")
def folder(predictor, tmp_path_factory):
    output = tmp_path_factory.mktemp("export") / "1"
    return export_saved_model(predictor, output, MAX_PIXELS)


def test_a_folder_that_is_no_number_is_said_to_be_ignored(predictor, tmp_path):
    logged = []
    with pytest.raises(ValueError, match="no images to compare"):  # no need to write it
        export_saved_model(
            predictor, tmp_path / "best", verify_on=tmp_path / "none", log=logged.append
        )
    assert "takes only folders whose name is a number, such as" in logged[0]


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def refining(shallow_vgg):
    """Everything that changes labels at once."""
    crf = DenseCRF(iterations=3, bilateral_sigma_rgb=30.0)
    crf.compiled = False
    return deeplab_tf.Predictor(narrow_model(width=0.05), crf, scales=(0.5, 1.0), flip=True)


@pytest.fixture(scope="module")
def refining_folder(refining, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refining")
    Image.fromarray(random_image(21, 34)).save(folder / "image.png")
    return export_saved_model(refining, folder / "1", verify_on=folder / "image.png")


@pytest.fixture(scope="module")
def refining_loaded(refining_folder):
    return tf.saved_model.load(str(refining_folder))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 47), (65, 51), (1, 1)])
def test_tensor_signature_equals_the_model(model, loaded, size):
    images = np.stack([random_image(*size, seed=i) for i in range(2)])
    found = loaded.signatures["predict_tensor"](images=tf.constant(images))
    logits = model(images)
    np.testing.assert_allclose(found["probabilities"], tf.nn.softmax(logits), atol=1e-5)
    np.testing.assert_array_equal(found["labels"], tf.argmax(logits, axis=-1))
    assert found["labels"].dtype == tf.uint8


@pytest.mark.slow
def test_bytes_signature_labels_each_image_at_its_own_size(predictor, loaded):
    images = [random_image(33, 47), random_image(20, 9), random_image(33, 47, seed=1)]
    contents = [encoded(images[0]), encoded(images[1]), encoded(images[2], "jpeg")]
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(contents))
    assert found["error"].numpy().tolist() == [b"", b"", b""]
    for content, png in zip(contents, found["label_png_bytes"].numpy(), strict=True):
        labels = Image.open(io.BytesIO(png))
        assert labels.mode == "L"
        expected = predictor(deeplab_tf.data.decode_image(content).numpy())
        np.testing.assert_array_equal(np.asarray(labels), expected)


@pytest.mark.slow
def test_a_bad_image_gets_its_own_error(predictor, loaded):
    good_png, jpeg = encoded(random_image(20, 30)), encoded(random_image(40, 30, seed=1), "jpeg")
    too_large = f"too large: 30000x30000, the limit is {MAX_PIXELS} pixels"
    batch = [
        (good_png, ""),
        (b"", EMPTY),
        (encoded_images.cmyk_jpeg(), ""),
        (encoded_images.animated_gif(), NOT_AN_IMAGE),
        (encoded(random_image(9, 9), "bmp"), NOT_AN_IMAGE),
        (encoded_images.sixteen_bit_png(), ""),
        (good_png[:-900], BROKEN),
        (jpeg[:-900], BROKEN),
        (encoded_images.png_that_claims(30000, 30000), too_large),
        (encoded_images.jpeg_that_claims(30000, 30000), too_large),
        (jpeg, ""),
    ]
    contents = tf.constant([content for content, _ in batch])
    found = loaded.signatures["serving_default"](image_bytes=contents)
    assert [error.decode() for error in found["error"].numpy()] == [error for _, error in batch]
    for (content, error), png in zip(batch, found["label_png_bytes"].numpy(), strict=True):
        if error:
            assert png == b""
            continue
        labels = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(labels, predictor(image_pixels(content, "image")))


@pytest.mark.slow
def test_the_limit_is_one_of_encoded_images_only(loaded):
    images = random_image(MAX_PIXELS // 100 + 1, 100)
    found = loaded.signatures["serving_default"](image_bytes=tf.constant([encoded(images)]))
    assert found["error"].numpy()[0].startswith(b"too large: 100x201, ")
    found = loaded.signatures["predict_tensor"](images=tf.constant(images[None]))
    assert found["labels"].shape == (1, 201, 100)


def test_an_empty_batch_gives_empty_outputs(loaded):
    found = loaded.signatures["serving_default"](image_bytes=tf.zeros([0], tf.string))
    assert found["error"].shape == found["label_png_bytes"].shape == (0,)


@pytest.mark.slow
def test_crf_scales_and_mirror_are_the_predictors(refining, refining_loaded):
    images = np.stack([random_image(33, 47, seed=i) for i in range(2)])
    found = refining_loaded.signatures["predict_tensor"](images=tf.constant(images))
    refined = refining.refine(refining.logits(images), images)
    variation = 0.5 * np.abs(found["probabilities"] - refined).sum(-1).mean()
    assert variation < 1e-5
    np.testing.assert_array_equal(found["labels"], [refining(image) for image in images])
    # Not without the CRF, nor at one scale and unmirrored.
    for other in (tf.nn.softmax(refining.logits(images)), tf.nn.softmax(refining.model(images))):
        assert 0.5 * np.abs(found["probabilities"] - other).sum(-1).mean() > 1e-3


@pytest.mark.slow
def test_crf_refines_each_image_at_its_own_size(refining, refining_loaded):
    images = [random_image(33, 47), random_image(20, 9), random_image(1, 1)]
    contents = [*map(encoded, images), b"nothing"]
    found = refining_loaded.signatures["serving_default"](image_bytes=tf.constant(contents))
    assert found["error"].numpy().tolist() == [b"", b"", b"", NOT_AN_IMAGE.encode()]
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


def operations(folder):
    """Every operation of the graph and of its functions' bodies."""
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    return {node.op for body in bodies for node in body}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["folder", "refining_folder"])
def test_graph_holds_no_python_function(request, name):
    found = operations(request.getfixturevalue(name))
    assert "Conv2D" in found
    assert not found & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


# === Batch normalisation ===


def test_normalisation_is_folded_into_the_convolutions(model, folder):
    found = operations(folder)
    assert not {op for op in found if op.startswith("FusedBatchNorm")} | (found & {"Rsqrt"})
    names = [name for name, _ in tf.train.list_variables(str(folder / "variables/variables"))]
    # Kernel and bias of every convolution, of the head too; no statistics.
    kernels = [name for name in model.variables_by_name() if name.endswith("/kernel")]
    assert len([name for name in names if "_variables" in name]) == 2 * len(kernels)


def test_folded_logits_are_the_models(model):
    images = random_image(65, 51)[None]
    wanted = model(images).numpy()
    with folded(model) as variables:
        found = model(images).numpy()
        variables[-1].assign_add(tf.ones_like(variables[-1]))  # the bias of a convolution
        assert not np.allclose(model(images), wanted, rtol=1e-2)
    assert np.std(wanted) > 1e-2
    assert np.abs(found - wanted).max() <= 1e-3 * np.abs(wanted).max()
    assert np.mean(found.argmax(-1) == wanted.argmax(-1)) >= 0.9999
    np.testing.assert_array_equal(model(images), wanted)


# === Where it runs ===


def saved_model_cli(cwd, *arguments):
    os.chdir(cwd)
    sys.argv = ["saved_model_cli", *arguments]
    runpy.run_module("tensorflow.python.tools.saved_model_cli", run_name="__main__")


@pytest.mark.slow
def test_runs_from_the_command_line(model, folder, tmp_path):
    image = random_image(33, 47)
    np.save(tmp_path / "images.npy", image[None])
    np.save(tmp_path / "bytes.npy", np.array([encoded(image), b"nothing"]))
    inputs = {
        "predict_tensor": "images=images.npy",
        "serving_default": "image_bytes=bytes.npy",
    }
    for signature, given in inputs.items():
        call_elsewhere(
            saved_model_cli, tmp_path, "run",
            f"--dir={folder}", "--tag_set=serve", f"--signature_def={signature}",
            f"--inputs={given}", f"--outdir={tmp_path}",
        )  # fmt: skip
    labels = deeplab_tf.Predictor(model)(image)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), labels[None])
    png, nothing = np.load(tmp_path / "label_png_bytes.npy", allow_pickle=True)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), labels)
    errors = np.load(tmp_path / "error.npy", allow_pickle=True)
    assert (nothing, *errors) == (b"", b"", NOT_AN_IMAGE.encode())


def test_data_set_travels_along(folder):
    assert json.loads((folder / "assets" / "dataset.json").read_text()) == SPEC.to_dict()


@pytest.mark.parametrize("max_pixels", [0, -1, 2**63])
def test_a_limit_that_is_none(model, tmp_path, max_pixels):
    with pytest.raises(ValueError, match="max_pixels must be at least 1"):
        export_saved_model(deeplab_tf.Predictor(model), tmp_path / "1", max_pixels)
    assert list(tmp_path.iterdir()) == []


def test_names_that_look_like_versions(model, tmp_path):
    for name in ("²", "7", "notes"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"7 exists\. Give a new version, such as .*8"):
        export_saved_model(deeplab_tf.Predictor(model), tmp_path / "7")


def test_an_existing_folder_is_never_overwritten(model, folder):
    with pytest.raises(ValueError, match=r"exists\. Give a new version, such as .*2"):
        export_saved_model(deeplab_tf.Predictor(model), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
