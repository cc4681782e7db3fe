"""DeepLab v1 and v2 in TensorFlow and Keras."""

from deeplab_tf.start_up import import_tensorflow, is_program, waits_for_flags, wrong_backend
from deeplab_tf.version import __version__

if wrong_backend():
    message = wrong_backend()
    if is_program():
        raise SystemExit(f"error: {message}")
    raise ImportError(message)
if not waits_for_flags():
    if is_program():
        import_tensorflow()
    from deeplab_tf import crf, data, evaluation, layers, losses, metrics, training
    from deeplab_tf.backbones import atrous
    from deeplab_tf.evaluation.predictor import Predictor
    from deeplab_tf.export.load import load
    from deeplab_tf.models.deeplab import DeepLab
    from deeplab_tf.pretrained import from_preset, list_presets

__all__ = [
    "DeepLab",
    "Predictor",
    "__version__",
    "atrous",
    "crf",
    "data",
    "evaluation",
    "from_preset",
    "layers",
    "list_presets",
    "load",
    "losses",
    "metrics",
    "training",
]
