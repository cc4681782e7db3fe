"""A network that fails on some images, as one does that overflows."""

import numpy as np
import tensorflow as tf

WHITE = 255


def break_on_white(model):
    """Has a model give NaN as the logits of class 1 where an image's first pixel is white."""
    sound = model.logit_maps

    def logit_maps(images, **options):
        white = tf.reduce_min(tf.cast(images, tf.float32)[:, 0, 0], axis=-1) > WHITE - 0.5
        is_broken = white[:, None, None, None] & (tf.range(model.num_classes) == 1)
        return [tf.where(is_broken, np.nan, logits) for logits in sound(images, **options)]

    model.logit_maps = logit_maps
    return model
