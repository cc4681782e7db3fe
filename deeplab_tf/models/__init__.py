"""Networks and their published variants."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.models.deeplab import DeepLab

__all__ = ["DeepLab"]
