"""What Keras Applications' networks say about ours: kernels, and multiply-adds layer by layer."""

import keras
import numpy as np


def kernels_of(layers):
    """Returns the shapes of all kernels, sorted, since the stacks order layers differently."""
    weights = [weight for layer in layers for weight in layer.get_weights()]
    return sorted(weight.shape for weight in weights if weight.ndim == 4)


def keras_multiply_adds(net):
    """Returns those of every convolution of a network with a fixed input size, by its name."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    counts = {}
    for layer in net.layers:
        if isinstance(layer, kinds):
            # The kernel of a depthwise convolution is [k, k, C, 1]: each of its weights is used
            # once a point, as those of [k, k, C, D] are. Keras 2 has shapes as TensorShape.
            height, width = tuple(layer.output.shape)[1:3]
            counts[layer.name] = int(np.prod(layer.get_weights()[0].shape)) * height * width
    return counts
