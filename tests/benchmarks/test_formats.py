import deeplab_tf
from deeplab_tf.benchmarks import formats
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation.evaluate import evaluate
from tests.evaluation.reordered import reordered


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
