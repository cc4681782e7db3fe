"""A network that fails on some pictures, as one does that overflows."""

import numpy as np
import tensorflow as tf

WHITE = 255


def break_on_white(model):
    """Has a model give NaN as the logits of class 1 where a picture's first pixel is white."""
    sound = model.score_maps

    def score_maps(images, **options):
        white = tf.reduce_min(tf.cast(images, tf.float32)[:, 0, 0], axis=-1) > WHITE - 0.5
        is_broken = white[:, None, None, None] & (tf.range(model.num_classes) == 1)
        return [tf.where(is_broken, np.nan, scores) for scores in sound(images, **options)]

    model.score_maps = score_maps
    return model
