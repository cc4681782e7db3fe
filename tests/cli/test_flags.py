import json
import types
from unittest import mock

import pytest
from absl import flags

from deeplab_tf import cli, precision
from deeplab_tf.crf import CrfParameters
from deeplab_tf.evaluation import predictor


@pytest.mark.parametrize(
    ("arguments", "value"),
    [([], False), (["--crf"], True), (["--nocrf"], False), (["--crf=true"], True),
     (["--crf=False"], False), (["--crf=0"], False), (["--crf=my/crf.json"], "my/crf.json")],
)  # fmt: skip
def test_spellings_of_crf(arguments, value):
    values = flags.FlagValues()
    original = flags.DEFINE_flag
    with mock.patch.object(flags, "DEFINE_flag", lambda flag: original(flag, values)):
        cli.define_crf_flag()
    values(["tool", *arguments])
    assert values.crf == value and type(values.crf) is type(value)


def model_with(crf):
    return types.SimpleNamespace(crf=crf)


def test_no_crf_and_the_models_own():
    own = {"iterations": 7, "implementation": "pydensecrf"}
    assert cli.crf_parameters(False, model_with(own)) is None
    assert cli.crf_parameters(True, model_with(own)) == own
    with pytest.raises(ValueError, match="carries no CRF parameters"):
        cli.crf_parameters(True, model_with(None))


def test_crf_file_replaces_the_models_parameters(tmp_path):
    path = tmp_path / "crf.json"
    path.write_text(json.dumps({"iterations": 3, "bilateral_sigma_xy": 20.0}))
    own = {"iterations": 7, "bilateral_weight": 99.0, "implementation": "pydensecrf"}
    # What the file leaves out is the default, not the model's.
    wanted = {**CrfParameters().to_dict(), "iterations": 3, "bilateral_sigma_xy": 20.0}
    assert cli.crf_parameters(str(path), model_with(own)) == wanted
    assert cli.crf_parameters(str(path), model_with(None)) == wanted


def test_missing_crf_file_is_named(tmp_path):
    with pytest.raises((ValueError, OSError), match=r"none\.json"):
        cli.crf_parameters(str(tmp_path / "none.json"), model_with(None))


# === Predictor ===


@pytest.mark.parametrize("scales", [["1", "half"], [""], ["1;2"]])
def test_scales_are_numbers(scales):
    given = types.SimpleNamespace(value=scales)
    with pytest.raises(ValueError, match=r"--scales takes numbers such as 0\.5,0\.75,1"):
        cli.build_predictor(model_with(None), False, {"scales": given})


@pytest.mark.parametrize(
    ("wanted", "fastest", "line"),
    [
        ("float32", "float32", ""),
        ("float32", "bfloat16", "bfloat16 would be faster here, of a test: --precision=auto\n"),
        ("auto", "bfloat16", "precision: bfloat16 (of a test)\n"),
        ("bfloat16", "float32", ""),
        (None, "bfloat16", ""),  # a tool without the flag
    ],
)
def test_the_precision_is_said_where_it_matters(monkeypatch, capsys, wanted, fastest, line):
    monkeypatch.setattr(precision, "_fastest", lambda: precision.Precision(fastest, "of a test"))
    predictors = []
    monkeypatch.setattr(predictor, "Predictor", lambda *_, **options: predictors.append(options))
    flag = types.SimpleNamespace(value=wanted)
    given = {
        "scales": types.SimpleNamespace(value=["1"]),
        **({"precision": flag} if wanted else {}),
    }
    cli.build_predictor(model_with(None), False, given)
    assert capsys.readouterr().out == line
    assert predictors[0].get("precision") == wanted
