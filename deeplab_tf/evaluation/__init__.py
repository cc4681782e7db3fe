"""Labels of images, and how good they are."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.evaluation.confusion import ConfusionMatrix
    from deeplab_tf.evaluation.evaluate import evaluate
    from deeplab_tf.evaluation.merged_metrics import merge_metrics
    from deeplab_tf.evaluation.predictor import Predictor

__all__ = ["ConfusionMatrix", "Predictor", "evaluate", "merge_metrics"]
