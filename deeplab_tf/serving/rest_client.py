"""A client of TF Serving over REST."""

from __future__ import annotations

import base64
import http.client
import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

import numpy as np

from deeplab_tf.serving.client_arguments import check_arguments
from deeplab_tf.serving.responses import (
    DeadlineError,
    Prediction,
    ServingError,
    check_shapes,
    read_predictions,
    reading_response,
)
from deeplab_tf.serving.retry import TryAgainError, with_retries

FORMS = ("inputs", "instances")
# Too many requests, and what a proxy in front says of a server that is away.
_TRY_AGAIN = (429, 502, 503, 504)
_LONGEST_REASON = 2**16  # bytes of an error's body


class _StayHandler(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: what another place says is no answer of the server that was asked."""

    def redirect_request(self, *_):
        return None


class RestClient:
    """Labels images through a server's REST interface; needs no extra.

    Safe to be used by several threads at once. Images travel in base64, a third larger than over
    gRPC, and pixels as decimal numbers: `label_tensor` is for tests and small images.

    Args:
        server: `HOST:PORT`, 8501 by TF Serving's default.
        model: its name on the server.
        version: one of its versions; None for what the server takes for the newest.
        deadline: seconds for a request, with all attempts.
        retries: how often a request is sent again while the server is away or busy.
        tls: whether the connection is encrypted.
        form: `inputs` for the columnar form of requests, `instances` for rows.

    Raises:
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
        model="deeplab",
        version=None,
        deadline=60.0,
        retries=4,
        tls=False,
        form="inputs",
    ):
        if form not in FORMS:
            raise ValueError(f"form must be one of {FORMS}. Received: form={form!r}")
        check_arguments(server, deadline)
        version = "" if version is None else f"/versions/{version}"
        model = urllib.parse.quote(model, safe="")
        scheme = "https" if tls else "http"
        self._url = f"{scheme}://{server}/v1/models/{model}{version}:predict"
        self._deadline, self._retries, self._form = deadline, retries, form
        self._open = urllib.request.build_opener(_StayHandler).open

    def label(self, contents: Sequence[bytes]) -> list[Prediction]:
        """Labels encoded images, as `GrpcClient.label` does."""
        if not contents:
            return []
        values = [{"b64": base64.b64encode(content).decode()} for content in contents]
        outputs = self._request("serving_default", "image_bytes", values)
        with reading_response(self._url):
            pngs = [base64.b64decode(png["b64"]) for png in outputs["label_png_bytes"]]
            return read_predictions(pngs, outputs["error"], contents)

    def label_tensor(self, images, probabilities: bool = False):
        """Labels pixels, as `GrpcClient.label_tensor` does; the server always sends both."""
        images = np.asarray(images, np.uint8)
        outputs = self._request("predict_tensor", "images", images.tolist())
        with reading_response(self._url):
            labels = np.array(outputs["labels"], np.uint8)
            if not probabilities:
                check_shapes(images, labels.shape)
                return labels
            logits = np.array(outputs["probabilities"], np.float32)
            check_shapes(images, labels.shape, logits.shape)
            return labels, logits

    def close(self):
        """Does nothing: every request has a connection of its own."""

    def _request(self, signature: str, name: str, values: list) -> dict[str, list]:
        """Sends one input's values and returns every output's."""
        by_column = self._form == "inputs"
        content = {name: values} if by_column else [{name: value} for value in values]
        body = json.dumps({"signature_name": signature, self._form: content}).encode()

        def attempt(seconds: float):
            end = time.monotonic() + seconds
            request = urllib.request.Request(
                self._url, body, {"Content-Type": "application/json"}, method="POST"
            )
            try:
                with self._open(request, timeout=seconds) as response:
                    return json.loads(_read_until(response, end))
            except urllib.error.HTTPError as error:
                raise self._refusal(error, end) from error
            except (ValueError, RecursionError) as error:  # no JSON, or nested without end
                raise ServingError(
                    f"{self._url}: {error}; this is no answer of TF Serving"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                raise self._failure(error) from error

        prediction = with_retries(attempt, self._retries, self._deadline)
        with reading_response(self._url):
            if by_column:
                return prediction["outputs"]
            rows = prediction["predictions"]
            return {output: [row[output] for row in rows] for output in rows[0]}

    def _refusal(self, error: urllib.error.HTTPError, end: float) -> Exception:
        message = f"{self._url}: HTTP {error.code}: {_reason(error, end)}"
        return (TryAgainError if error.code in _TRY_AGAIN else ServingError)(message)

    def _failure(self, error: Exception) -> Exception:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            return DeadlineError(
                f"{self._url}: no answer within the deadline of {self._deadline:g} s"
            )
        return TryAgainError(f"{self._url}: {cause}")


def _read_until(response, end: float, most: float = math.inf) -> bytes:
    """Reads a body; the socket's own timeout is for each of its pieces and not for them all.

    Args:
        response: of urllib.
        end: when it has to be there, by the monotonic clock.
        most: bytes after which the rest is left unread.
    """
    pieces, size = [], 0
    while size < most and (piece := response.read1(2**16)):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > end:
            raise TimeoutError
    body = b"".join(pieces)
    if size < min(int(response.headers.get("Content-Length", 0)), most):
        raise http.client.IncompleteRead(body)
    return body


def _reason(error: urllib.error.HTTPError, end: float) -> str:
    if 300 <= error.code < 400:
        return f"redirected to {error.headers.get('Location')}; requests are not sent on"
    try:
        with error:
            body = _read_until(error, end, _LONGEST_REASON).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError):  # its status is known all the same
        return str(error.reason)
    try:
        return json.loads(body)["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return body[:200] or str(error.reason)
