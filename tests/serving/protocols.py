"""TF Serving's `Predict` over gRPC and REST.

Source: tensorflow_serving/apis/*.proto and
tensorflow_serving/model_servers/http_rest_api_handler.cc of https://github.com/tensorflow/serving.
"""

import json
import re

import grpc
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2

from tests.serving.rest_json import read_inputs, read_request, response_body
from tests.serving.servables import DEFAULT_SIGNATURE, RequestError, predict
from tests.serving.transport import http_response

_PATH = r"(?i)/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:predict"
# By gRPC's code; 500 for all others.
_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}  # fmt: skip


def handle_grpc(servables, content, context):
    """Returns the encoded response to an encoded request, or aborts the call."""
    request = predict_pb2.PredictRequest.FromString(content)
    spec = request.model_spec
    try:
        servable = servables.find(spec)
        outputs = predict(servable, spec.signature_name, request.inputs, request.output_filter)
    except RequestError as error:
        context.abort(grpc.StatusCode[error.code], error.message)
    spec.version.value = servable.version
    spec.signature_name = spec.signature_name or DEFAULT_SIGNATURE
    protos = {name: tf.make_tensor_proto(value) for name, value in outputs.items()}
    return predict_pb2.PredictResponse(model_spec=spec, outputs=protos).SerializeToString()


def handle_rest(servables, path, body):
    """Returns the HTTP response to a POST."""
    try:
        return http_response(200, _rest_body(servables, path, body))
    except RequestError as error:
        content = json.dumps({"error": error.message}).encode()
        return http_response(_HTTP_STATUS.get(error.code, 500), content)


def _rest_body(servables, path, body):
    found = re.fullmatch(_PATH, path)
    if found is None:
        raise RequestError(f"Malformed request: POST {path}")
    request = read_request(body)
    version = None if found[2] is None else {"value": int(found[2])}
    servable = servables.find(
        model_pb2.ModelSpec(name=found[1], version=version, version_label=found[3])
    )
    name = request.get("signature_name") or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise RequestError(f'Serving signature name: "{name}" not found in signature def')
    inputs = read_inputs(request, servable.signatures[name].inputs)
    return response_body(predict(servable, name, inputs), "instances" in request)
