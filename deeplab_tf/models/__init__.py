"""Networks and their published variants."""

from deeplab_tf.models.deeplab import DeepLab

__all__ = ["DeepLab"]
