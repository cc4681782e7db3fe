"""Weights for a `KerasBackbone` from a file that Keras reads into its classifier."""

from __future__ import annotations

import os

import h5py

from deeplab_tf.backbones import KerasBackbone
from deeplab_tf.backbones.keras_classifiers.families import build_application
from deeplab_tf.data.paths import user_path
from deeplab_tf.weights.safe_hdf5 import check_hdf5
from deeplab_tf.weights.weight_source import Arrays


def classifier_arrays(backbone: KerasBackbone, path: str | os.PathLike) -> Arrays:
    """Reads a file of weights of the backbone's classifier, with or without its last layers.

    Args:
        backbone: whose classifier it is.
        path: a `.h5` file as Keras Applications publishes, or what the classifier's `save_weights`
            wrote.

    Returns:
        Arrays by the backbone's names.

    Raises:
        ValueError: the file is missing, no HDF5 file of plain arrays, or of another network.
    """
    path = user_path(path)
    if not path.is_file():
        raise ValueError(f"weights file not found: {path}")
    try:
        with h5py.File(path) as file:
            check_hdf5(file, path, path.stat().st_size)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as an HDF5 file: {error}") from error
    reasons = []
    for include_top in (False, True):
        try:
            classifier = build_application(backbone.application, str(path), include_top)
        except (ValueError, KeyError, TypeError, OSError, AttributeError, IndexError) as error:
            reasons.append(" ".join(str(error).split())[:200])
            continue
        return backbone.weights_of(classifier)
    raise ValueError(
        f"{path} holds no weights of {backbone.application}, neither with nor without its last "
        f"layers: {reasons[0]}"
    )
