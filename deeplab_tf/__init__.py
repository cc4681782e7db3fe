"""DeepLab v1 and v2 in TensorFlow and Keras."""

from deeplab_tf import crf, data, evaluation, layers, training
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.load import load
from deeplab_tf.models.deeplab import DeepLab

__version__ = "0.1.0"
__all__ = ["DeepLab", "Predictor", "crf", "data", "evaluation", "layers", "load", "training"]
