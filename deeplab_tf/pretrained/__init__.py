"""Trained networks by name: where their weights are, and how they become models."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.pretrained.open_network import from_preset, list_presets

__all__ = ["from_preset", "list_presets"]
