"""Clients of TF Serving for models that `tools/export.py` has written."""

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
