"""The variables of a trained DeepLab: a `.keras` file, the work directory of a run, a preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from deeplab_tf.weights.weight_source import Arrays, Source, check_file


def read_variables(model: Any) -> Arrays:
    """Returns the variables of a network by name, with the moving statistics of batch norm.

    Args:
        model: a DeepLab.
    """
    named = {name: tf.convert_to_tensor(v) for name, v in model.variables_by_name().items()}
    # NumPy has no bfloat16 of its own.
    half = {name for name, value in named.items() if value.dtype == tf.bfloat16}
    return {
        name: (tf.cast(value, tf.float32) if name in half else value).numpy()
        for name, value in named.items()
    }


def arrays_for(trained: Any, model: Any) -> Arrays:
    """Returns the variables of a trained network that are of use to another.

    Args:
        trained: a DeepLab.
        model: the other one. Where both have as many classes but other names for them, the
            classifier is left out.
    """
    # A DeepLab loads weights itself, so its module imports this one.
    from deeplab_tf.models.new_classifier import with_classes

    arrays = read_variables(trained)
    dataset = getattr(model, "dataset", None)
    if dataset and trained.dataset and model.num_classes == trained.num_classes:
        _, report = with_classes(trained, dataset=dataset)
        return {name: array for name, array in arrays.items() if name not in report.names("new")}
    return arrays


def _accepts(text: str) -> bool:
    return text.lower().endswith(".keras") or (bool(text) and Path(text).is_dir())


def _check(text: str) -> None:
    if not Path(text).is_dir():
        check_file(text)


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    from deeplab_tf.models.loading import is_workdir, load_model, load_workdir

    load = load_workdir if is_workdir(Path(text)) else load_model
    return text, arrays_for(load(text), model)


SOURCE = Source(
    "the path of a trained DeepLab, a .keras file or a work directory",
    _accepts,
    _read_source,
    _check,
)
