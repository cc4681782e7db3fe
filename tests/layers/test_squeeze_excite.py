import keras
import numpy as np

from deeplab_tf.layers.squeeze_excite import SqueezeExcite


def test_gates_are_those_of_two_dense_layers():
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 6)).astype(np.float32)
    layer = SqueezeExcite(4, name="unit_squeeze_excite")
    layer(x)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()]
    layer.set_weights(weights)
    squeeze, squeeze_bias, excite, excite_bias = weights
    hidden = np.maximum(x.mean(axis=(1, 2)) @ squeeze[0, 0] + squeeze_bias, 0)
    gates = np.clip((hidden @ excite[0, 0] + excite_bias) / 6 + 0.5, 0, 1)
    assert 0 < gates.mean() < 1
    np.testing.assert_allclose(layer(x), x * gates[:, None, None], rtol=1e-5, atol=1e-6)
    assert [part.name for part in (layer.squeeze, layer.excite)] == [
        "unit_squeeze_excite_conv",
        "unit_squeeze_excite_conv_1",
    ]


def test_config_rebuilds_the_layer():
    layer = SqueezeExcite(4, name="gate")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (copy.filters, copy.name) == (4, "gate")


def test_averages_of_large_maps_fit_half_precision():
    layer = SqueezeExcite(2, dtype="mixed_float16")
    outputs = layer(np.full((1, 64, 64, 3), 100.0, np.float16))
    assert outputs.dtype == "float16" and np.isfinite(outputs).all()
