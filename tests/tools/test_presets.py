"""The programs with `preset:NAME`, the trained networks of the zoo."""

import json

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.synthetic import synthetic_spec
from deeplab_tf.models.deeplab import DeepLab
from tests.export.encoded_images import random_image
from tests.pretrained.tiny_zoo import make_zoo
from tests.tools.loading import call, refusal

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")

TINY, NAMED = "preset:tiny", "no trained network 'tinny': there are tiny; did you mean 'tiny'?"


@pytest.fixture(scope="module")
def zoo(shallow_vgg, tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield make_zoo(tmp_path_factory.mktemp("zoo"), monkeypatch, synthetic_spec())


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    Image.fromarray(random_image(30, 41)).save(path)
    return path


def test_predict_labels_as_the_network_does(zoo, image, tmp_path):
    call("predict.py", f"--model={TINY}", f"--input={image}", f"--output={tmp_path / 'out'}")
    with Image.open(tmp_path / "out" / "a.png") as written:
        labels = np.asarray(written)
    expected = deeplab_tf.Predictor(deeplab_tf.from_preset("tiny"))(random_image(30, 41))
    np.testing.assert_array_equal(labels, expected)


def test_evaluate_writes_where_it_is_told(zoo, tmp_path):
    evaluate = ["evaluate.py", f"--model={TINY}", "--data_dir=synthetic", "--limit=1"]
    with pytest.raises(ValueError, match="give --output too"):
        call(*evaluate)
    call(*evaluate, f"--output={tmp_path}", "--report")
    assert json.loads((tmp_path / "metrics.json").read_text())["images"] == 1
    assert zoo[1].sha256 in (tmp_path / "report.html").read_text()


def test_tune_keeps_what_it_has_found_by_the_files_hash(zoo, tmp_path, capsys):
    output = tmp_path / "crf.json"
    call(
        "tune_crf.py", f"--model={TINY}", "--data_dir=synthetic", "--limit=1", "--held_out=1",
        "--candidates=1", f"--output={output}", "--workers=1",
    )  # fmt: skip
    assert output.exists()


def test_export_publishes_it_again(zoo, tmp_path):
    path = tmp_path / "tiny.weights.h5"
    call("export.py", f"--model={TINY}", f"--output={path}", "--format=weights")
    # Numbers of half precision stay what they are.
    assert DeepLab.from_config(zoo[0].get_config()).load_weights(path) is None
    assert path.stat().st_size == zoo[1].size


@pytest.mark.parametrize(
    "command",
    [
        ["predict.py", "--input=.", "--output=out"],
        ["evaluate.py", "--data_dir=synthetic"],
        ["export.py", "--output=out/1"],
        ["tune_crf.py", "--data_dir=synthetic", "--output=crf.json"],
        ["demo.py"],
    ],
)
def test_a_name_that_there_is_not_is_told_at_once(zoo, capsys, command):
    assert NAMED in refusal(capsys, *command, "--model=preset:tinny")
