"""From a trained model to what serves it."""

from deeplab_tf.export.load import load
from deeplab_tf.export.saved_model import export_saved_model
from deeplab_tf.export.saved_predictor import SavedPredictor

__all__ = ["SavedPredictor", "export_saved_model", "load"]
