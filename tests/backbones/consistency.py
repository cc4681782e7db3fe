"""Compares the features of one trunk at several output strides, the same weights in all."""

import numpy as np


def with_shared_weights(build, output_strides):
    """Builds a trunk for every output stride, all with the weights of the first."""
    trunks = {stride: build(stride) for stride in output_strides}
    for trunk in trunks.values():
        trunk(np.zeros([1, 1, 1, 3], np.float32))
    first, *others = trunks.values()
    for trunk in others:
        trunk.set_weights(first.get_weights())
    return trunks


def assert_consistent(trunks, output_strides, endpoint, size):
    """Features of the densest trunk, subsampled, are those of the others.

    The recipe of deeplab2's atrous consistency test: gammas are one, so that nothing hides the
    3x3 convolutions, and features are divided by their standard deviation.
    """
    x = np.random.default_rng(0).normal(size=(1, *size, 3)).astype(np.float32)
    features = {stride: trunks[stride](x)[endpoint].numpy() for stride in output_strides}
    densest = min(output_strides)
    scale = features[densest].std()
    assert scale > 0
    for stride in output_strides:
        step = stride // densest
        sampled = features[densest][:, ::step, ::step]
        np.testing.assert_allclose(features[stride] / scale, sampled / scale, atol=1e-4)
        assert features[stride].shape[1:3] == tuple(-(-side // stride) for side in size)
