"""What became of every tensor when weights were loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

# Why a tensor was skipped that only the source has.
NOT_IN_MODEL = "not in the model"


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
        """Returns the tensors' names of one status: `loaded`, `skipped` or `new`."""
        return [tensor.name for tensor in self.tensors if tensor.status == status]

    def at_random(self) -> list[str]:
        """Returns the names of the model's tensors that got nothing from the source."""
        return [
            tensor.name
            for tensor in self.tensors
            if tensor.status == "new"
            or (tensor.status == "skipped" and tensor.reason != NOT_IN_MODEL)
        ]

    def summary(self) -> str:
        """Returns the counts in one line."""
        count = Counter(tensor.status for tensor in self.tensors)
        return (
            f"weights from {self.source}: {count['loaded']} tensors loaded,"
            f" {count['skipped']} skipped, {count['new']} new"
        )

    def __str__(self) -> str:
        """Returns a table with a line a tensor, the summary last."""
        width = max((len(tensor.name) for tensor in self.tensors), default=0)
        lines = [
            f"{t.status:<8} {t.name:<{width}}  {t.shape}  {t.reason}".rstrip() for t in self.tensors
        ]
        return "\n".join([*lines, self.summary()])
