"""Training: losses, schedules, optimizers, the training step and the loop around it."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.training import schedules
    from deeplab_tf.training.loop import Trainer

__all__ = ["Trainer", "schedules"]
