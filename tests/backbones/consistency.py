"""Compares the features of one backbone at several output strides, the same weights in all."""

import numpy as np

from tests.models.narrow import weights_of_zero


def with_shared_weights(build, output_strides):
    """Builds a backbone for every output stride, all with the weights of the first."""
    backbones = {stride: build(stride) for stride in output_strides}
    image = np.zeros([1, 1, 1, 3], np.float32)
    first, *others = backbones.values()
    first(image)
    for backbone in others:
        with weights_of_zero():  # which nobody sees
            backbone(image)
        backbone.set_weights(first.get_weights())
    return backbones


def assert_consistent(backbones, output_strides, endpoint, size):
    """Features of the densest backbone, subsampled, are those of the others.

    The recipe of deeplab2's atrous consistency test: gammas are one, so that nothing hides the
    3x3 convolutions, and features are divided by their standard deviation.
    """
    x = np.random.default_rng(0).normal(size=(1, *size, 3)).astype(np.float32)
    features = {stride: backbones[stride](x)[endpoint].numpy() for stride in output_strides}
    densest = min(output_strides)
    scale = features[densest].std()
    assert scale > 0
    for stride in output_strides:
        step = stride // densest
        sampled = features[densest][:, ::step, ::step]
        np.testing.assert_allclose(features[stride] / scale, sampled / scale, atol=1e-4)
        assert features[stride].shape[1:3] == tuple(-(-side // stride) for side in size)
