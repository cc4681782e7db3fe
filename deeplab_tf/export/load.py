"""Loads any artefact of the library that can label images."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export.saved_predictor import SavedPredictor
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.loading import is_saved_model, is_workdir, load_model, load_workdir
from deeplab_tf.models.new_classifier import with_classes
from deeplab_tf.pretrained.open_network import from_preset
from deeplab_tf.pretrained.trained_presets import preset_of


def load(
    path: str | os.PathLike,
    safe_mode: bool = True,
    num_classes: int | None = None,
    dataset: DatasetSpec | Mapping[str, Any] | None = None,
    log: Callable[[str], None] = print,
) -> DeepLab | SavedPredictor:
    """Loads a `.keras` file, a SavedModel, the work directory of a training run, or a preset.

    Args:
        path: the file or folder, or `preset:NAME` for what `from_preset` gives. Of a work directory
            `model.keras` is opened or, while training has not finished or goes on after an end,
            the newest checkpoint.
        safe_mode: opens nothing but a plain DeepLab or an export of it, and runs nothing of the
            file (docs/security.md). False is for your own subclasses of DeepLab and for
            SavedModels with other operations; the file can then run any program.
        num_classes: classes of your own, for fine-tuning: the weights are kept but for the
            classifier, which starts at random. The names of the old classes are dropped. A number
            that the model already has changes nothing.
        dataset: a DatasetSpec, or its dict, with the classes of your own and their names, in
            place of `num_classes`. The classifier is kept where the names are those of the model,
            or the model has as many classes without names.
        log: receives a line about what starts at random.

    Returns:
        The DeepLab, for `Predictor` and fine-tuning: not compiled, and trainable as a whole. Of a
        SavedModel, which can do no more, a SavedPredictor that labels images.

    Raises:
        ValueError: the path is something else; the message says which call opens it. Or weights
            are not finite, a SavedModel is to have other classes, or `num_classes` contradicts
            `dataset`.

    Example:
        >>> import tempfile, deeplab_tf
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> path = f"{tempfile.mkdtemp()}/model.keras"
        >>> model.save(path)
        >>> deeplab_tf.load(path).num_classes
        3
        >>> deeplab_tf.load(path, num_classes=4, log=lambda line: None).num_classes
        4
    """
    preset = preset_of(str(path))
    if preset:
        return from_preset(preset.name, num_classes, dataset, log=log)
    path = user_path(path)
    changes = num_classes is not None or dataset is not None
    if is_saved_model(path):
        if changes:
            raise ValueError(
                f"{path}: a SavedModel cannot have other classes. Load the .keras file that it was "
                "exported from."
            )
        return SavedPredictor(path, safe_mode)
    model = load_workdir(path, safe_mode) if is_workdir(path) else load_model(path, safe_mode)
    if not changes:
        return model
    model, report = with_classes(model, num_classes, dataset)
    new = report.names("new")
    if new:
        kept = len(report.names("loaded"))
        log(f"{path}: {', '.join(new)} start at random, {kept} other tensors are kept")
    return model
