"""Opens a trained model."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras

from deeplab_tf.models.deeplab import DeepLab


def load_model(path) -> DeepLab:
    """Opens a `.keras` file for prediction.

    Args:
        path: the file.

    Raises:
        ValueError: there is no such file, it is another kind of file, or it holds another kind of
            model; the message says what to do.
    """
    path = Path(path)
    if (path / "saved_model.pb").exists():
        raise ValueError(
            f"{path}: a SavedModel for TF Serving. Give the .keras file it was exported from."
        )
    if path.is_dir():
        raise ValueError(f"{path}: a folder. Give the .keras file, such as {path}/model.keras.")
    if not path.exists():
        raise ValueError(f"{path}: no such file. tools/train.py writes WORKDIR/model.keras.")
    if path.suffix != ".keras":
        raise ValueError(f"{path}: not a .keras file.")
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, TypeError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be loaded as a Keras model: {error}") from error
    if not isinstance(model, DeepLab):
        raise ValueError(f"{path}: holds a {type(model).__name__}, not a deeplab_tf.DeepLab.")
    return model
