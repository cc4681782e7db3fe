import hashlib

import keras
import numpy as np
import tensorflow as tf

import deeplab_tf
from deeplab_tf.evaluation.report import describe_run
from tests.evaluation.report.pages import make_split


def test_a_run_is_described_by_what_it_was_made_with(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"a model")
    spec = make_split().spec
    model = deeplab_tf.DeepLab(dataset=spec, width=0.05, output_stride=16)
    predictor = deeplab_tf.Predictor(model, crf={"iterations": 3})
    command = ["tools/evaluate.py", "--model=with space"]
    settings = describe_run(command, file, predictor, spec, "folder")
    assert settings["command line"] == "tools/evaluate.py '--model=with space'"
    assert settings["model"] == str(file)
    assert settings["SHA-256 of the model"] == hashlib.sha256(b"a model").hexdigest()
    assert "backbone vgg16" in settings["network"] and "output stride 16" in settings["network"]
    assert "flip False" in settings["prediction"]
    assert settings["data set"] == "<i>pets</i>, 4 classes, folder"
    assert "iterations 3" in settings["CRF"]
    assert [settings[name] for name in ("TensorFlow", "Keras", "NumPy")] == [
        tf.__version__, keras.__version__, np.__version__,
    ]  # fmt: skip
    without = describe_run(command, file, deeplab_tf.Predictor(model), spec, "folder")
    assert without["CRF"] == "none"
