"""`tools/export.py` to the light formats, and flags that do not go together."""

import pytest

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
        ("onnx", "a.onnx", ["--size=40x56", "--scales=0.5,1", "--flip", "--fusion=max"]),
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
