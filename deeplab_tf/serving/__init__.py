"""Clients of TF Serving for models that `tools/export.py` has written."""

from deeplab_tf.serving.answers import Answer, DeadlineError, ServingError, UnavailableError
from deeplab_tf.serving.grpc_client import GrpcClient
from deeplab_tf.serving.rest_client import RestClient

__all__ = [
    "Answer",
    "DeadlineError",
    "GrpcClient",
    "RestClient",
    "ServingError",
    "UnavailableError",
]
