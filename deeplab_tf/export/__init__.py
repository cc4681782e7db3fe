"""Exports models: for TensorFlow Serving, LiteRT and ONNX."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.export.formats import FORMATS
    from deeplab_tf.export.litert import export_litert
    from deeplab_tf.export.load import load
    from deeplab_tf.export.onnx import export_onnx
    from deeplab_tf.export.saved_model import export_saved_model
    from deeplab_tf.export.saved_predictor import SavedPredictor

__all__ = [
    "FORMATS",
    "SavedPredictor",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "load",
]
