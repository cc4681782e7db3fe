"""The formats that models are exported to, one row each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.export.half_weights import export_weights
from deeplab_tf.export.litert import export_litert
from deeplab_tf.export.onnx import export_onnx
from deeplab_tf.export.saved_model import export_saved_model


class Format(NamedTuple):
    """A format of exported models: a function in a file of its own and a row in `FORMATS`.

    Attributes:
        title: how people call it.
        write: from a `Predictor` and a path, its first two arguments, to the path that it wrote.
            Its other arguments are options; those that `programs/export.py` has a flag for, such
            as `size` or `verify_on`, can be given there.
    """

    title: str
    write: Callable[..., Path]

    @property
    def options(self) -> dict[str, bool]:
        """Names of the options of `write`, each with whether it has to be given."""
        options = list(inspect.signature(self.write).parameters.values())[2:]
        return {option.name: option.default is option.empty for option in options}


# Name in `--format` -> what writes it.
FORMATS: dict[str, Format] = {
    "saved_model": Format("SavedModel", export_saved_model),
    "litert": Format("LiteRT", export_litert),
    "onnx": Format("ONNX", export_onnx),
    "weights": Format("weights", export_weights),
}
