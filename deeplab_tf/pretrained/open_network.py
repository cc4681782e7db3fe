"""Trained networks of the zoo by name, with their weights."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deeplab_tf.data.archive_specs import SPECS
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.checkpoint_files import files_by_step, newest_whole
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.loading import is_workdir, load_model, load_workdir
from deeplab_tf.models.model_step import newer_checkpoint
from deeplab_tf.models.new_classifier import with_classes
from deeplab_tf.pretrained.find_weights import find_weights
from deeplab_tf.pretrained.trained_presets import TRAINED, TrainedPreset, find_preset, preset_of
from deeplab_tf.pretrained.zoo_files import zoo_config
from deeplab_tf.weights.apply import assign_arrays
from deeplab_tf.weights.keras_weights import read_weights


def from_preset(
    name: str,
    num_classes: int | None = None,
    dataset: DatasetSpec | Mapping[str, Any] | None = None,
    load_weights: bool = True,
    log: Callable[[str], None] = print,
) -> DeepLab:
    """Builds a network of the zoo with its trained weights.

    The weights come from the installed package, from the folder of downloads
    (`DEEPLAB_TF_HOME`, or the cache of the platform), or from the addresses of the preset.

    Args:
        name: of the preset; see `list_presets`.
        num_classes: classes of your own, for fine-tuning: all weights are kept but those of the
            classifier, which starts at random.
        dataset: a DatasetSpec, or its dict, with the classes of your own and their names, in
            place of `num_classes`.
        load_weights: False starts at random, for the architecture alone.
        log: receives a line about what starts at random.

    Returns:
        The DeepLab, which carries its data set and the parameters of its CRF.

    Raises:
        ValueError: there is no such preset, or its weights are not on this machine and cannot be
            downloaded; the message says where to put them by hand.

    Example:
        >>> model = from_preset("camvid_efficientnet_lite0_v3plus")
        >>> labels = deeplab_tf.Predictor(model)(np.zeros([48, 64, 3], np.uint8))
        >>> labels.shape, model.spec.class_names[:3]
        ((48, 64), ('sky', 'building', 'pole'))
    """
    preset = find_preset(name)
    config = runpy.run_path(str(zoo_config(name)))["get_config"]()
    model = build_model(config, SPECS[preset.dataset])
    if load_weights:
        _load_published(model, preset)
    if num_classes is None and dataset is None:
        return model
    model, report = with_classes(model, num_classes, dataset)
    if load_weights and report.names("new"):
        kept, new = len(report.names("loaded")), ", ".join(report.names("new"))
        log(f"{name}: {new} start at random, {kept} other tensors are kept")
    return model


def _load_published(model: DeepLab, preset: TrainedPreset) -> None:
    file = find_weights(preset)
    report = assign_arrays(model, read_weights(file, model), str(file))
    wrong = [tensor.name for tensor in report.tensors if tensor.status != "loaded"]
    if wrong:
        raise ValueError(f"{file}: not the weights of {preset.name}: {', '.join(wrong[:8])}")


def list_presets() -> list[TrainedPreset]:
    """Returns the trained networks of the zoo: name, data set, size, metrics and licence.

    Example:
        >>> [preset.name for preset in list_presets()][0]
        'camvid_efficientnet_lite0_v3plus'
    """
    return list(TRAINED.values())


def open_network(text: str | os.PathLike) -> DeepLab:
    """Opens what a user names as a trained network.

    Args:
        text: a `.keras` file, the work directory of a run, or `preset:NAME`.

    Raises:
        ValueError: it is none of these, or cannot be read.
    """
    preset = preset_of(str(text))
    if preset:
        return from_preset(preset.name)
    return load_workdir(text) if is_workdir(Path(text)) else load_model(text)


def network_file(text: str | os.PathLike) -> Path:
    """Returns the file whose content decides what a trained network computes.

    Args:
        text: as for `open_network`, which can open it. Of a work directory it is `model.keras` or,
            as there, the newest checkpoint.

    Raises:
        ValueError: there is no such preset, or a work directory holds no network yet.
    """
    preset = preset_of(str(text))
    if preset:
        return find_weights(preset)
    path = Path(text)
    if not is_workdir(path):
        return path
    if (path / "model.keras").is_file() and not newer_checkpoint(path):
        return path / "model.keras"
    folder = path / "checkpoints"
    step = newest_whole(folder, lambda line: None)
    if step is None:
        raise ValueError(f"{path}: neither model.keras nor a checkpoint that can be read.")
    return next(file for file in files_by_step(folder)[step] if ".data-" in file.name)
