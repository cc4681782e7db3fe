"""Sources of weights, one file a source."""

from deeplab_tf.weights.apply import load_into
from deeplab_tf.weights.report import TensorReport, WeightReport
from deeplab_tf.weights.sources import SOURCES

__all__ = ["SOURCES", "TensorReport", "WeightReport", "load_into"]
