"""Training values of the released networks, one row for each family."""

from __future__ import annotations

import ml_collections

from deeplab_tf.training.config import base_config

# v3 and v3+: Chen et al. 2017, section 4.1, and 2018, section 4; what their texts do not give is
# from tensorflow/models, research/deeplab (train.py and utils/train_utils.py): biases, which only
# the classifier has, learn twice as fast, and only kernels decay that mix channels.
_V3: dict[str, dict[str, object]] = {
    "model": {"batch_norm": "train"},
    "data": {"augmentation": "scale(0.5..2.0)|crop(513)|mirror"},
    "train": {"policy": "poly", "learning_rate": 7e-3, "power": 0.9, "steps": 30000,
              "batch_size": 16, "rate_multipliers": ((".*/bias", 2.0),),
              "decay_multipliers": ((".*/(bias|gamma|beta)|.*_depthwise/kernel", 0.0),),
              "monitor": ""},
}  # fmt: skip

# Momentum 0.9 is the same in all and base_config's; so are a decay of 5e-4, a crop of 321 and
# mirroring in those of v1 and v2. The papers take the last network, so none is monitored.
RECIPES: dict[str, dict[str, dict[str, object]]] = {
    # DeepLab-LargeFOV, released solver.prototxt and train.prototxt. The paper's text says a batch
    # of 20; the file and table 2 of Chen et al. 2016 say 30.
    "v1_vgg16": {
        "train": {"policy": "step", "learning_rate": 1e-3, "gamma": 0.1, "step_size": 2000,
                  "steps": 6000, "batch_size": 30, "monitor": ""},
    },
    # DeepLabv2_VGG16, released files: no random scale.
    "v2_vgg16": {
        "train": {"policy": "poly", "learning_rate": 1e-3, "power": 0.9,
                  "steps": 20000, "batch_size": 10, "monitor": ""},
    },
    # DeepLabv2_ResNet101, released files: gradients of ten single images are averaged.
    "v2_resnet101": {
        "data": {"augmentation": "scale(0.5|0.75|1|1.25|1.5)|crop(321)|mirror"},
        "train": {"policy": "poly", "learning_rate": 2.5e-4, "power": 0.9,
                  "steps": 20000, "batch_size": 1, "iter_size": 10, "normalize": "caffe",
                  "monitor": ""},
    },
    # The decays are those that train.py gives for ResNets, and for MobileNetV2 and Xception.
    "v3_resnet": {**_V3, "train": {**_V3["train"], "weight_decay": 1e-4}},
    "v3_separable": {**_V3, "train": {**_V3["train"], "weight_decay": 4e-5}},
    # Of no paper: for 367 images of 480x360 on CPU cores. Poles, signs, pedestrians and bicyclists
    # are each below 1.3 % of the pixels, and are not learned in time without weights.
    "camvid_v3": {
        "model": {"batch_norm": "train", "batch_norm_momentum": 0.99},
        "data": {"augmentation": "scale(0.75..1.5)|crop(241)|mirror|color_jitter(0.2)"},
        "train": {"policy": "poly", "learning_rate": 1e-3, "power": 0.9, "optimizer": "Adam",
                  "optimizer_args": "", "weight_decay": 0.0, "precision": "auto",
                  "loss": "cross_entropy(class_weights=sqrt_median_frequency)",
                  "checkpoint_every": 100, "eval_every": 300, "eval_limit": 26, "log_every": 20},
    },
}  # fmt: skip


def recipe_config(preset: str, recipe: str) -> ml_collections.ConfigDict:
    """Returns the configuration of a published variant with its family's training values.

    Args:
        preset: row of `models/presets.py`.
        recipe: row of `RECIPES`.

    Raises:
        ValueError: no such row.

    Source: released solver and train files of DeepLab v1 and v2 (PASCAL VOC 2012), papers and
        released code of v3 and v3+.

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
