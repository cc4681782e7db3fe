"""Loads any artefact of the library that can label images."""

from __future__ import annotations

import os
from pathlib import Path

import ml_collections

from deeplab_tf import compat
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export.saved_predictor import SavedPredictor
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.finite import require_finite_weights
from deeplab_tf.models.loading import is_saved_model, is_workdir, load_model
from deeplab_tf.training.checkpoints import restore_variables


def load(path: str | os.PathLike, safe_mode: bool = True) -> DeepLab | SavedPredictor:
    """Loads a `.keras` file, a SavedModel or the work directory of a training run.

    Args:
        path: the file or folder. Of a work directory `model.keras` is opened or, while training
            has not finished, the newest checkpoint.
        safe_mode: opens nothing but a plain DeepLab or an export of it, and runs nothing of the
            file (docs/security.md). False is for your own subclasses of DeepLab and for
            SavedModels with other operations; the file can then run any program.

    Returns:
        The DeepLab, for `Predictor` and fine-tuning; of a SavedModel, which can do no more, a
        SavedPredictor that labels images.

    Raises:
        ValueError: the path is something else; the message says which call opens it. Or weights
            are not finite.

    Example:
        >>> import tempfile, deeplab_tf
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> path = f"{tempfile.mkdtemp()}/model.keras"
        >>> model.save(path)
        >>> deeplab_tf.load(path).num_classes
        3
    """
    path = user_path(path)
    if is_saved_model(path):
        return SavedPredictor(path, safe_mode)
    if is_workdir(path):
        return _load_workdir(path, safe_mode)
    return load_model(path, safe_mode)


def _load_workdir(path: Path, safe_mode: bool) -> DeepLab:
    if (path / "model.keras").exists():
        return load_model(path / "model.keras", safe_mode)
    spec, file = DatasetSpec.load(path), path / "config.json"
    try:
        model = build_model(ml_collections.ConfigDict(read_json(file)), spec)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: not the config.json of tools/train.py ({error}).") from error
    variables = model.variables_by_name()
    restore_variables(
        path / "checkpoints", {name: compat.tf_variable(v) for name, v in variables.items()}
    )
    require_finite_weights(model, path)
    return model
