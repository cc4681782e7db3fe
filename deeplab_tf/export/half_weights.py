"""Exports weights at half their size, as zoo/weights holds them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

from deeplab_tf.data.files import file_hash
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights.keras_weights import ENDING, is_published, write_weights


def export_weights(
    predictor: Predictor,
    output: str | os.PathLike,
    overwrite: bool = False,
    log: Callable[[str], None] = print,
) -> Path:
    """Writes a `.weights.h5` file with kernels in float16; see `write_weights`.

    Args:
        predictor: whose network is written; without CRF, scales and mirrored images.
        output: the file; one that this function wrote is replaced.
        overwrite: replaces any file.
        log: receives what a row of `pretrained/trained_presets.py` says of the file.

    Returns:
        The file.

    Raises:
        ValueError: the ending is another, the predictor does more than its network, a file is
            there that this function did not write, or float16 lacks a number.
    """
    path = user_path(output)
    if not path.name.endswith(ENDING):
        raise ValueError(f"--output={path}: the file's name must end in {ENDING}.")
    plain = Predictor(predictor.model)
    for option in ("crf", "scales", "flip", "pad_to"):
        if getattr(predictor, option) != getattr(plain, option):
            raise ValueError(
                f"A file of weights holds no {option}; leave it out. It is given when the weights "
                "are used."
            )
    check_outputs({path: is_published}, overwrite)
    write_weights(predictor.model, path)
    log(f"parameters={count_learned(predictor.model)}")
    log(f"size={path.stat().st_size}")
    log(f'sha256="{file_hash(path)}"')
    return path


def count_learned(model: DeepLab) -> int:
    """Returns how many numbers of a network are learned: all but the statistics of batch norm.

    Example:
        >>> count_learned(deeplab_tf.DeepLab(num_classes=21))
        20505429
    """
    variables = model.variables_by_name().items()
    return sum(math.prod(v.shape) for name, v in variables if "/moving_" not in name)
