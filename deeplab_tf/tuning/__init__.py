"""Tunes the parameters of the CRF for a trained network on a data set."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.tuning.run import choose_images, compare, tune

__all__ = ["choose_images", "compare", "tune"]
