import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.models.finite import first_not_finite
from deeplab_tf.models.loading import load_model
from tests.models.narrow import narrow_model


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_found(bad):
    values = np.zeros([3, 5, 7], np.float32)
    values[2, 4, 6] = bad
    variables = [("a", tf.Variable(3e38)), ("b", tf.Variable(values)), ("c", tf.Variable(bad))]
    assert first_not_finite(variables) == "b"


def test_sound_variables_and_counters():
    assert first_not_finite([]) is None
    assert first_not_finite([("steps", tf.Variable(2**60))]) is None
    huge = [
        ("steps", tf.Variable(7)),
        ("huge", tf.Variable([3e38, -3e38])),
        ("no", tf.Variable([])),
    ]
    assert first_not_finite(huge) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_model_file_is_refused(tmp_path, bad):
    model = narrow_model()
    bias = model.variables_by_name()["fc8/bias"]
    bias.assign([bad] + [0.0] * (bias.shape[0] - 1))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"model\.keras: its variable 'fc8/bias' is not finite"):
        load_model(tmp_path / "model.keras")
