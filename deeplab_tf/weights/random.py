"""The model's own random start."""

from __future__ import annotations

from deeplab_tf.weights.weight_source import Source

SOURCE = Source("'random'", lambda text: text == "random", lambda text, model: (text, {}))
