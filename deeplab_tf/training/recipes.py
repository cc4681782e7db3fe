"""Training values of the released networks, one row for each family."""

from __future__ import annotations

import ml_collections

from deeplab_tf.training.config import base_config

# Momentum 0.9, decay 5e-4, crop 321 and mirroring are the same in all and base_config's.
RECIPES: dict[str, dict[str, dict[str, object]]] = {
    # DeepLab-LargeFOV, released solver.prototxt and train.prototxt. The paper's text says a batch
    # of 20; the file and table 2 of Chen et al. 2016 say 30.
    "v1_vgg16": {
        "train": {"policy": "step", "learning_rate": 1e-3, "gamma": 0.1, "step_size": 2000,
                  "steps": 6000, "batch_size": 30},
    },
    # DeepLabv2_VGG16, released files: no random scale.
    "v2_vgg16": {
        "train": {"policy": "poly", "learning_rate": 1e-3, "power": 0.9,
                  "steps": 20000, "batch_size": 10},
    },
    # DeepLabv2_ResNet101, released files: gradients of ten single images are averaged.
    "v2_resnet101": {
        "data": {"augmentation": "scale(0.5|0.75|1|1.25|1.5)|crop(321)|mirror"},
        "train": {"policy": "poly", "learning_rate": 2.5e-4, "power": 0.9,
                  "steps": 20000, "batch_size": 1, "iter_size": 10, "normalize": "caffe"},
    },
}  # fmt: skip


def recipe_config(preset: str, recipe: str) -> ml_collections.ConfigDict:
    """Returns the configuration of a published variant with its family's training values.

    Args:
        preset: row of `models/presets.py`.
        recipe: row of `RECIPES`.

    Raises:
        ValueError: no such row.

    Source: released solver and train files of DeepLab v1 and v2 (PASCAL VOC 2012).

    Example:
        >>> recipe_config("vgg16_large_fov", "v1_vgg16").train.policy
        'step'
    """
    if recipe not in RECIPES:
        raise ValueError(f"recipe must be one of {sorted(RECIPES)}. Received: {recipe!r}")
    config = base_config(preset)
    for section, values in RECIPES[recipe].items():
        config[section].update(values)
    return config
