import dataclasses
import json

import numpy as np
import pytest

from deeplab_tf.crf import CrfParameters

NON_DEFAULT = {
    "iterations": 3,
    "bilateral_weight": 5,
    "bilateral_sigma_xy": 49.0,
    "bilateral_sigma_rgb": 5.5,
    "gaussian_weight": 2.0,
    "gaussian_sigma_xy": 3.0,
    "normalization": "symmetric",
    "compatibility": [[0.0, 1.0], [1.0, 0.0]],
    "implementation": "pydensecrf",
    "mode": "fast",
    "spatial_kernel": "lattice",
    "from_probabilities": True,
    "clip": 1e-3,
}


def test_defaults_are_those_of_the_interface():
    assert CrfParameters().to_dict() == {
        "iterations": 10,
        "bilateral_weight": 4.0,
        "bilateral_sigma_xy": 67.0,
        "bilateral_sigma_rgb": 3.0,
        "gaussian_weight": 3.0,
        "gaussian_sigma_xy": 1.0,
        "normalization": "after",
        "compatibility": "potts",
        "implementation": "graph",
        "mode": "exact",
        "spatial_kernel": "separable",
        "from_probabilities": False,
        "clip": 1e-5,
        "trainable": False,
    }


def test_dictionary_and_json_round_trip(tmp_path):
    parameters = CrfParameters.from_dict(NON_DEFAULT)
    assert parameters.to_dict() == {**NON_DEFAULT, "trainable": False}
    path = tmp_path / "crf.json"
    path.write_text(json.dumps(parameters.to_dict()))
    assert CrfParameters.load(path) == parameters
    assert CrfParameters.from_dict(parameters.to_dict()) == parameters


def test_a_file_may_name_some_parameters_only(tmp_path):
    path = tmp_path / "crf.json"
    path.write_text('{"bilateral_sigma_xy": 121}')
    assert CrfParameters.load(path) == CrfParameters(bilateral_sigma_xy=121.0)


def test_numpy_values_become_plain_ones():
    parameters = CrfParameters(
        iterations=np.int64(4), clip=np.float32(0.5), compatibility=np.ones(3, np.float32)
    )
    assert json.loads(json.dumps(parameters.to_dict()))["compatibility"] == [1.0, 1.0, 1.0]
    assert type(parameters.iterations) is int
    hash(parameters)
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters.clip = 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iterations", -1),
        ("iterations", 2.5),
        ("iterations", True),
        ("bilateral_weight", -1.0),
        ("bilateral_weight", "4"),
        ("bilateral_sigma_xy", 0),
        ("bilateral_sigma_rgb", float("nan")),
        ("gaussian_weight", None),
        ("gaussian_sigma_xy", -3),
        ("normalization", "NORMALIZE_AFTER"),
        ("implementation", "torch"),
        ("mode", "quick"),
        ("spatial_kernel", "box"),
        ("from_probabilities", 1),
        ("clip", 0.0),
        ("clip", 1.0),
        ("trainable", "no"),
        ("compatibility", "Potts"),
        ("compatibility", [[1.0, 2.0]]),
        ("compatibility", [[1.0], [1.0, 2.0]]),
        ("compatibility", []),
        ("compatibility", 3.0),
        ("compatibility", [float("inf"), 0.0]),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        CrfParameters(**{name: value})


def test_pydensecrf_cannot_be_trained():
    with pytest.raises(ValueError, match="graph"):
        CrfParameters(trainable=True, implementation="pydensecrf")


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(ValueError, match=r"'bilateral_sigma_xyz'.*nearest is 'bilateral_sigma_xy'"):
        CrfParameters.from_dict({"bilateral_sigma_xyz": 3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"iterations": 10', "not valid JSON"),
        ('{"iterationen": 10}', "nearest is 'iterations'"),
        ('{"clip": 7}', "clip must be"),
        ("[10]", "mapping"),
        (None, "cannot be read"),
    ],
)
def test_errors_of_a_file_name_it(tmp_path, text, message):
    path = tmp_path / "mine.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=f"mine.json.*{message}"):
        CrfParameters.load(path)


def test_a_file_that_is_not_text_is_an_error_with_its_name(tmp_path):
    path = tmp_path / "image.json"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ValueError, match=r"image\.json"):
        CrfParameters.load(path)


def test_penalties_fit_the_classes_and_are_symmetric():
    assert CrfParameters().penalties(4) is None
    assert CrfParameters(compatibility=[1, 2, 3]).penalties(3).tolist() == [1, 2, 3]
    matrix = CrfParameters(compatibility=[[0, 2], [1, 0]]).penalties(2)
    assert matrix.tolist() == [[0, 1.5], [1.5, 0]]
    with pytest.raises(ValueError, match="3 classes, but the logits have 4"):
        CrfParameters(compatibility=[1, 2, 3]).penalties(4)
