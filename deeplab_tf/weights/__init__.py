"""Sources of weights, one file a source."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.weights.apply import load_into
    from deeplab_tf.weights.sources import SOURCES
    from deeplab_tf.weights.tensor_report import TensorReport, WeightReport

__all__ = ["SOURCES", "TensorReport", "WeightReport", "load_into"]
