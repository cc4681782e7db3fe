"""A client of TF Serving over REST."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.parse
from collections.abc import Sequence

import numpy as np

from deeplab_tf.serving.client_arguments import check_arguments, importing_extra
from deeplab_tf.serving.http_post import OK, HttpResponse, post_json
from deeplab_tf.serving.responses import (
    DeadlineError,
    Prediction,
    ServingError,
    check_shapes,
    read_predictions,
    reading_response,
)
from deeplab_tf.serving.retry import RetryableError, with_retries

FORMS = ("inputs", "instances")
# Too many requests, and what a proxy sends in place of a server that is away.
_RETRYABLE = (429, 502, 503, 504)


class RestClient:
    """Labels images through a server's REST interface.

    Several threads may use one client at once. Images are sent in base64, a third larger than over
    gRPC, and pixels as decimal numbers: `label_tensor` is for tests and small images.

    Args:
        server: `HOST:PORT`; TF Serving's port is 8501 by default.
        model: its name on the server.
        version: one of its versions; None for the server's default, the newest.
        deadline: seconds for a request, all attempts included.
        retries: how often a request is sent again while the server is away or busy.
        tls: whether the connection is encrypted.
        form: `inputs` for the columnar form of requests, `instances` for rows.

    Raises:
        ImportError: the extra `serving` is not installed.
        ValueError: an argument is wrong.

    Source: https://www.tensorflow.org/tfx/serving/api_rest

    Example:
        >>> client = RestClient("localhost:8501", model="deeplab")
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
        form: str = "inputs",
    ):
        if form not in FORMS:
            raise ValueError(f"form must be one of {FORMS}. Received: form={form!r}")
        check_arguments(server, deadline)
        with importing_extra("RestClient"):
            import httpx
            import tenacity  # noqa: F401  # of with_retries
        scheme, place = "https" if tls else "http", urllib.parse.quote(model, safe="")
        place += "" if version is None else f"/versions/{version}"
        self._url = f"{scheme}://{server}/v1/models/{place}:predict"
        try:
            httpx.URL(self._url)
        except httpx.InvalidURL as error:
            raise ValueError(
                f"server must be HOST:PORT ({error}). Received: server={server!r}"
            ) from error
        self._deadline, self._retries, self._form = deadline, retries, form
        self._tls = ssl.create_default_context()

    def label(self, contents: Sequence[bytes]) -> list[Prediction]:
        """Labels encoded images, as `GrpcClient.label` does."""
        if not contents:
            return []
        values = [{"b64": base64.b64encode(content).decode()} for content in contents]
        outputs = self._request("serving_default", "image_bytes", values)
        with reading_response(self._url):
            pngs = [base64.b64decode(png["b64"]) for png in outputs["label_png_bytes"]]
            return read_predictions(pngs, outputs["error"], contents)

    def label_tensor(
        self, images: np.ndarray, probabilities: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Labels pixels, as `GrpcClient.label_tensor` does; the server always sends both."""
        images = np.asarray(images, np.uint8)
        outputs = self._request("predict_tensor", "images", images.tolist())
        with reading_response(self._url):
            labels = np.array(outputs["labels"], np.uint8)
            if not probabilities:
                check_shapes(images, labels.shape)
                return labels
            shares = np.array(outputs["probabilities"], np.float32)
            check_shapes(images, labels.shape, shares.shape)
            return labels, shares

    def close(self) -> None:
        """Does nothing: every request has a connection of its own."""

    def _request(self, signature: str, name: str, values: list) -> dict[str, list]:
        """Sends one input's values and returns every output's."""
        by_column = self._form == "inputs"
        content = {name: values} if by_column else [{name: value} for value in values]
        body = json.dumps({"signature_name": signature, self._form: content}).encode()
        found = with_retries(
            lambda seconds: self._attempt(body, seconds), self._retries, self._deadline
        )
        with reading_response(self._url):
            if by_column:
                return found["outputs"]
            rows = found["predictions"]
            return {output: [row[output] for row in rows] for output in rows[0]}

    def _attempt(self, body: bytes, seconds: float) -> dict:
        """Sends a request once and returns the JSON of the response."""
        try:
            response = post_json(self._url, body, seconds, self._tls)
            if response.status == OK:
                return json.loads(response.body)
        except TimeoutError as error:
            raise DeadlineError(
                f"{self._url}: no response within the deadline of {self._deadline:g} s"
            ) from error
        except ConnectionError as error:
            raise RetryableError(f"{self._url}: {error}") from error
        except (ValueError, RecursionError) as error:  # no JSON, or nested without end
            raise ServingError(
                f"{self._url}: {error}; this is not TF Serving's response"
            ) from error
        message = f"{self._url}: HTTP {response.status}: {_reason(response)}"
        raise (RetryableError if response.status in _RETRYABLE else ServingError)(message)


def _reason(response: HttpResponse) -> str:
    if 300 <= response.status < 400:
        return f"redirected to {response.location}; redirections are not followed"
    try:
        return json.loads(response.body)["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return response.body[:200].decode("utf-8", "replace").strip() or response.phrase
