"""Metrics for `model.compile`, by the rule of `evaluation.ConfusionMatrix`."""

from deeplab_tf.metrics.keras_metrics import MeanIoU, PixelAccuracy

__all__ = ["MeanIoU", "PixelAccuracy"]
