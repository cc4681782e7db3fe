"""A client of TF Serving over gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from deeplab_tf.serving.client_arguments import check_arguments, importing_extra
from deeplab_tf.serving.responses import (
    DeadlineError,
    Prediction,
    ServingError,
    check_shapes,
    read_predictions,
    reading_response,
)
from deeplab_tf.serving.retry import RetryableError, with_retries

if TYPE_CHECKING:  # of the extra `serving`
    import grpc


class GrpcClient:
    """Labels images through a server's `PredictionService`.

    Several threads may use one client at once. The client takes messages of any size; TF Serving
    takes up to 2 GB.

    Args:
        server: `HOST:PORT`; TF Serving's port is 8500 by default.
        model: its name on the server.
        version: one of its versions; None for the server's default, the newest.
        deadline: seconds for a request, all attempts included.
        retries: how often a request is sent again while the server is away or busy.
        tls: whether the connection is encrypted.

    Raises:
        ImportError: the extra `serving` is not installed.
        ValueError: an argument is wrong.

    Example:
        >>> client = GrpcClient("localhost:8500", model="deeplab")
        >>> client.label([])
        []
    """

    def __init__(
        self,
        server: str,
        model: str = "deeplab",
        version: int | None = None,
        deadline: float = 60.0,
        retries: int = 4,
        tls: bool = False,
    ):
        check_arguments(server, deadline)
        with importing_extra("GrpcClient"):
            import grpc
            import tenacity  # noqa: F401  # of with_retries
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        self._grpc, self._request_class = grpc, predict_pb2.PredictRequest
        unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        if tls:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(server, credentials, unlimited)
        else:
            self._channel = grpc.insecure_channel(server, unlimited)
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._server, self._model, self._version = server, model, version
        self._deadline, self._retries = deadline, retries

    def label(self, contents: Sequence[bytes]) -> list[Prediction]:
        """Labels encoded images, each of its own size.

        Args:
            contents: JPEG or PNG files.

        Returns:
            A Prediction for each image; a bad image does not affect the others.

        Raises:
            DeadlineError: the server does not respond in time.
            UnavailableError: the server cannot be reached, or stays busy.
            ServingError: the server refuses the request, or its response cannot be used.
        """
        if not contents:
            return []
        value = tf.make_tensor_proto(list(contents), tf.string)
        wanted = ["label_png_bytes", "error"]
        outputs = self._request("serving_default", {"image_bytes": value}, wanted)
        with reading_response(self._server):
            pngs, errors = (outputs[name].string_val for name in wanted)
            return read_predictions(pngs, [error.decode() for error in errors], contents)

    def label_tensor(
        self, images: np.ndarray, probabilities: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Labels pixels.

        Args:
            images: uint8 RGB [B, H, W, 3].
            probabilities: whether the server sends these too, four bytes a pixel and class.

        Returns:
            Labels, uint8 [B, H, W]; with `probabilities` a pair of these and of the
            probabilities, float32 [B, H, W, C].

        Raises:
            DeadlineError, UnavailableError, ServingError: as `label`.
        """
        images = np.asarray(images)
        value = tf.make_tensor_proto(images, tf.uint8)
        wanted = ["labels", "probabilities"] if probabilities else ["labels"]
        outputs = self._request("predict_tensor", {"images": value}, wanted)
        with reading_response(self._server):
            # Shapes come first: a proto of a few bytes can claim gigabytes.
            check_shapes(
                images, *([size.size for size in outputs[name].tensor_shape.dim] for name in wanted)
            )
            arrays = tuple(tf.make_ndarray(outputs[name]) for name in wanted)
        return (arrays[0], arrays[1]) if probabilities else arrays[0]

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def _request(self, signature: str, inputs: dict, outputs: list[str]) -> Mapping:
        """Sends the inputs' TensorProtos by name and returns the outputs'."""
        request = self._request_class(inputs=inputs, output_filter=outputs)
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        if self._version is not None:
            request.model_spec.version.value = int(self._version)

        def attempt(seconds: float) -> Mapping:
            try:
                return self._predict(request, timeout=seconds).outputs
            except self._grpc.RpcError as error:
                raise self._explained(error) from error

        return with_retries(attempt, self._retries, self._deadline)

    def _explained(self, error: grpc.RpcError) -> Exception:
        codes, code, details = self._grpc.StatusCode, error.code(), error.details() or ""
        message = f"{self._server}, model {self._model!r}: {code.name}: {details}"
        is_too_large = code == codes.RESOURCE_EXHAUSTED and "larger than max" in details
        if code in (codes.UNAVAILABLE, codes.RESOURCE_EXHAUSTED) and not is_too_large:
            return RetryableError(message)
        if code == codes.DEADLINE_EXCEEDED:
            return DeadlineError(
                f"{message}; no response within the deadline of {self._deadline:g} s"
            )
        return ServingError(message)
