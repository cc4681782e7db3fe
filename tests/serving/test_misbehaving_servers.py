"""The clients against servers that are busy, slow, hostile, or serve another model."""

import contextlib
import json
import socket
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from deeplab_tf.serving import (
    DeadlineError,
    GrpcClient,
    RestClient,
    ServingError,
    UnavailableError,
    http_post,
)
from tests.data.fakes import png_bytes
from tests.serving.certificate import write_certificate
from tests.serving.fakes import imagewise
from tests.serving.transport import grpc_server, http_response, http_server

PIXELS = np.zeros([1, 4, 5, 3], np.uint8)


class InTurn:
    """Handles requests in turn by the functions of a list; the last one stays."""

    def __init__(self, handlers):
        self.handlers, self.count = handlers, 0

    def __call__(self, *request):
        self.count += 1
        return self.handlers[min(self.count, len(self.handlers)) - 1](*request)


@pytest.fixture
def serve():
    """Returns a function that starts a server, whose requests are handled in turn."""
    with contextlib.ExitStack() as servers:

        def start(server, *handlers):
            return f"localhost:{servers.enter_context(server(InTurn(handlers)))}"

        yield start


# === REST ===


def slowly(data):
    """Yields one byte at a time."""
    for byte in data:
        yield bytes([byte])
        time.sleep(0.1)


def responses(status, body="", headers=None):
    return lambda *_: http_response(status, body.encode(), headers)


GOOD = json.dumps({"outputs": {"label_png_bytes": [{"b64": ""}], "error": ["no"]}})
good_response = responses(200, GOOD)


def test_rest_retries_while_the_server_is_busy(serve):
    busy = responses(503, "busy"), responses(429, '{"error": "slow down"}')
    address = serve(http_server, *busy, good_response)
    assert RestClient(address).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match=r"HTTP 503: busy \(tried 2 times\)"):
        RestClient(serve(http_server, busy[0]), retries=1).label([b"x"])


@pytest.mark.parametrize(
    "broken",
    [
        lambda *_: [],
        lambda *_: [b"SSH-2.0\r\n"],
        responses(200, GOOD, {"Content-Length": 999}),
        responses(200, GOOD, {"Content-Length": "x"}),
    ],
    ids=["no response", "no HTTP", "cut off", "no length"],
)
def test_rest_retries_after_a_broken_response(serve, broken):
    assert RestClient(serve(http_server, broken, good_response)).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match=r"localhost:.*: \S.* \(tried once\)"):
        RestClient(serve(http_server, broken), retries=0).label([b"x"])


def drips_body(status):
    def respond(*_):
        yield from http_response(status, b"", {"Content-Length": 99})
        yield from slowly(b" " * 30)

    return respond


DRIPPING = {
    "nothing": lambda *_: time.sleep(3) or [],
    "status line": lambda *_: slowly(b"HTTP/1.1 200 OK and more and more of it"),
    "headers": lambda *_: slowly(b"HTTP/1.1 200 OK\r\nA: B\r\nC: D\r\nE: F\r\nG: H\r\n\r\n"),
    "body": drips_body(200),
}


@pytest.mark.slow
@pytest.mark.parametrize("handler", DRIPPING.values(), ids=DRIPPING)
def test_rest_deadline_is_for_the_whole_response(serve, handler):
    address, start = serve(http_server, handler), time.monotonic()
    with pytest.raises(DeadlineError, match=r"no response within the deadline of 0\.5 s"):
        RestClient(address, deadline=0.5).label([b"x"])
    assert time.monotonic() - start < 2


def test_rest_deadline_is_for_sending_too():
    """A socket that takes connections and reads nothing."""
    with socket.create_server(("localhost", 0)) as mute:
        client = RestClient(f"localhost:{mute.getsockname()[1]}", deadline=0.5)
        with pytest.raises(DeadlineError):
            client.label([bytes(20_000_000)])


def test_rest_deadline_is_for_the_whole_of_a_refusal(serve):
    address, start = serve(http_server, drips_body(404)), time.monotonic()
    with pytest.raises(ServingError, match="HTTP 404: Not Found"):
        RestClient(address, deadline=0.5).label([b"x"])
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "handler, message",
    [
        (responses(200, "<html>"), "this is not TF Serving's response"),
        (responses(400, "bad"), "HTTP 400: bad"),
        (responses(400, "bad", {"Content-Length": 999}), "HTTP 400: bad"),
        (responses(404, "", {"Content-Length": 999}), "HTTP 404: Not Found"),
    ],
)
def test_rest_responses_that_cannot_be_used(serve, handler, message):
    with pytest.raises(ServingError, match=message):
        RestClient(serve(http_server, handler)).label([b"x"])


@pytest.mark.parametrize("status", [200, 500])
def test_rest_response_without_an_end(serve, status, monkeypatch):
    def endless(*_):
        yield from http_response(status, b"", {"Content-Length": 10**12})
        while True:
            yield bytes(2**16)

    monkeypatch.setattr(http_post, "MAX_BODY", 2**20)
    wanted = "a response of more than 1048576 bytes" if status == 200 else "HTTP 500"
    with pytest.raises(ServingError, match=wanted):
        RestClient(serve(http_server, endless)).label([b"x"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_rest_redirections_are_not_followed(serve, status):
    elsewhere = f"http://{serve(http_server, good_response)}/"
    address = serve(http_server, responses(status, "", {"Location": elsewhere}))
    with pytest.raises(ServingError, match=f"HTTP {status}: redirected to {elsewhere}"):
        RestClient(address).label([b"x"])


def test_rest_model_names_are_quoted(serve):
    address = serve(http_server, lambda path, _: http_response(404, path.encode()))
    with pytest.raises(ServingError, match="HTTP 404: /v1/models/a%20b%2F%C3%A9:predict"):
        RestClient(address, model="a b/é").label([b"x"])


def test_rest_certificates(tmp_path, monkeypatch):
    certificate, trusted = write_certificate(tmp_path)
    content = png_bytes(PIXELS[0], 8, 2)
    label = png_bytes(PIXELS[0, ..., 0], 8, 0)
    with imagewise("inputs", lambda _: label, certificate) as address:
        with pytest.raises(ServingError, match="certificate verify failed"):
            RestClient(address, tls=True, retries=0).label([content])
        with pytest.raises(ServingError):
            RestClient(address, retries=0, deadline=10).label([content])
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        (prediction,) = RestClient(address, tls=True, retries=0).label([content])
    np.testing.assert_array_equal(prediction.labels, PIXELS[0, ..., 0])


# === Other models, over REST ===

UNUSABLE = [{"a": 1}, [1], {"outputs": {"label_png_bytes": [{"b64": "bm8="}], "error": [""]}}]


@pytest.mark.parametrize("content", [*UNUSABLE, json.loads(GOOD)])
def test_rest_responses_of_another_model(serve, content):
    """The last one is good, but for one image."""
    contents = [b"x", b"y"] if content not in UNUSABLE else [b"x"]
    with pytest.raises(ServingError, match=r"localhost:.*cannot be read .* tools/export\.py"):
        RestClient(serve(http_server, responses(200, json.dumps(content)))).label(contents)


LABELS = np.zeros(PIXELS.shape[:3], int).tolist()
OTHER_PIXELS = [
    {"labels": [[0]]},
    {"labels": [[[300] * 5] * 4]},
    {"labels": [[[0, 1], [0]]]},
    {"labels": LABELS, "probabilities": LABELS},
    {"labels": LABELS, "probabilities": [[[[]] * 5] * 4]},
]


@pytest.mark.parametrize("outputs", OTHER_PIXELS)
def test_rest_pixels_of_another_model(serve, outputs):
    address = serve(http_server, responses(200, json.dumps({"outputs": outputs})))
    with pytest.raises(ServingError, match=r"localhost:.*cannot be read"):
        RestClient(address).label_tensor(PIXELS, probabilities="probabilities" in outputs)


def test_rest_rows_of_another_model(serve):
    address = serve(http_server, responses(200, '{"predictions": []}'))
    with pytest.raises(ServingError, match="cannot be read"):
        RestClient(address, form="instances").label([b"x"])


# === gRPC ===


def refuses(code, details):
    return lambda request, context: context.abort(grpc.StatusCode[code], details)


def sends(**outputs):
    outputs = {name: tf.make_tensor_proto(value) for name, value in outputs.items()}
    return lambda *_: predict_pb2.PredictResponse(outputs=outputs).SerializeToString()


good_message = sends(label_png_bytes=[b""], error=[b"no"])


def test_grpc_retries_while_the_server_is_busy(serve):
    busy = refuses("UNAVAILABLE", "away"), refuses("RESOURCE_EXHAUSTED", "full")
    assert GrpcClient(serve(grpc_server, *busy, good_message)).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match=r"UNAVAILABLE: away \(tried 2 times\)"):
        GrpcClient(serve(grpc_server, busy[0]), retries=1).label([b"x"])


def test_grpc_does_not_retry_a_message_that_is_too_large(serve):
    too_large = refuses("RESOURCE_EXHAUSTED", "Received message larger than max (9 vs. 4)")
    with pytest.raises(ServingError, match="larger than max") as error:
        GrpcClient(serve(grpc_server, too_large, good_message)).label([b"x"])
    assert not isinstance(error.value, UnavailableError)


def test_grpc_responses_of_another_model(serve):
    """One image's output for two, and no output at all."""
    with pytest.raises(ServingError, match="cannot be read"):
        GrpcClient(serve(grpc_server, good_message)).label([b"x", b"y"])
    client = GrpcClient(serve(grpc_server, sends()))
    for request in (lambda: client.label([b"x"]), lambda: client.label_tensor(PIXELS)):
        with pytest.raises(ServingError, match=r"localhost:.*cannot be read"):
            request()


@pytest.mark.parametrize("claimed", [[1, 4], [1, 10**6, 10**6], [1, 4, 5, 10**9]])
def test_grpc_pixels_of_another_model(serve, claimed):
    """Of few bytes and, as far as the shape says, of gigabytes."""
    output = tf.make_tensor_proto(np.zeros(PIXELS.shape[:3], np.uint8))
    probabilities = tf.make_tensor_proto(0.5)
    changed = probabilities if len(claimed) == 4 else output
    changed.tensor_shape.CopyFrom(tf.TensorShape(claimed).as_proto())
    outputs = {"labels": output, "probabilities": probabilities}
    message = predict_pb2.PredictResponse(outputs=outputs).SerializeToString()
    with pytest.raises(ServingError, match=r"cannot be read .* of shape"):
        client = GrpcClient(serve(grpc_server, lambda *_: message))
        client.label_tensor(PIXELS, probabilities=True)


def test_grpc_deadline(serve):
    with pytest.raises(DeadlineError, match=r"no response within the deadline of 0\.3 s"):
        GrpcClient(serve(grpc_server, lambda *_: time.sleep(2)), deadline=0.3).label([b"x"])
