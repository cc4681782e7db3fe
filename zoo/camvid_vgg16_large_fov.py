"""DeepLab-LargeFOV (VGG-16) on CamVid, 11 classes."""

from deeplab_tf.training.config import base_config


def get_config():
    config = base_config("vgg16_large_fov")
    config.model.update(weights="hed", dropout=0.2)
    config.data.update(scales=(0.75, 1.0, 1.25, 1.5), crop_size=241)
    config.train.update(
        steps=2400,
        batch_size=2,
        optimizer="Adam",
        optimizer_args="",
        learning_rate=2e-4,
        weight_decay=0.0,
        log_every=20,
        # The first three blocks serve as they are; fc6 and fc7 start from random numbers.
        rate_multipliers=(("conv[123]_.*", 0.0), ("fc.*", 2.0)),
        checkpoint_every=100,
        eval_every=300,
        eval_limit=26,
    )
    return config
