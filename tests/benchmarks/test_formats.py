import keras
import pytest

import deeplab_tf
from benchmarks import formats
from deeplab_tf.data.synthetic import SyntheticSplit, synthetic_spec
from deeplab_tf.evaluation.evaluate import evaluate
from tests.evaluation.reordered import reordered
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")


def test_classes_are_matched_by_name(tmp_path, monkeypatch):
    split = SyntheticSplit("train", examples=2)
    monkeypatch.setattr(formats, "open_split", lambda data_dir, name: split)
    monkeypatch.setattr(formats, "_export", lambda *arguments: {})
    model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    wanted = evaluate(deeplab_tf.Predictor(model), split)["miou"]
    (tmp_path / "model.keras").write_bytes(b"x")
    for network in (model, reordered(model, [3, 0, 4, 1, 2])):
        found = formats.run(tmp_path / "model.keras", network, "data", repeats=1, threads=1)
        assert found["Python"]["miou"] == wanted


@pytest.mark.slow
def test_every_format_has_its_figures_even_where_labels_differ(tmp_path, monkeypatch, capsys):
    keras.utils.set_random_seed(0)
    monkeypatch.setattr(formats, "IMAGES", 2)
    model = narrow_model(width=0.05, num_classes=None, dataset=synthetic_spec())
    model.save(tmp_path / "model.keras")
    results = formats.run(tmp_path / "model.keras", model, "synthetic", repeats=1, threads=1)
    assert list(results) == [
        "Python", "LiteRT float32", "LiteRT float16", "LiteRT int8", "ONNX", "ONNX, one size",
    ]  # fmt: skip
    for name, row in results.items():
        assert tuple(row) == formats.COLUMNS and row["megabytes"] > 0 < row["milliseconds"], name
    assert results["Python"]["equal_labels"] == 1 and results["ONNX"]["equal_labels"] > 0.999
    assert "2 images, median time of 1 rounds, 1 threads" in capsys.readouterr().out
