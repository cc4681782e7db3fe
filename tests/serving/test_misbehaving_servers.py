"""The clients against servers that are busy, slow, or no servers of an exported model."""

import contextlib
import http.server
import json
import threading
import time
from concurrent import futures

import numpy as np
import pytest

from deeplab_tf.serving import (
    DeadlineError,
    GrpcClient,
    RestClient,
    ServingError,
    UnavailableError,
)

grpc = pytest.importorskip("grpc")
PIXELS = np.zeros([1, 4, 5, 3], np.uint8)


class Fake:
    """Answers requests in turn with the functions of a list; the last one stays."""

    def __init__(self, answers):
        self.answers, self.count = answers, 0

    def __call__(self, *arguments):
        self.count += 1
        return self.answers[min(self.count, len(self.answers)) - 1](*arguments)


@pytest.fixture
def rest_fake():
    """Returns a function that starts a server.

    Its answers are seconds, or status, body (as pieces: one every 0.1 s) and headers.
    """
    started = []

    def start(*answers):
        remaining = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                if isinstance(answer, float):
                    time.sleep(answer)
                    return
                status, body, *headers = answer
                self.send_response(status)
                for header in headers:
                    self.send_header(*header)
                self.end_headers()
                if isinstance(body, str):
                    self.wfile.write(body.encode())
                    return
                with contextlib.suppress(OSError):  # the client has gone
                    for piece in body:
                        self.wfile.write(piece)
                        time.sleep(0.1)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"localhost:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


GOOD = (200, json.dumps({"outputs": {"label_png_bytes": [{"b64": ""}], "error": ["no"]}}))


def test_rest_tries_again_while_the_server_is_busy(rest_fake):
    address = rest_fake((503, "busy"), (429, '{"error": "slow down"}'), GOOD)
    assert RestClient(address).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match="HTTP 503: busy"):
        RestClient(rest_fake((503, "busy")), retries=1).label([b"x"])


def test_rest_has_a_deadline(rest_fake):
    start = time.monotonic()
    with pytest.raises(DeadlineError, match=r"no answer within the deadline of 0\.3 s"):
        RestClient(rest_fake(3.0), deadline=0.3).label([b"x"])
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "answer, message",
    [
        ((200, "<html>"), "no answer of TF Serving"),
        ((400, "bad"), "400: bad"),
        ((400, "bad", ("Content-Length", "999")), "400: Bad Request"),
    ],
)
def test_rest_answers_that_cannot_be_used(rest_fake, answer, message):
    with pytest.raises(ServingError, match=message):
        RestClient(rest_fake(answer)).label([b"x"])


def test_rest_deadline_is_for_the_whole_answer(rest_fake):
    address, start = rest_fake((200, (b" " for _ in range(30)))), time.monotonic()
    with pytest.raises(DeadlineError, match=r"no answer within the deadline of 0\.5 s"):
        RestClient(address, deadline=0.5).label([b"x"])
    assert time.monotonic() - start < 2


def test_rest_deadline_is_for_the_whole_of_a_refusal(rest_fake):
    address, start = rest_fake((404, (b" " for _ in range(30)))), time.monotonic()
    with pytest.raises(ServingError, match="HTTP 404: Not Found"):
        RestClient(address, deadline=0.5).label([b"x"])
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_rest_requests_are_not_sent_on(rest_fake, status):
    elsewhere = f"http://{rest_fake(GOOD)}/"
    address = rest_fake((status, "", ("Location", elsewhere)))
    with pytest.raises(ServingError, match=f"HTTP {status}: redirected to {elsewhere}"):
        RestClient(address).label([b"x"])


def test_rest_names_of_models_are_quoted(rest_fake):
    with pytest.raises(ServingError, match="v1/models/a%20b%2F%C3%A9:predict: HTTP 404: no"):
        RestClient(rest_fake((404, "no")), model="a b/é").label([b"x"])


UNUSABLE = [{"a": 1}, [1], {"outputs": {"label_png_bytes": [{"b64": "bm8="}], "error": [""]}}]


@pytest.mark.parametrize("content", [*UNUSABLE, json.loads(GOOD[1])])
def test_rest_answers_of_another_model(rest_fake, content):
    """The last one is good, but for one image."""
    contents = [b"x", b"y"] if content not in UNUSABLE else [b"x"]
    with pytest.raises(ServingError, match=r"localhost:.*cannot be read .* tools/export\.py"):
        RestClient(rest_fake((200, json.dumps(content)))).label(contents)


LABELS = np.zeros(PIXELS.shape[:3], int).tolist()
OTHER_PIXELS = [
    {"labels": [[0]]},
    {"labels": [[[300] * 5] * 4]},
    {"labels": [[[0, 1], [0]]]},
    {"labels": LABELS, "probabilities": LABELS},
    {"labels": LABELS, "probabilities": [[[[]] * 5] * 4]},
]


@pytest.mark.parametrize("outputs", OTHER_PIXELS)
def test_rest_pixels_of_another_model(rest_fake, outputs):
    address = rest_fake((200, json.dumps({"outputs": outputs})))
    with pytest.raises(ServingError, match=r"localhost:.*cannot be read"):
        RestClient(address).label_tensor(PIXELS, probabilities="probabilities" in outputs)


def test_rest_rows_of_another_model(rest_fake):
    with pytest.raises(ServingError, match="cannot be read"):
        RestClient(rest_fake((200, '{"predictions": []}')), form="instances").label([b"x"])


def test_rest_an_answer_that_breaks_off_is_asked_for_again(rest_fake):
    address = rest_fake((200, GOOD[1], ("Content-Length", "999")), GOOD)
    assert RestClient(address).label([b"x"])[0].error == "no"


@pytest.fixture
def grpc_fake():
    """Returns a function that starts a server whose requests are answered by functions."""
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    started = []

    def start(*answers):
        class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
            Predict = staticmethod(Fake(answers))

        server = grpc.server(futures.ThreadPoolExecutor(2))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        started.append(server)
        return f"localhost:{port}"

    yield start
    for server in started:
        server.stop(None)


def refuse(code, details):
    return lambda request, context: context.abort(getattr(grpc.StatusCode, code), details)


def good(request, context):
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    texts = {"label_png_bytes": b"", "error": b"no"}
    outputs = {name: tf.make_tensor_proto([text]) for name, text in texts.items()}
    return predict_pb2.PredictResponse(outputs=outputs)


def test_grpc_tries_again_while_the_server_is_busy(grpc_fake):
    address = grpc_fake(refuse("UNAVAILABLE", "away"), refuse("RESOURCE_EXHAUSTED", "full"), good)
    assert GrpcClient(address).label([b"x"])[0].error == "no"
    with pytest.raises(UnavailableError, match="UNAVAILABLE: away"):
        GrpcClient(grpc_fake(refuse("UNAVAILABLE", "away")), retries=1).label([b"x"])


def test_grpc_does_not_send_too_large_a_message_again(grpc_fake):
    too_large = refuse("RESOURCE_EXHAUSTED", "Received message larger than max (9 vs. 4)")
    with pytest.raises(ServingError, match="larger than max") as error:
        GrpcClient(grpc_fake(too_large, good)).label([b"x"])
    assert not isinstance(error.value, UnavailableError)


def test_grpc_answers_of_another_model(grpc_fake):
    """One image's answer for two, and none at all."""
    from tensorflow_serving.apis import predict_pb2

    with pytest.raises(ServingError, match="cannot be read"):
        GrpcClient(grpc_fake(good)).label([b"x", b"y"])
    empty = grpc_fake(lambda *_: predict_pb2.PredictResponse())
    for ask in (lambda client: client.label([b"x"]), lambda client: client.label_tensor(PIXELS)):
        with pytest.raises(ServingError, match=r"localhost:.*cannot be read"):
            ask(GrpcClient(empty))


@pytest.mark.parametrize("claimed", [[1, 4], [1, 10**6, 10**6], [1, 4, 5, 10**9]])
def test_grpc_pixels_of_another_model(grpc_fake, claimed):
    """Of few bytes and, as far as the shape says, of gigabytes."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    shape = tf.TensorShape(claimed).as_proto()
    output = tf.make_tensor_proto(np.zeros(PIXELS.shape[:3], np.uint8))
    probabilities = tf.make_tensor_proto(0.5)
    (probabilities if len(claimed) == 4 else output).tensor_shape.CopyFrom(shape)
    outputs = {"labels": output, "probabilities": probabilities}
    address = grpc_fake(lambda *_: predict_pb2.PredictResponse(outputs=outputs))
    with pytest.raises(ServingError, match=r"cannot be read .* of shape"):
        GrpcClient(address).label_tensor(PIXELS, probabilities=True)


def test_grpc_has_a_deadline(grpc_fake):
    with pytest.raises(DeadlineError, match=r"no answer within the deadline of 0\.3 s"):
        GrpcClient(grpc_fake(lambda *_: time.sleep(2)), deadline=0.3).label([b"x"])
