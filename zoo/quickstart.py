"""The quick start: a small DeepLab-LargeFOV on the embedded scenes, from random weights."""

from deeplab_tf.training.config import base_config


def get_config():
    config = base_config("vgg16_large_fov")
    config.model.update(width=0.25, fc6_rate=6, dropout=0.1)
    config.data.update(crop_size=97)
    config.train.update(
        steps=300,
        batch_size=8,
        optimizer="Adam",
        optimizer_args="",
        learning_rate=1e-3,
        weight_decay=0.0,
        rate_multipliers=(),
        decay_multipliers=(),
        checkpoint_every=100,
        eval_every=100,
        log_every=20,
    )
    config.crf.update(bilateral_sigma_xy=20.0, bilateral_sigma_rgb=15.0, bilateral_weight=4.0)
    return config
