"""Multiply-adds of networks, as papers and model lists count them."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from deeplab_tf.layers.split_conv import without_splitting

_KERNEL_INPUT = ("Conv2D", "DepthwiseConv2dNative")


def count_multiply_adds(
    network: Callable[[tf.Tensor], object], height: int, width: int, channels: int = 3
) -> int:
    """Counts the multiply-adds of convolutions and dense layers for one image.

    Papers and torchvision call them multiply-adds or FLOPs; who counts multiplication and addition
    apart has twice as many. As there, normalisation, activations, pools and resizing are left out,
    and taps that fall on padding count. Nothing is computed.

    Args:
        network: a `DeepLab`, a backbone, or any Keras model or layer for images.
        height: of the image in pixels; a `DeepLab` pads it to its own multiple first.
        width: likewise.
        channels: of the image.

    Returns:
        The number. It grows with the number of pixels, and with the square of `width` of a network.

    Raises:
        ValueError: the size of a convolution's output is not known before it is computed.

    Example:
        >>> import deeplab_tf
        >>> layer = deeplab_tf.layers.AtrousConv2D(8, 3, dilation_rate=2)
        >>> count_multiply_adds(layer, 10, 20) == 10 * 20 * 3 * 3 * 3 * 8
        True
    """
    image = tf.TensorSpec([1, height, width, channels], tf.float32)
    if not getattr(network, "built", True):
        # Variables made while the graph is built would cost a graph more, and a branch each.
        network(keras.Input((height, width, channels), batch_size=1))
    with without_splitting():
        traced = tf.function(lambda images: network(images), autograph=False)
        graph = traced.get_concrete_function(image).graph
    return sum(_multiply_adds(operation) for operation in _operations(graph))


def _operations(graph: tf.Graph) -> list[tf.Operation]:
    """Returns the operations of a graph and of the functions that it calls, one by one."""
    found = []
    for operation in graph.get_operations():
        found.append(operation)
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            called = operation.get_attr("f").name
            found += _operations(graph._get_function(called).graph)
    return found


def _multiply_adds(operation: tf.Operation) -> int:
    if operation.type in _KERNEL_INPUT:
        # Every output is a sum over the taps, and over the input's channels unless depthwise.
        taps = operation.inputs[1].shape
        taps = taps[:2] if operation.type == "DepthwiseConv2dNative" else taps[:3]
        return _size(operation, _of_all_pixels(operation)) * math.prod(taps)
    if operation.type == "MatMul":
        summed = 0 if operation.get_attr("transpose_a") else 1
        return _size(operation, operation.outputs[0]) * operation.inputs[0].shape[summed]
    return 0


def _of_all_pixels(operation: tf.Operation) -> tf.Tensor:
    """Returns the output of a convolution, put together where its input was sorted for holes."""
    output = operation.outputs[0]
    together = [c for c in output.consumers() if c.type == "BatchToSpaceND"]
    return together[0].outputs[0] if together else output


def _size(operation: tf.Operation, output: tf.Tensor) -> int:
    shape = output.shape
    if not shape.is_fully_defined():
        raise ValueError(
            f"The output of {operation.type} {operation.name} has the shape {shape}; its size must "
            "be known. Give a network whose shapes follow from that of the image."
        )
    return math.prod(shape)
