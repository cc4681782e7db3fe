"""Opens whatever the library has written that can label photos."""

from __future__ import annotations

import json
from pathlib import Path

import ml_collections

from deeplab_tf import compat
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export.saved_predictor import SavedPredictor
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.loading import is_saved_model, is_workdir, load_model
from deeplab_tf.training.checkpoints import restore_variables
from deeplab_tf.training.loop import build_model


def load(path) -> DeepLab | SavedPredictor:
    """Opens a `.keras` file, a SavedModel or the work directory of a training run.

    Args:
        path: the file or folder. Of a work directory `model.keras` is opened or, while training
            has not finished, the newest checkpoint.

    Returns:
        The DeepLab, for `Predictor` and fine-tuning; of a SavedModel, which can do no more, a
        SavedPredictor that labels photos.

    Raises:
        ValueError: the path is something else; the message says which call opens it.

    Example:
        >>> import tempfile, deeplab_tf
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> path = f"{tempfile.mkdtemp()}/model.keras"
        >>> model.save(path)
        >>> deeplab_tf.load(path).num_classes
        3
    """
    path = Path(path)
    if is_saved_model(path):
        return SavedPredictor(path)
    if is_workdir(path):
        return _load_workdir(path)
    return load_model(path)


def _load_workdir(path: Path) -> DeepLab:
    if (path / "model.keras").exists():
        return load_model(path / "model.keras")
    spec, file = DatasetSpec.load(path), path / "config.json"
    try:
        model = build_model(ml_collections.ConfigDict(json.loads(file.read_text())), spec)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: not the config.json of tools/train.py ({error}).") from error
    variables = model.variables_by_name()
    restore_variables(
        path / "checkpoints", {name: compat.tf_variable(v) for name, v in variables.items()}
    )
    return model
