"""Folds batch normalisation into the convolutions of an export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.models.deeplab import DeepLab


@contextlib.contextmanager
def folded(model: DeepLab) -> Iterator[list[tf.Variable]]:
    """Makes a model compute with kernels and biases that already hold the normalisation.

    It folds every `ConvNormAct`, whatever its normalisation is; calls with `training=True` are not
    affected.

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
        setattr(layer, "fold", partial(tuple, pair))  # noqa: B010  mypy knows it as a method
    try:
        yield kept + [variable for pair in pairs for variable in pair]
    finally:
        for layer in layers:
            del layer.fold
