"""What keeps callers of version 0.1 working; goes in version 0.3."""

from __future__ import annotations

from typing import Any

from deeplab_tf.models.old_names import warn_renamed

_PREDICTOR_METHODS = {
    "scores": "logits",
    "scores_of": "predict_logits",
    "scores_and_finite": "logits_and_finite",
    "before_and_after": "predict_stages",
    "before_and_after_batch": "predict_stages_batch",
}


class OldPredictorNames:
    """Mixin of `Predictor` with its methods' names of version 0.1."""

    def __getattr__(self, name: str) -> Any:
        """Returns the method that an old name stands for."""
        if name not in _PREDICTOR_METHODS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        new = _PREDICTOR_METHODS[name]
        warn_renamed(f"Predictor.{name}", f"Predictor.{new}", stacklevel=3)
        return getattr(self, new)
