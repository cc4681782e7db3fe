"""Clients of TF Serving for models that `tools/export.py` has written."""

from __future__ import annotations

from deeplab_tf.compat import warn_renamed
from deeplab_tf.serving.grpc_client import GrpcClient
from deeplab_tf.serving.responses import DeadlineError, Prediction, ServingError, UnavailableError
from deeplab_tf.serving.rest_client import RestClient

__all__ = [
    "DeadlineError",
    "GrpcClient",
    "Prediction",
    "RestClient",
    "ServingError",
    "UnavailableError",
]


def __getattr__(name: str) -> type:
    """Returns what a name of version 0.1 stands for."""
    if name == "Answer":
        warn_renamed("deeplab_tf.serving.Answer", "deeplab_tf.serving.Prediction")
        return Prediction
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
