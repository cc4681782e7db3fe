"""Describes what an evaluation was run with, so that it can be repeated."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.tfrecord_shards import file_hash
from deeplab_tf.evaluation.predictor import Predictor

_NETWORK = ("backbone", "head", "output_stride", "width", "scales")
_PREDICTOR = ("scales", "flip", "fusion", "tile")


def describe_run(
    command: Sequence[str],
    model_file: str | os.PathLike,
    predictor: Predictor,
    spec: DatasetSpec,
    data_dir: str | os.PathLike,
) -> dict[str, str]:
    """Describes what an evaluation was run with, for the last section of a report.

    Args:
        command: program and arguments.
        model_file: the `.keras` file.
        predictor: made from it.
        spec: the data set.
        data_dir: where its images are.

    Returns:
        Text by name: command line, model and its SHA-256, data set, CRF parameters, versions.

    Raises:
        OSError: the model's file cannot be read.
    """
    network = predictor.model.get_config()
    crf = predictor.crf
    return {
        "date": datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        "command line": shlex.join(command),
        "model": str(model_file),
        "SHA-256 of the model": file_hash(model_file),
        "network": _listed({key: network[key] for key in _NETWORK}),
        "prediction": _listed({key: getattr(predictor, key) for key in _PREDICTOR}),
        "data set": f"{spec.name}, {spec.num_classes} classes, {data_dir}",
        "CRF": "none" if crf is None else _listed(crf.parameters.to_dict()),
        "TensorFlow": tf.__version__,
        "Keras": keras.__version__,
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.platform()}",
    }


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
