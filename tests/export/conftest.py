"""Models and exports that the files of this folder share; who changes a model changes it back."""

from pathlib import Path
from typing import NamedTuple

import keras
import pytest

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.export import export_saved_model
from tests.models.narrow import narrow_model, uncertain_model

SPEC = DatasetSpec("three", ("sky", "road", "tree"))


class Exported(NamedTuple):
    """A SavedModel, the predictor that it was exported from, and the lines of the log."""

    predictor: deeplab_tf.Predictor
    folder: Path
    lines: list


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A network without data set that finds three classes in the scenes."""
    predictor = deeplab_tf.Predictor(uncertain_model(draw_scene("val", 0)[0][None]))
    folder, lines = tmp_path_factory.mktemp("exported") / "streets" / "3", []
    return Exported(predictor, export_saved_model(predictor, folder, log=lines.append), lines)


@pytest.fixture(scope="session")
def three_classes():
    """The predictor of a network with a data set; LiteRT and ONNX files are made of it."""
    keras.utils.set_random_seed(0)
    return deeplab_tf.Predictor(narrow_model(dataset=SPEC))
