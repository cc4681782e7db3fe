"""Multiply-adds of convolutions: ours as they run, those of Keras from the shapes of its layers."""

import contextlib
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.layers import AtrousConv2D, AtrousDepthwiseConv2D


def of_backbone(backbone, height, width):
    """Returns the kernel's shape and the multiply-adds of every convolution, in order."""
    backbone(tf.zeros([1, 1, 1, 3]))  # the first call may run it twice, to build it
    found = []

    def counting(original):
        def convolve(self, inputs, kernel, bias=None):
            outputs = original(self, inputs, kernel, bias)
            found.append(of_convolution(kernel.shape, outputs.shape))
            return outputs

        return convolve

    with contextlib.ExitStack() as patches:
        for layer in (AtrousConv2D, AtrousDepthwiseConv2D):
            patches.enter_context(mock.patch.object(layer, "convolve", counting(layer.convolve)))
        backbone(tf.zeros([1, height, width, 3]))
    return found


def of_keras(net):
    """Returns the same of a Keras network with a fixed input size, by the name of the layer."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    # Keras 2 has a tensor's shape as a TensorShape.
    return {
        layer.name: of_convolution(layer.get_weights()[0].shape, layer.output.shape)
        for layer in net.layers
        if isinstance(layer, kinds)
    }


def of_convolution(kernel_shape, output_shape):
    height, width = tuple(output_shape)[1:3]
    # The kernel of a depthwise convolution is [k, k, C, 1]: each of its weights is used once a
    # point, as those of [k, k, C, D] are.
    shape = tuple(int(side) for side in kernel_shape)
    return shape, int(np.prod(shape)) * height * width
