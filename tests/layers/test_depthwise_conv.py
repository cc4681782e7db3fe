import keras
import numpy as np

from deeplab_tf.layers import AtrousDepthwiseConv2D


def test_kernels_start_as_those_of_one_channel():
    """An output sees nine taps, whatever the number of channels: he_normal of a variance of 2/9."""
    keras.utils.set_random_seed(0)
    layer = AtrousDepthwiseConv2D(3)
    layer.build((None, None, None, 512))
    assert layer.kernel.shape == (3, 3, 512, 1)
    np.testing.assert_allclose(np.var(layer.kernel), 2 / 9, rtol=0.05)
