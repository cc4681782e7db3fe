"""Tunes the parameters of the CRF for a trained network on a data set."""

from deeplab_tf.tuning.run import choose_images, compare, tune

__all__ = ["choose_images", "compare", "tune"]
