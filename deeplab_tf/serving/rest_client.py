"""A client of TF Serving over REST."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

import numpy as np

from deeplab_tf.serving.answers import Answer, ServingError, read_answers, reading_answer
from deeplab_tf.serving.retry import TryAgainError, with_retries

FORMS = ("inputs", "instances")
# Too many requests, and what a proxy in front says of a server that is away.
_TRY_AGAIN = (429, 502, 503, 504)
# What json.loads raises: no JSON, no UTF-8, endless digits; nested too deeply.
_NO_JSON = (ValueError, RecursionError)


class RestClient:
    """Labels pictures through a server's REST interface; needs no extra.

    Safe to be used by several threads at once. Pictures travel in base64, a third larger than over
    gRPC, and pixels as decimal numbers: `label_tensor` is for tests and small pictures.

    Args:
        server: `HOST:PORT`, 8501 by TF Serving's default.
        model: its name on the server.
        version: one of its versions; None for what the server takes for the newest.
        deadline: seconds for a request, with all attempts.
        retries: how often a request is sent again while the server is away or busy.
        tls: whether the connection is encrypted.
        form: `inputs` for the columnar form of requests, `instances` for rows.

    Raises:
        ValueError: another form.

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
        version = "" if version is None else f"/versions/{version}"
        scheme = "https" if tls else "http"
        self._url = f"{scheme}://{server}/v1/models/{model}{version}:predict"
        self._deadline, self._retries, self._form = deadline, retries, form

    def label(self, contents: Sequence[bytes]) -> list[Answer]:
        """Labels encoded pictures, as `GrpcClient.label` does."""
        if not contents:
            return []
        values = [{"b64": base64.b64encode(content).decode()} for content in contents]
        outputs = self._request("serving_default", "image_bytes", values)
        with reading_answer(self._url):
            pngs = [base64.b64decode(png["b64"]) for png in outputs["label_png_bytes"]]
            return read_answers(pngs, outputs["error"], len(contents))

    def label_tensor(self, images, probabilities: bool = False):
        """Labels pixels, as `GrpcClient.label_tensor` does; the server always sends both."""
        values = np.asarray(images, np.uint8).tolist()
        outputs = self._request("predict_tensor", "images", values)
        with reading_answer(self._url):
            labels = np.array(outputs["labels"], np.uint8)
            if not probabilities:
                return labels
            return labels, np.array(outputs["probabilities"], np.float32)

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
                with urllib.request.urlopen(request, timeout=seconds) as response:
                    return json.loads(_read_until(response, end))
            except (OSError, http.client.HTTPException, *_NO_JSON) as error:
                raise self._explained(error) from error

        answer = with_retries(attempt, self._retries, self._deadline)
        with reading_answer(self._url):
            if by_column:
                return answer["outputs"]
            rows = answer["predictions"]
            return {output: [row[output] for row in rows] for output in rows[0]}

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, urllib.error.HTTPError):
            message = f"{self._url}: HTTP {error.code}: {_reason(error)}"
            return (TryAgainError if error.code in _TRY_AGAIN else ServingError)(message)
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            return ServingError(
                f"{self._url}: no answer within the deadline of {self._deadline:g} s"
            )
        message = f"{self._url}: {cause}"
        if isinstance(error, _NO_JSON):
            return ServingError(f"{message}; this is no answer of TF Serving")
        return TryAgainError(message)


def _read_until(response: http.client.HTTPResponse, end: float) -> bytes:
    """Reads a body; the socket's own timeout is for each of its pieces and not for them all."""
    pieces = []
    while piece := response.read1(2**16):
        pieces.append(piece)
        if time.monotonic() > end:
            raise TimeoutError
    body = b"".join(pieces)
    if len(body) < int(response.headers.get("Content-Length", 0)):
        raise http.client.IncompleteRead(body)
    return body


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        with error:
            body = error.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):  # its status is known all the same
        return str(error.reason)
    try:
        return json.loads(body)["error"]
    except (*_NO_JSON, KeyError, TypeError):
        return body[:200] or str(error.reason)
