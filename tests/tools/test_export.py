"""`tools/export.py` to a SavedModel and the light formats, and flags that do not go together."""

import json

import pytest
from PIL import Image

import deeplab_tf
from tests.export.encoded_images import random_image
from tests.models.narrow import narrow_model
from tests.tools.commands import run

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def model_flag(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    narrow_model(width=0.05).save(path)
    return f"--model={path}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, name, options",
    [
        (
            "onnx",
            "a.onnx",
            ["--size=40x56", "--scales=0.5,1", "--flip", "--fusion=max", "--pad_to=65"],
        ),
        ("litert", "a.tflite", ["--size=40x56", "--precision=int8", "--calibrate_on=synthetic"]),
    ],
)
def test_light_formats(model_flag, tmp_path, kind, name, options):
    path = tmp_path / name
    least = "--min_agreement=0.9"
    out, error = run(
        "export.py", model_flag, f"--output={path}", f"--format={kind}", least, *options
    )
    assert "of the labels of 5 images are equal" in out and out.endswith(f": {path}\n")
    assert "Warning" not in error and "gradient" not in error
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_saved_model(model_flag, tmp_path):
    Image.fromarray(random_image(30, 41)).save(tmp_path / "good.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    served = tmp_path / "served" / "1"
    export = ["export.py", model_flag, f"--output={served}", "--max_pixels=900"]
    _, error = run(*export, f"--verify_on={tmp_path / '*.jpg'}", status=1)
    assert "bad.jpg: no image of a known format" in error and not served.exists()
    crf = tmp_path / "crf.json"
    crf.write_text(json.dumps({"iterations": 2, "bilateral_sigma_xy": 20}))
    out, _ = run(
        *export, f"--verify_on={tmp_path / 'good.jpg'}", f"--crf={crf}", "--flip", "--pad_to=49"
    )
    assert "of the labels of 1 image are equal" in out and f"SavedModel: {served}" in out
    assert deeplab_tf.load(served)(random_image(30, 41)).shape == (30, 41)
    _, error = run(*export, status=1)
    assert f"{served} exists. Give a new version" in error
