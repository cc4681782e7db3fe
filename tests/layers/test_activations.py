import keras
import numpy as np
import pytest

from deeplab_tf.layers.activations import activation_function, hard_sigmoid, hard_swish

VALUES = np.array([-5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0], np.float32)


def test_hard_forms_are_those_of_the_paper():
    gates = np.array([0, 0, 0.25, 0.5, 0.75, 1, 1], np.float32)
    np.testing.assert_allclose(hard_sigmoid(VALUES), gates, atol=1e-6)
    np.testing.assert_allclose(hard_swish(VALUES), VALUES * gates, atol=1e-6)


def test_names_are_those_of_keras_and_one_more():
    assert activation_function("hard_swish") is hard_swish
    assert activation_function("relu6") is keras.activations.get("relu6")
    np.testing.assert_array_equal(activation_function(None)(VALUES), VALUES)
    with pytest.raises(ValueError, match="hard_switch"):
        activation_function("hard_switch")
