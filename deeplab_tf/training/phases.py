"""The phases of a run: from some step on, some values of its configuration are others."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections

# What a phase may change: the network keeps its variables, the data their files, and the run as a
# whole its length, its seed and what it keeps.
_FIXED = {
    "model": ("backbone", "head", "width", "fc6_kernel", "fc6_filters", "msc_features", "separable",
              "weights"),
    "data": ("train_split", "eval_split", "image_scale", "cache", "check"),
    "train": ("steps", "epochs", "phases", "seed", "precision", "on_nan", "monitor", "patience",
              "keep_checkpoints", "log_images", "callbacks"),
}  # fmt: skip
_KEY = re.compile(r"(?:^|,)\s*(\w+)\.(\w+)\s*=")


class Phase(NamedTuple):
    """A part of a run.

    Attributes:
        first_step: steps of the run before it.
        last_step: steps of the run at its end.
        config: of the run, with what the phase changes.
    """

    first_step: int
    last_step: int
    config: ml_collections.ConfigDict


def split_phases(config: ml_collections.ConfigDict) -> list[Phase]:
    """Returns the phases of a run; one, where the configuration has no others.

    What a phase changes stays changed in those that follow.

    Args:
        config: with the number of steps, see `resolve_config`.

    Raises:
        ValueError: a phase is empty, or its text or one of its values is wrong.

    Example:
        >>> from deeplab_tf.training.config import base_config
        >>> config = base_config("resnet50_v3plus")
        >>> config.train.steps = 60000
        >>> config.train.phases = ((30000, "model.output_stride=8, model.batch_norm='frozen'"),)
        >>> [(p.first_step, p.last_step, p.config.model.batch_norm) for p in split_phases(config)]
        [(0, 30000, None), (30000, 60000, 'frozen')]
    """
    starts = [0, *(start for start, _ in config.train.phases)]
    ends = [*starts[1:], config.train.steps]
    if any(end <= start for start, end in zip(starts, ends, strict=True)):
        raise ValueError(
            "--config.train.phases must start at rising steps above 0 and below the "
            f"{config.train.steps} of the run. Received: {tuple(starts[1:])}"
        )
    phases = [Phase(starts[0], ends[0], config)]
    for (start, text), end in zip(config.train.phases, ends[1:], strict=True):
        phases.append(Phase(start, end, _changed(phases[-1].config, text)))
    return phases


def parse_changes(text: str) -> dict[tuple[str, str], object]:
    """Reads what a phase changes; nothing of the text is run.

    Args:
        text: keys of a configuration with Python literals, such as
            `"model.output_stride=8, train.learning_rate=1e-3"`.

    Raises:
        ValueError: the text is something else, or has a key that holds for the whole run.
    """
    before, *found = _KEY.split(text)
    if before.strip() or not found:
        raise ValueError(f"changes look like 'model.output_stride=8'. Received: {text!r}")
    changes = {}
    for section, key, value in zip(found[0::3], found[1::3], found[2::3], strict=True):
        if key in _FIXED.get(section, (key,)):
            raise ValueError(
                f"a phase changes keys of {', '.join(_FIXED)} that do not hold for the whole run. "
                f"Received: {section}.{key}"
            )
        try:
            changes[section, key] = ast.literal_eval(value.strip())
        except (SyntaxError, ValueError) as error:
            raise ValueError(
                f"{section}.{key} takes a Python value, a text in quotes. Received: {value.strip()}"
            ) from error
    return changes


def phase_at(phases: Sequence[Phase], step: int) -> int:
    """Returns the index of the phase that a step, counted from 1, belongs to.

    Args:
        phases: from `split_phases`.
        step: any; those before the first and after the last belong to these.
    """
    return next((i for i, phase in enumerate(phases) if step <= phase.last_step), len(phases) - 1)


def _changed(config: ml_collections.ConfigDict, text: str) -> ml_collections.ConfigDict:
    changed = copy.deepcopy(config)
    for (section, key), value in parse_changes(text).items():
        try:
            changed[section][key] = value
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"--config.train.phases: {section}.{key}: {error}") from error
    return changed
