"""The configuration of a run: every key with its default, and what the presets fill in.

What each key may be is in `config_ranges.py`.
"""

from __future__ import annotations

import ml_collections

from deeplab_tf.crf import CrfParameters
from deeplab_tf.models.presets import PRESETS, network_defaults
from deeplab_tf.models.rate_multipliers import rate_multipliers


def base_config(preset: str) -> ml_collections.ConfigDict:
    """Returns a configuration for a published variant; files in `zoo/` set what differs.

    Args:
        preset: row of `models/presets.py`.

    Raises:
        ValueError: no such row.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {sorted(PRESETS)}. Received: {preset!r}")
    config = ml_collections.ConfigDict()
    config.model = {
        **network_defaults(),
        **PRESETS[preset],
        # Where the first weights come from: "random", "hed", or a Keras Applications .h5 file.
        "weights": "random",
    }
    config.data = {
        "train_split": "train",
        "eval_split": "val",
        # What happens to a training image, in this order; see `Augmentation`.
        # Factor on the sides of every image. The model carries it, so that evaluation,
        # prediction and exports do the same; they do nothing of what follows.
        "image_scale": 1.0,
        # Factors of the random scale, or (lowest, highest) of a range instead.
        "scales": (1.0,),
        "scale_range": (),
        # Side of the random crop; smaller images are padded at the bottom and right.
        "crop_size": 321,
        # Flips half of the crops.
        "mirror": True,
        # Keeps decoded training images in memory: height x width x 4 bytes each.
        "cache": False,
        # Reads every training and evaluation file once before the first step; if not, 100 of each.
        "check": True,
    }
    config.train = {
        "steps": 20000,
        # Images of one forward and backward pass, over all replicas.
        "batch_size": 10,
        # Passes whose gradients are added up before one update.
        "iter_size": 1,
        # A class of keras.optimizers, or of tensorflow-addons by its registered name, such as
        # "Addons>SGDW", and its arguments besides the learning rate: "momentum=0.9, nesterov=True".
        "optimizer": "SGD",
        "optimizer_args": "momentum=0.9",
        # "fixed", "step" (gamma, step_size), "poly" (power) or "inv" (gamma, power).
        "policy": "poly",
        "learning_rate": 1e-3,
        "gamma": 0.1,
        "step_size": 2000,
        "power": 0.9,
        # (pattern of the variable's name, factor); the first that matches decides, else 1.
        "rate_multipliers": rate_multipliers(config.model.backbone, config.model.head),
        "weight_decay": 5e-4,
        "decay_multipliers": ((".*/bias", 0.0),),
        # "valid": one mean over the pixels of the global batch; "caffe": mean of means.
        "normalize": "valid",
        "seed": 0,
        # Steps from one to the next; 0 is never, but the last step is logged and saved.
        "log_every": 10,
        "checkpoint_every": 1000,
        "keep_checkpoints": 2,
        # 0 is never, the last step included.
        "eval_every": 1000,
        # Images of an evaluation during training; 0 means all.
        "eval_limit": 0,
    }
    config.crf = CrfParameters().to_dict()
    return config.lock()
