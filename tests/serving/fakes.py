"""Servers that give each image the answer that a test wants, over the routes of TF Serving.

What they make of an image is a function from its bytes to

- bytes: its label PNG,
- a float: seconds in which nothing is answered,
- a Refusal, or a Raw body in place of an answer.
"""

import base64
import contextlib
import http.server
import json
import threading
import time
from concurrent import futures
from typing import NamedTuple

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from deeplab_tf.serving import GrpcClient, RestClient

KINDS = ["grpc", "inputs", "instances"]


class Refusal(NamedTuple):
    code: str
    status: int
    text: str
    headers: dict | None = None


class Raw(NamedTuple):
    body: bytes


@contextlib.contextmanager
def imagewise(kind, response_of):
    """Runs a server of one kind and yields its address."""
    with (_grpc_server if kind == "grpc" else _rest_server)(response_of) as port:
        yield f"localhost:{port}"


def make_client(address, kind, **options):
    if kind == "grpc":
        return GrpcClient(address, **options)
    return RestClient(address, form=kind, **options)


@contextlib.contextmanager
def _grpc_server(response_of):
    def predict(request, context):
        images = predict_pb2.PredictRequest.FromString(request).inputs["image_bytes"].string_val
        found = _first_failure(answers := [response_of(image) for image in images])
        if isinstance(found, Refusal):
            context.abort(getattr(grpc.StatusCode, found.code), found.text)
        if isinstance(found, Raw):
            return found.body
        outputs = {"label_png_bytes": answers, "error": [b""] * len(answers)}
        protos = {name: tf.make_tensor_proto(values) for name, values in outputs.items()}
        return predict_pb2.PredictResponse(outputs=protos).SerializeToString()

    # Without the packages' own (de)serializers, so that an answer can be no message at all.
    method = grpc.unary_unary_rpc_method_handler(predict)
    name = "tensorflow.serving.PredictionService"
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(name, {"Predict": method})]
    )
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield port
    server.stop(None)


@contextlib.contextmanager
def _rest_server(response_of):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            by_row = "instances" in request
            values = request["instances"] if by_row else request["inputs"]["image_bytes"]
            values = [value["image_bytes"] for value in values] if by_row else values
            answers = [response_of(base64.b64decode(value["b64"])) for value in values]
            found = _first_failure(answers)
            if isinstance(found, Refusal):
                body = json.dumps({"error": found.text}).encode()
                self._send(found.status, body, found.headers)
            elif isinstance(found, Raw):
                self._send(200, found.body)
            else:
                self._send(200, json.dumps(_response_in_json(answers, by_row)).encode())

        def _send(self, status, body, headers=None):
            with contextlib.suppress(OSError):  # the client has gone
                self.send_response(status)
                for header in {"Content-Length": len(body), **(headers or {})}.items():
                    self.send_header(*map(str, header))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    server.handle_error = lambda *_: None  # clients may leave
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _response_in_json(pngs, by_row):
    pngs = [{"b64": base64.b64encode(png).decode()} for png in pngs]
    if by_row:
        return {"predictions": [{"label_png_bytes": png, "error": ""} for png in pngs]}
    return {"outputs": {"label_png_bytes": pngs, "error": [""] * len(pngs)}}


def _first_failure(answers):
    """Waits as long as asked, and returns what is said in place of labels, if anything."""
    time.sleep(sum(answer for answer in answers if isinstance(answer, float)))
    return next((answer for answer in answers if not isinstance(answer, bytes)), None)
