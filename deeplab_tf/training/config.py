"""The configuration of a run: every key with its default. `config_ranges.py` has their ranges.

Imports nothing of TensorFlow, so that a wrong key is answered at once.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import ml_collections

from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.data.data_section import DataSection
from deeplab_tf.models.presets import PRESETS, network_defaults


def base_config(preset: str, **network: Any) -> ml_collections.ConfigDict:
    """Returns a configuration for a published variant; files in `zoo/` set what differs.

    Args:
        preset: row of `models/presets.py`.
        **network: arguments of `DeepLab` that differ from the row's.

    Raises:
        ValueError: no such row.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {sorted(PRESETS)}. Received: {preset!r}")
    config = ml_collections.ConfigDict()
    config.model = {
        **network_defaults(),
        **PRESETS[preset],
        **network,
        # Where the first weights come from: "random", "imagenet", "hed", "deep_sort", a Keras
        # Applications .h5 file, or a trained DeepLab: its .keras file or work directory.
        "weights": "random",
    }
    # None is what the head states; without a type it would take no flag.
    if config.model.batch_norm is None:
        config.model.batch_norm = ml_collections.config_dict.placeholder(str)
    if config.model.batch_norm_momentum is None:
        config.model.batch_norm_momentum = ml_collections.config_dict.placeholder(float)
    config.data = DataSection(
        {
            "train_split": "train",
            "eval_split": "val",
            # Factor on the sides of every image, before all else. The model carries it, so that
            # evaluation, prediction and exports do the same.
            "image_scale": 1.0,
            # What happens to a training image: operations of `data/augmentations/`, such as
            # "scale(0.5|0.75|1)|crop(321)|mirror|color_jitter(0.2)".
            "augmentation": "crop(321)|mirror",
            # Keeps decoded training images in memory: height x width x 4 bytes each.
            "cache": False,
            # Reads every training and evaluation file once before the first step, or 100 of each.
            "check": True,
        }
    )
    config.train = {
        "steps": 20000,
        # Passes over the training images, in place of `steps`; 0 leaves `steps`.
        "epochs": 0.0,
        # Images of one forward and backward pass, over all replicas.
        "batch_size": 10,
        # Forward and backward passes (micro-batches) whose gradients are added before one update.
        "iter_size": 1,
        # A class of keras.optimizers, or of tensorflow-addons by its registered name, such as
        # "Addons>SGDW", and its arguments besides the learning rate: "momentum=0.9, nesterov=True".
        "optimizer": "SGD",
        "optimizer_args": "momentum=0.9",
        # "fixed", "step" (gamma, step_size), "poly" (power), "inv" (gamma, power) or "cosine"; poly
        # and cosine also have warmup_steps and warmup_rate.
        "policy": "poly",
        "learning_rate": 1e-3,
        "gamma": 0.1,
        "step_size": 2000,
        "power": 0.9,
        # First steps at a small rate, with which that of "cosine" begins and that of "poly" stays.
        "warmup_steps": 0,
        "warmup_rate": 1e-4,
        # (pattern of the variable's name, factor); the first that matches decides, else 1. None are
        # those of the backbone and the head.
        "rate_multipliers": ml_collections.config_dict.placeholder(tuple),
        # Factor on the rate from one convolution of the backbone to the one before it, such as
        # 0.9: the head has 1, and layers near the image change the least.
        "layer_decay": 1.0,
        # Added to the gradient, as Caffe does. The decoupled one of AdamW and SGDW is an argument
        # of the optimizer: "weight_decay=0.05".
        "weight_decay": 5e-4,
        "decay_multipliers": ((".*/bias", 0.0),),
        # Length to which the gradient of all variables together is cut; 0 cuts nothing.
        "clip_norm": 0.0,
        # Share of the old moving average of the weights that a step keeps, such as 0.99.
        # Evaluations and the model take the average; 0 has none.
        "ema_decay": 0.0,
        # A loss of `training/losses/`, or a sum with factors: "focal(gamma=2)",
        # "cross_entropy(class_weights=median_frequency)", "cross_entropy + 0.5*dice".
        "loss": "cross_entropy",
        # Number format of convolutions: "float32", "bfloat16", "float16" with a scaled loss, or
        # "auto", the fastest of this machine. Weights, statistics, logits and loss stay float32.
        "precision": "float32",
        # "valid": one mean over the pixels of the global batch; "caffe": the mean over
        # micro-batches of the mean over the pixels of each.
        "normalize": "valid",
        # "stop" ends a run whose loss or weights are not finite any more; "rollback" goes back to
        # the newest checkpoint, from which the images come in another order, up to three times.
        "on_nan": "stop",
        # Pairs of a step and of what changes from it on, as in
        # ((30000, "model.output_stride=8, model.batch_norm='frozen', train.learning_rate=1e-3"),).
        # The learning rate of a phase runs from its first step to its last.
        "phases": (),
        "seed": 0,
        # Numbers of steps; 0 is never, but the last step is always logged and saved.
        "log_every": 10,
        "checkpoint_every": 1000,
        "keep_checkpoints": 2,
        # Callbacks as Keras has them, `|` between: "CSVLogger('log.csv')|wandb(project='a')".
        "callbacks": "",
        # Images of an evaluation that TensorBoard shows with label and prediction; 0 is none.
        "log_images": 2,
        # Whether TensorBoard also shows how the weights are distributed, at every evaluation.
        "log_histograms": False,
        # 0 is never, the last step included.
        "eval_every": 1000,
        # Images of an evaluation during training; 0 means all.
        "eval_limit": 0,
        # The number of an evaluation whose best network becomes the model: "miou",
        # "pixel_accuracy", "mean_accuracy" or "frequency_weighted_iou". "" takes the last network,
        # as a run without evaluations does; `last.keras` has it in any case.
        "monitor": "miou",
        # Evaluations in a row that are no better than the best before the run ends; 0 ends none.
        "patience": 0,
    }
    config.crf = CrfParameters().to_dict()
    return config.lock()


def resolve_config(config: ml_collections.ConfigDict, images: int) -> ml_collections.ConfigDict:
    """Returns a copy of a configuration with what follows from other keys written out.

    Args:
        config: from `base_config`, with values in their ranges.
        images: number of training images.

    Example:
        >>> config = base_config("vgg16_large_fov", backbone="resnet50")
        >>> config.train.rate_multipliers is None
        True
        >>> config.train.epochs, config.train.batch_size = 1.5, 4
        >>> resolved = resolve_config(config, images=10)
        >>> resolved.train.rate_multipliers
        (('fc1.*/kernel', 10.0), ('fc1.*/bias', 20.0))
        >>> resolved.train.steps
        4
    """
    from deeplab_tf.models.rate_multipliers import rate_multipliers  # imports TensorFlow

    resolved = copy.deepcopy(config)
    if resolved.train.rate_multipliers is None:
        resolved.train.rate_multipliers = rate_multipliers(config.model.backbone, config.model.head)
    if config.train.epochs:
        images_of_step = config.train.batch_size * config.train.iter_size
        resolved.train.steps = math.ceil(config.train.epochs * images / images_of_step)
    if not config.train.eval_every:
        resolved.train.monitor = ""
    return resolved
