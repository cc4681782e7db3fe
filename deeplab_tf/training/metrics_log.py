"""Writes the numbers of a run: lines of metrics.jsonl, and the same for TensorBoard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deeplab_tf.data.files import naming_written, write_atomically
from deeplab_tf.training.event_file import EventFile


class MetricsLog:
    """Appends to `metrics.jsonl` and to an event file of TensorBoard.

    Args:
        folder: the work directory.
        first_step: number of steps done before; lines of later steps are removed, and TensorBoard
            drops their points, because an interrupted run repeats them.
        also: is called with what is written, after it.

    Raises:
        ValueError: `metrics.jsonl` is not text.
        OSError: a file cannot be written; the message names it.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> log = MetricsLog(folder)
        >>> log.write(10, {"loss": 1.5, "learning_rate": 0.001})
        >>> log.write(10, {"split": "val", "miou": 0.25, "per_class_iou": {"road": 0.25}})
        >>> MetricsLog(folder, first_step=10).evaluations("miou")
        {10: 0.25}
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        first_step: int = 0,
        also: Callable[[int, Mapping[str, Any]], object] = lambda step, values: None,
    ):
        self._path = Path(folder) / "metrics.jsonl"
        lines = _read_text(self._path).splitlines() if self._path.exists() else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        write_atomically(self._path, "".join(f"{line}\n" for line in kept).encode())
        self._evaluations = [line for line in map(json.loads, kept) if "split" in line]
        self._events, self._also = EventFile(folder, first_step), also

    def evaluations(self, name: str) -> dict[int, Any]:
        """Returns a value of the evaluations that were made before, by step."""
        return {line["step"]: line[name] for line in self._evaluations if name in line}

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Writes one line, and its numbers for TensorBoard too.

        Args:
            step: number of finished steps.
            values: JSON values by name; `split` is the prefix of the names in TensorBoard, `train`
                where there is none. Of `per_class_iou` TensorBoard gets the number of every class
                that has one. `bytes` are a PNG, which TensorBoard alone gets.
        """
        line = {name: v for name, v in values.items() if not isinstance(v, bytes)}
        with naming_written(self._path), self._path.open("a") as file:
            file.write(json.dumps({"step": step, **line}) + "\n")
        prefix = values.get("split", "train")
        numbers = {n: v for n, v in values.items() if isinstance(v, (int, float))}
        per_class = values.get("per_class_iou") or {}
        numbers |= {f"iou/{name}": v for name, v in per_class.items() if v is not None}
        images = {name: v for name, v in values.items() if isinstance(v, bytes)}
        self._events.scalars(step, {f"{prefix}/{name}": v for name, v in numbers.items()})
        self._events.images(step, {f"{prefix}/{name}": v for name, v in images.items()})
        self._events.flush()
        self._also(step, values)

    def write_histograms(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes how the numbers of arrays are distributed, for TensorBoard alone.

        Args:
            step: number of finished steps.
            arrays: by their names in TensorBoard, such as `weights/fc8/kernel`.
        """
        self._events.histograms(step, arrays)
        self._events.flush()

    def close(self) -> None:
        """Closes the event file; the other file is closed after every line."""
        self._events.close()


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: broken, it is not UTF-8 text ({error}). Put back a copy, or move it away."
        ) from error


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")  # a line that a kill cut short
