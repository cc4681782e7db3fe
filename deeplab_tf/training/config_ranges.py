"""Checks every key of a configuration against a table of ranges, before any work."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import ml_collections

from deeplab_tf import compat
from deeplab_tf.backbones import backbone_class
from deeplab_tf.backbones.stride import OUTPUT_STRIDES
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.paths import expand_path
from deeplab_tf.heads import HEADS
from deeplab_tf.layers.atrous_conv import METHODS
from deeplab_tf.layers.conv_norm_act import BATCH_NORMS
from deeplab_tf.layers.multi_scale_features import STARTS
from deeplab_tf.models.arguments import (
    check_number,
    checked_image_pooling,
    checked_input_scales,
    checked_multi_grid,
)
from deeplab_tf.precision import PRECISIONS
from deeplab_tf.training.best_model import MONITORED
from deeplab_tf.training.callbacks import parse_callbacks
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.losses.batch_weights import NORMALIZATIONS
from deeplab_tf.training.optimizers import parse_arguments
from deeplab_tf.training.phases import parse_changes
from deeplab_tf.training.ranges import Range, is_sequence, many, one_of, or_none, real, whole
from deeplab_tf.training.schedules import POLICIES

LARGEST_SEED = 2**32 - 1  # NumPy's
# Of a step: the largest batches of classifiers, of far smaller images. With more a run would read
# images for hours before it says anything.
MOST_IMAGES = 2**16
ON_NAN = ("stop", "rollback")


def _falling_scales(value: Any) -> bool:
    return _FACTORS.holds(value) and bool(checked_input_scales(value))


def _multi_grid(value: Any) -> bool:
    return bool(checked_multi_grid(value))


def _image_pooling(value: Any) -> bool:
    return bool(checked_image_pooling(value))


def _pair(value: object) -> bool:
    if not is_sequence(value) or len(value) != 2 or not isinstance(value[0], str):
        return False
    try:
        re.compile(value[0])
    except re.error as error:
        raise ValueError(f"the expression {value[0]!r} is broken ({error})") from error
    return real(0).holds(value[1])


def _argument(name: str) -> Range:
    """Returns the range of an argument of `DeepLab`, whose own check has the message."""

    def holds(value: object) -> bool:
        check_number(name, value)
        return True

    return Range("what `DeepLab` takes", holds)


def _crf_parameter(name: str) -> Range:
    """Returns the range of a parameter of the CRF, whose own check has the message."""

    def holds(value: Any) -> bool:
        return bool(CrfParameters(**{name: value}))

    return Range("what `CrfParameters` takes", holds)


def _is_backbone(value: Any) -> bool:
    return isinstance(value, str) and bool(backbone_class(value))


def _is_share(value: Any) -> bool:
    return real(0).holds(value) and value < 1


def _is_positive_share(value: Any) -> bool:
    return real(0, above=True).holds(value) and value <= 1


def _phase(value: Any) -> bool:
    if not is_sequence(value) or len(value) != 2 or not isinstance(value[1], str):
        return False
    for (section, key), changed in parse_changes(value[1]).items():
        problem = _problem(f"{section}.{key}", {key: changed}, key, RANGES[section].get(key))
        if problem:
            raise ValueError(problem)
    return whole(1).holds(value[0])


def _is_path(value) -> bool:
    return isinstance(value, str) and bool(expand_path(value))


def _is_augmentation(value: Any) -> bool:
    return bool(AugmentationPipeline(value))


def _is_callbacks(value: Any) -> bool:
    return isinstance(value, str) and parse_callbacks(value) is not None


def _is_loss(value: object) -> bool:
    return isinstance(value, str) and bool(parse_loss(value))


_SWITCH = Range("True or False", lambda value: isinstance(value, bool))
_NAME = Range("a name that is not empty", lambda value: isinstance(value, str) and bool(value))
_FACTOR = real(0, above=True)
_FACTORS = many(_FACTOR, "one or more finite numbers above 0", least=1)
_EVERY = whole(0, note="; 0 is never")
_MULTIPLIERS = many(
    Range("", _pair),
    "pairs of a regular expression and a finite number of at least 0, such as (('.*/bias', 2.0),)",
)

# Section -> key -> range, for every key of `base_config`.
RANGES: dict[str, dict[str, Range]] = {
    "model": {
        "backbone": Range("the name of a backbone", _is_backbone),
        "head": one_of(HEADS),
        "output_stride": one_of(OUTPUT_STRIDES),
        "scales": Range("finite numbers above 0 that start with 1.0 and fall", _falling_scales),
        "width": _argument("width"),
        "fc6_kernel": _argument("fc6_kernel"),
        "fc6_rate": _argument("fc6_rate"),
        "fc6_filters": _argument("fc6_filters"),
        "msc_features": _SWITCH,
        "msc_start": one_of(STARTS),
        "dropout": _argument("dropout"),
        "method": one_of(METHODS),
        "batch_norm": or_none(one_of(BATCH_NORMS)),
        "batch_norm_momentum": _argument("batch_norm_momentum"),
        "multi_grid": Range("whole numbers, one a unit of the last stage", _multi_grid),
        "separable": _SWITCH,
        "image_pooling": Range("what `DeepLab` takes", _image_pooling),
        "weights": Range("a name or a path", _is_path),
    },
    "data": {
        "train_split": _NAME,
        "eval_split": _NAME,
        "image_scale": _argument("image_scale"),
        "augmentation": Range("a text of operations", _is_augmentation),
        "cache": _SWITCH,
        "check": _SWITCH,
    },
    "train": {
        "steps": whole(1),
        "epochs": real(0),
        "batch_size": whole(1, MOST_IMAGES),
        "iter_size": whole(1, MOST_IMAGES),
        "optimizer": Range(
            "the name of an optimizer",
            lambda value: isinstance(value, str) and bool(compat.optimizer_class(value)),
        ),
        "optimizer_args": Range(
            "arguments in one text, such as 'momentum=0.9'",
            lambda value: isinstance(value, str) and parse_arguments(value) is not None,
        ),
        "policy": one_of(POLICIES),
        "learning_rate": real(0),
        "gamma": real(0),
        "step_size": whole(1),
        "power": real(0),
        "warmup_steps": whole(0),
        "warmup_rate": real(0),
        "rate_multipliers": or_none(_MULTIPLIERS),
        "layer_decay": Range("a number above 0 and up to 1", _is_positive_share),
        "weight_decay": real(0),
        "decay_multipliers": _MULTIPLIERS,
        "clip_norm": real(0),
        "ema_decay": Range("a number of at least 0 and below 1", _is_share),
        "loss": Range("a sum of losses", _is_loss),
        "precision": one_of(PRECISIONS),
        "normalize": one_of(NORMALIZATIONS),
        "on_nan": one_of(ON_NAN),
        "phases": many(
            Range("", _phase),
            "pairs of a step and of changes, such as ((30000, 'model.output_stride=8'),)",
        ),
        "seed": whole(0, LARGEST_SEED),
        "log_every": _EVERY,
        "checkpoint_every": _EVERY,
        "keep_checkpoints": whole(1),
        "callbacks": Range("a text of callbacks", _is_callbacks),
        "log_images": whole(0, note="; 0 is none"),
        "log_histograms": _SWITCH,
        "eval_every": _EVERY,
        "eval_limit": whole(0, note="; 0 is all"),
        "monitor": one_of(MONITORED),
        "patience": whole(0, note="; 0 ends no run"),
    },
    "crf": {field.name: _crf_parameter(field.name) for field in dataclasses.fields(CrfParameters)},
}


def check_config(config: ml_collections.ConfigDict) -> None:
    """Checks that every value of a configuration is in its range.

    Args:
        config: from `base_config`.

    Raises:
        ValueError: the message has every value that is not: the flag, the range and what was
            received.

    Example:
        >>> from deeplab_tf.training.config import base_config
        >>> config = base_config("vgg16_large_fov")
        >>> config.train.log_every = -1
        >>> check_config(config)
        Traceback (most recent call last):
        ...
        ValueError: --config.train.log_every must be a whole number ... Received: -1
    """
    values = config.to_dict()
    problems = [
        problem
        for section, keys in RANGES.items()
        for key, allowed in keys.items()
        if (problem := _problem(f"--config.{section}.{key}", values.get(section), key, allowed))
    ]
    if problems:
        raise ValueError("; ".join(problems))
    train = values["train"]
    if train["patience"] and not (train["monitor"] and train["eval_every"]):
        raise ValueError(
            "--config.train.patience needs --config.train.monitor, the number that must get "
            "better, and evaluations, which --config.train.eval_every=0 makes none of"
        )
    try:
        CrfParameters.from_dict(values["crf"])
    except ValueError as error:  # keys that are right alone and not together
        raise ValueError(f"--config.crf: {error}") from error


def _problem(flag: str, section: dict | None, key: str, allowed: Range | None) -> str | None:
    if allowed is None:
        return f"{flag}: there is no such key"
    if section is None or key not in section:
        return f"{flag} is missing. Start from training.config.base_config"
    value = section[key]
    try:
        if allowed.holds(value):
            return None
        reason = f"{flag} must be {allowed.wanted}"
    except ValueError as error:
        reason = f"{flag}: {error}"
    return reason if "Received:" in reason else f"{reason}. Received: {value!r}"
