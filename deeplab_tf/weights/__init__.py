"""Sources of weights, one file a source."""

from deeplab_tf.weights.apply import TensorReport, WeightReport, load_into

__all__ = ["TensorReport", "WeightReport", "load_into"]
