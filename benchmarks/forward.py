"""Times forward passes in float32 and bfloat16 beside PyTorch's best form."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks.image_to_labels import has_torch
from benchmarks.precision_cases import (
    KERAS,
    OURS,
    PEER,
    Case,
    cases,
    describe,
    matrix_product_speed,
)
from benchmarks.timing import PRECISIONS, time_in_turn
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.load import load
from deeplab_tf.export.saved_model import export_saved_model
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.models.deeplab import DeepLab


def run(networks, sides, batches, repeats: int, threads: int) -> dict:
    """Times all forms of every case in turn.

    Ours are the model in one graph and, for single images, `Predictor` and a SavedModel, which
    compute the logits of every pixel or its label, not only those on the feature grid. Beside them
    runs the same network whose convolutions are what `keras.layers.Conv2D(dilation_rate=)` calls.
    PyTorch's are run as they are, with channels last, and frozen; `torch.compile` takes minutes a
    network on two cores and is left out.

    Args:
        networks: rows of `NETWORKS`.
        sides: of the square images.
        batches: numbers of images.
        repeats: rounds of which the median counts.
        threads: for PyTorch; TensorFlow has been given as many.

    Returns:
        Rows of figures, and operations a second of a matrix product by precision.
    """
    chosen = cases(networks, sides, batches)
    speeds = {precision: matrix_product_speed(precision) for precision in PRECISIONS}
    rows = []
    for case in chosen:
        with tempfile.TemporaryDirectory() as folder:
            forms = {**_own_forms(case, Path(folder)), **_peers(case, threads)}
            seconds = time_in_turn(forms, repeats)
        rows += describe(case, seconds, case.operations(), speeds[case.precision])
    return {"threads": threads, "matrix_product": speeds, "rows": rows}


def _own_forms(case: Case, folder: Path) -> dict[str, Callable]:
    model = case.model()
    images = tf.constant(_images(case))
    graph = _traced(model, case.batch)
    with mock.patch.object(AtrousConv2D, "convolve", _keras_convolve):
        keras_graph = _traced(model, case.batch)
    forms: dict[str, Callable] = {
        OURS: lambda: graph(images).numpy(),
        KERAS: lambda: keras_graph(images).numpy(),
    }
    if case.batch == 1:
        predictor = Predictor(model)
        forms[f"{OURS}.Predictor"] = partial(predictor, images[0].numpy())
        path = export_saved_model(
            predictor, folder / "1", precision=case.precision, least_equal_labels=0.0,
            log=lambda line: None,
        )  # fmt: skip
        forms[f"{OURS}, SavedModel"] = partial(load(path), images[0].numpy())
    return forms


def _traced(model: DeepLab, batch: int) -> Callable:
    shape = [None if batch > 1 else 1, None, None, 3]
    graph = tf.function(lambda images: model.logit_maps(images)[0], autograph=False)
    return graph.get_concrete_function(tf.TensorSpec(shape, tf.uint8))


def _keras_convolve(
    layer: AtrousConv2D, inputs: tf.Tensor, kernel, bias=None, strides=None
) -> tf.Tensor:
    """Convolves as Keras does on TensorFlow: without halves, products of taps and our padding."""
    kernel = tf.convert_to_tensor(kernel)
    outputs = tf.nn.convolution(
        inputs, kernel, strides or layer.strides, "SAME", dilations=layer.dilation_rate
    )
    if bias is not None:
        outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(bias))
    return keras.activations.get(layer.activation)(outputs)


def _peers(case: Case, threads: int) -> dict[str, Callable]:
    if not has_torch():
        return {}
    import torch

    torch.set_num_threads(threads)
    inputs = torch.from_numpy(_images(case).transpose(0, 3, 1, 2).astype(np.float32))
    forms = {}
    for name, prepare in {
        "": lambda network: (network, inputs),
        ", channels_last": lambda network: (_last(network), _last(inputs)),
        ", frozen": lambda network: (_frozen(_last(network), inputs, case), _last(inputs)),
    }.items():
        network, own_inputs = prepare(case.torch_module().eval())
        forms[PEER + name] = partial(_infer, network, own_inputs, case.precision)
    return forms


def _infer(network, inputs, precision: str):
    import torch

    enabled = precision == "bfloat16"
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        return network(inputs)


def _frozen(network, inputs, case: Case):
    """TorchScript with the weights, in the precision, inside."""
    import torch

    enabled = case.precision == "bfloat16"
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled, cache_enabled=False):
        return torch.jit.freeze(torch.jit.trace(network, _last(inputs)))


def _last(value):
    """Lays out a tensor or the kernels of a network with channels last."""
    import torch

    return value.to(memory_format=torch.channels_last)


def _images(case: Case) -> np.ndarray:
    shape = [case.batch, case.side, case.side, 3]
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
