"""Opens a `.keras` file or a work directory; errors about others say what opens them."""

from __future__ import annotations

import inspect
import os
import re
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import keras
import ml_collections

from deeplab_tf import compat
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.layers.weight_budget import TooManyWeightsError, weights_at_most
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.checkpoint_files import files_by_step, restore_variables
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.finite import require_finite_weights
from deeplab_tf.models.model_step import newer_checkpoint
from deeplab_tf.models.safe_keras import open_safely

# Ending of a file -> what it is and which call opens it. The first that matches counts.
_OTHER_FILES = {
    ".weights.h5": "weights without a network. Build the DeepLab that they belong to and call "
    "model.load_weights('{path}')",
    ".h5": "weights, or a model of Keras 2. ImageNet weights of Keras Applications are first "
    "weights for training: tools/train.py --config.model.weights={path}",
    ".tflite": "a LiteRT model. ai_edge_litert.interpreter.Interpreter('{path}') runs it",
    ".onnx": "an ONNX model. onnxruntime.InferenceSession('{path}') runs it",
    "saved_model.pb": "a part of a SavedModel. Give its folder: deeplab_tf.load('{path.parent}')",
    ".pb": "a frozen graph of TensorFlow 1. tf.compat.v1.import_graph_def runs it; this library "
    "reads .keras files and SavedModels",
}
_CHECKPOINT = (
    "a checkpoint, which holds variables only. deeplab_tf.load('WORKDIR') opens the newest one "
    "of a training run"
)

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# What DeepLab hands on to Keras.
_KERAS_ARGUMENTS = ("name", "dtype", "trainable")
# What reading a damaged file, or one of another program, raises.
_BROKEN = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_model(path: str | os.PathLike, safe_mode: bool = True) -> DeepLab:
    """Opens a `.keras` file for prediction.

    Args:
        path: the file.
        safe_mode: opens nothing but a plain DeepLab, and runs nothing of the file
            (docs/security.md). False hands the file to Keras, for subclasses of DeepLab that you
            have registered yourself; the file can then run any program.

    Returns:
        The network with its weights.

    Raises:
        ValueError: there is no such file, it is another kind of file, or it holds another kind of
            model; the message says which call opens it. Or its weights are not finite.
    """
    path = user_path(path)
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(f"{path}: {_what_it_is(path)}.")
    try:
        model = _load_safely(path) if safe_mode else _load_with_keras(path)
    except _BROKEN as error:
        # An error that names the file already has the reason in full.
        if isinstance(error, ValueError) and str(error).startswith(f"{path}: "):
            raise
        # Keras explains over many lines, in bold.
        reason = " ".join(_ANSI.sub("", str(error)).split())
        if isinstance(error, zipfile.BadZipFile):
            size = path.stat().st_size
            reason = (
                f"it is cut off or damaged ({size} bytes). Copy it anew" if size else "it is empty"
            )
        raise ValueError(f"{path}: cannot be loaded as a Keras model: {reason}") from error
    if not isinstance(model, DeepLab):
        raise ValueError(f"{path}: holds a {type(model).__name__}, not a deeplab_tf.DeepLab.")
    require_finite_weights(model, path)
    newer = newer_checkpoint(path.parent) if path.name == "model.keras" else None
    if newer:
        warnings.warn(
            f"{path}: {newer}. tools/train.py writes it anew at the end of the run; "
            f"deeplab_tf.load('{path.parent}') opens the checkpoint.",
            stacklevel=2,
        )
    return model


def _load_safely(path: Path) -> DeepLab:
    with tempfile.TemporaryDirectory() as folder:
        file = open_safely(path, folder)
        known = {*inspect.signature(DeepLab).parameters, *_KERAS_ARGUMENTS} - {"weights"}
        unknown = sorted(file.arguments.keys() - known)
        if unknown:
            raise ValueError(f"{path}: DeepLab takes no {unknown[:8]}; a newer deeplab_tf may.")
        with weights_at_most(file.numbers, path):
            model = DeepLab(**file.arguments)
        model.load_weights(file.weights)
    return model


def _load_with_keras(path: Path) -> keras.Model:
    return keras.models.load_model(path, compile=False, safe_mode=False)


def load_workdir(path: str | os.PathLike, safe_mode: bool = True) -> DeepLab:
    """Opens the model of a training run.

    Args:
        path: its work directory; `model.keras` is opened or, while training has not finished or
            goes on after an end, the newest checkpoint.
        safe_mode: see `load_model`.

    Returns:
        The network with its weights.

    Raises:
        ValueError: the configuration, the model or all checkpoints are broken, or there is no
            checkpoint yet.
    """
    path = user_path(path)
    newer = newer_checkpoint(path)
    if newer:
        warnings.warn(f"{path}: {newer}, whose checkpoint is opened.", stacklevel=2)
    elif (path / "model.keras").exists():
        return load_model(path / "model.keras", safe_mode)
    spec, file, folder = DatasetSpec.load(path), path / "config.json", path / "checkpoints"
    checkpoints = files_by_step(folder).values()
    held = max((sum(part.stat().st_size for part in parts) for parts in checkpoints), default=0)
    try:
        with weights_at_most(held // 4, file):
            model = build_model(ml_collections.ConfigDict(read_json(file)), spec)
    except TooManyWeightsError:
        if not checkpoints:
            restore_variables(folder, {})  # says that there is none yet
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: not the config.json of tools/train.py ({error}).") from error
    variables = model.variables_by_name()
    restore_variables(folder, {name: compat.tf_variable(v) for name, v in variables.items()})
    require_finite_weights(model, path)
    return model


def is_saved_model(path: Path) -> bool:
    """Whether a folder is a SavedModel."""
    return (path / "saved_model.pb").is_file()


def is_workdir(path: Path) -> bool:
    """Whether a folder is the work directory of a training run."""
    return (path / "config.json").is_file()


def _what_it_is(path: Path) -> str:
    if path.is_dir():
        return _what_folder_it_is(path)
    if Path(f"{path}.index").exists():
        return _CHECKPOINT
    if not path.exists():
        return "no such file. tools/train.py writes WORKDIR/model.keras"
    if path.suffix == ".index" or ".data-" in path.name or path.name == "checkpoint":
        return _CHECKPOINT
    for ending, text in _OTHER_FILES.items():
        if path.name.endswith(ending):
            return text.format(path=path)
    return "not a .keras file"


def _what_folder_it_is(path: Path) -> str:
    if is_saved_model(path):
        return (
            f"a SavedModel for TF Serving. deeplab_tf.load('{path}') labels images with it; "
            "everything else takes the .keras file it was exported from"
        )
    versions = [child for child in path.iterdir() if is_saved_model(child)]
    if versions:
        newest = max(versions, key=lambda child: (len(child.name), child.name))
        return f"a folder of SavedModels. Give one of them, such as {newest}"
    if (path / "checkpoint").is_file():
        return _CHECKPOINT
    if is_workdir(path) and not (path / "model.keras").exists():
        return (
            "a work directory without model.keras, which is written when training ends. "
            f"deeplab_tf.load('{path}') opens the newest checkpoint"
        )
    return f"a folder. Give the .keras file, such as {path / 'model.keras'}"
