"""Servers that give each image the response that a test wants.

A test gives a function from an image's bytes to

- bytes: its label PNG,
- a float: seconds without a response,
- a Refusal, or a Raw body in place of a response.
"""

import base64
import contextlib
import json
import time
from typing import NamedTuple

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from deeplab_tf.serving import GrpcClient, RestClient
from tests.serving.transport import grpc_server, http_response, http_server

KINDS = ["grpc", "inputs", "instances"]


class Refusal(NamedTuple):
    code: str
    status: int
    text: str
    headers: dict | None = None


class Raw(NamedTuple):
    body: bytes


def make_client(address, kind, **options):
    """Returns a client by its protocol or, for REST, the form of its requests."""
    if kind == "grpc":
        return GrpcClient(address, **options)
    return RestClient(address, form=kind, **options)


@contextlib.contextmanager
def imagewise(kind, response_of, certificate=None):
    """Runs a server for one kind of client and yields its address."""
    start, respond = (grpc_server, _grpc) if kind == "grpc" else (http_server, _rest)
    with start(lambda *request: respond(response_of, *request), certificate=certificate) as port:
        yield f"localhost:{port}"


def _grpc(response_of, content, context):
    images = predict_pb2.PredictRequest.FromString(content).inputs["image_bytes"].string_val
    pngs, failure = _responses(response_of, images)
    if isinstance(failure, Refusal):
        context.abort(grpc.StatusCode[failure.code], failure.text)
    if isinstance(failure, Raw):
        return failure.body
    outputs = {"label_png_bytes": pngs, "error": [b""] * len(pngs)}
    protos = {name: tf.make_tensor_proto(values) for name, values in outputs.items()}
    return predict_pb2.PredictResponse(outputs=protos).SerializeToString()


def _rest(response_of, _, body):
    request = json.loads(body)
    if "instances" in request:
        values = [row["image_bytes"] for row in request["instances"]]
    else:
        values = request["inputs"]["image_bytes"]
    images = [base64.b64decode(value["b64"]) for value in values]
    pngs, failure = _responses(response_of, images)
    if isinstance(failure, Refusal):
        content = json.dumps({"error": failure.text}).encode()
        return http_response(failure.status, content, failure.headers)
    if isinstance(failure, Raw):
        return http_response(200, failure.body)
    pngs = [{"b64": base64.b64encode(png).decode()} for png in pngs]
    if "instances" in request:
        content = {"predictions": [{"label_png_bytes": png, "error": ""} for png in pngs]}
    else:
        content = {"outputs": {"label_png_bytes": pngs, "error": [""] * len(pngs)}}
    return http_response(200, json.dumps(content).encode())


def _responses(response_of, images):
    """Returns every image's response and the first that is no label, after its seconds if any."""
    found = [response_of(image) for image in images]
    failure = next((response for response in found if not isinstance(response, bytes)), None)
    if isinstance(failure, float):
        time.sleep(failure)
        failure = Refusal("INTERNAL", 500, "late")
    return found, failure
