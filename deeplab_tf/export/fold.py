"""Folds batch normalisation into the convolutions, once and for all calls."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.layers.conv_norm_act import ConvNormAct


@contextlib.contextmanager
def folded(model) -> Iterator[list[tf.Variable]]:
    """Has a model compute with kernels and biases that already hold the normalisation.

    Args:
        model: a DeepLab; afterwards it is as before.

    Yields:
        All variables that the model reads meanwhile.
    """
    layers = [layer for layer in compat.all_layers(model) if isinstance(layer, ConvNormAct)]
    pairs = [[tf.Variable(value, trainable=False) for value in layer.fold()] for layer in layers]
    replaced = {id(variable) for layer in layers for variable in layer.weights}
    kept = [compat.tf_variable(v) for v in model.weights if id(v) not in replaced]
    for layer, pair in zip(layers, pairs, strict=True):
        layer.fold = partial(tuple, pair)
    try:
        yield kept + [variable for pair in pairs for variable in pair]
    finally:
        for layer in layers:
            del layer.fold
