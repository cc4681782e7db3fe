"""The tests' server against TF Serving's documentation and sources."""

import base64
import functools
import subprocess
import sys

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.serving_process import SERVER
from tests.serving import server
from tests.serving.protocols import handle_grpc, handle_rest
from tests.serving.servables import Servables
from tests.serving.transport import grpc_server, http_server

NAME = "half_plus_three"


class Half(tf.Module):
    """TF Serving's own example: y = x / 2 + b, and text as text and as bytes."""

    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(offset)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def half(self, x):
        return {"y": x / 2 + self.offset}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "tag"),
            tf.TensorSpec([None, None], tf.int32, "signal"),
        ]
    )
    def named(self, tag, signal):
        total = tf.cast(tf.reduce_sum(signal, axis=1), tf.float32) / 10
        return {"tag": tag, "tag_bytes": tag, "signal": signal, "sum": total}


@pytest.fixture(scope="module")
def servables(tmp_path_factory):
    """Version 122, x / 2 + 2, and 123, x / 2 + 3."""
    folder = tmp_path_factory.mktemp(NAME)
    for version, offset in (("122", 2.0), ("123", 3.0)):
        module = Half(offset)
        signatures = {"serving_default": module.half, "named": module.named}
        tf.saved_model.save(module, str(folder / version), signatures)
    return Servables(folder, NAME, all_versions=True)


@pytest.fixture(scope="module")
def stub(servables):
    with (
        grpc_server(functools.partial(handle_grpc, servables)) as port,
        grpc.insecure_channel(f"localhost:{port}") as channel,
    ):
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def post(servables):
    """Returns a function from a path and a body to the response's status and JSON."""
    respond = functools.partial(handle_rest, servables)
    with http_server(respond) as port, httpx.Client(timeout=60) as client:

        def post(path, body):
            body = {"content": body} if isinstance(body, str) else {"json": body}
            response = client.post(f"http://localhost:{port}{path}", **body)
            assert response.headers["Content-Type"] == "application/json"
            return response.status_code, response.json()

        yield post


# === gRPC ===


def request_of(inputs, signature="", version=None, output_filter=(), name=NAME):
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


@pytest.mark.parametrize(("version", "found", "wanted"), [(None, 123, 3.5), (122, 122, 2.5)])
def test_grpc_versions(stub, version, found, wanted):
    response = stub.Predict(request_of({"x": [1.0]}, version=version), timeout=60)
    assert response.model_spec.version.value == found
    assert response.model_spec.name == NAME
    assert response.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(response.outputs["y"]) == [wanted]


def test_grpc_output_filter(stub):
    request = request_of({"tag": [b"\xff\0"], "signal": [[4, 5]]}, "named", None, ["tag", "sum"])
    outputs = stub.Predict(request, timeout=60).outputs
    assert set(outputs) == {"tag", "sum"}
    assert outputs["tag"].string_val[0] == b"\xff\0"


X = {"x": [1.0]}
GRPC_REFUSALS = [
    ({"inputs": X, "name": "half"}, "NOT_FOUND", "Latest(half)"),
    ({"inputs": X, "version": 7}, "NOT_FOUND", "Specific(half_plus_three, 7)"),
    ({"inputs": X, "name": ""}, "INVALID_ARGUMENT", "no name specified"),
    ({"inputs": X, "signature": "no"}, "FAILED_PRECONDITION", 'signature key "no" not found.'),
    ({"inputs": {}}, "INVALID_ARGUMENT", "Missing but required: {x}."),
    ({"inputs": {**X, "z": [1.0]}}, "INVALID_ARGUMENT", "Sent extra: {z}."),
    ({"inputs": {"x": [1]}}, "INVALID_ARGUMENT", "to be float32 but int32 is provided"),
    ({"inputs": {"x": [[1.0]]}}, "INVALID_ARGUMENT", "shape"),
    ({"inputs": X, "output_filter": ["z"]}, "INVALID_ARGUMENT", "not found in signature: z"),
]


@pytest.mark.parametrize(("request_arguments", "code", "message"), GRPC_REFUSALS)
def test_grpc_refusals(stub, request_arguments, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request_of(**request_arguments), timeout=60)
    assert caught.value.code().name == code
    assert message in caught.value.details()


# === REST ===

MODEL = f"/v1/models/{NAME}"


# The pairs of https://www.tensorflow.org/tfx/serving/api_rest, "Example" (there with one version).
def test_rest_documented_example(post):
    body = '{"instances": [1.0,2.0,5.0]}'
    assert post(f"{MODEL}:predict", body) == (200, {"predictions": [3.5, 4.0, 5.5]})
    # Of half_plus_two, https://www.tensorflow.org/tfx/serving/docker
    wanted = {"predictions": [2.5, 3.0, 4.5]}
    assert post(f"{MODEL}/versions/122:predict", body) == (200, wanted)


def test_rest_documented_error(post):
    wanted = {"error": "Servable not found for request: Latest(half)"}
    assert post("/v1/models/half:predict", '{"instances": [1.0,5.0]}') == (404, wanted)


# The request of "Specifying input tensors in row format" and its columnar form, signals shorter.
ROWS = [{"tag": "foo", "signal": [1, 2, 3]}, {"tag": "bar", "signal": [3, 4, 1]}]
COLUMNS = {"tag": ["foo", "bar"], "signal": [[1, 2, 3], [3, 4, 1]]}


def test_rest_rows_and_columns(post):
    encoded = [{"b64": base64.b64encode(tag).decode()} for tag in (b"foo", b"bar")]
    rows = post(f"{MODEL}:predict", {"signature_name": "named", "instances": ROWS})
    first = {"tag": "foo", "tag_bytes": encoded[0], "signal": [1, 2, 3], "sum": 0.6}
    second = {"tag": "bar", "tag_bytes": encoded[1], "signal": [3, 4, 1], "sum": 0.8}
    assert rows == (200, {"predictions": [first, second]})
    columns = post(f"{MODEL}:predict", {"signature_name": "named", "inputs": COLUMNS})
    wanted = {**COLUMNS, "tag_bytes": encoded, "sum": [0.6, 0.8]}
    assert columns == (200, {"outputs": wanted})


def test_rest_column_of_the_only_input(post):
    for inputs in ([1, 2], {"x": [1, 2]}):
        assert post(f"{MODEL}:predict", {"inputs": inputs}) == (200, {"outputs": [3.5, 4.0]})


def test_rest_base64(post):
    # "aW1hZ2UgYnl0ZXM=" is the documentation's example under "Encoding binary values".
    row = {"tag": {"b64": "aW1hZ2UgYnl0ZXM="}, "signal": [1]}
    body = {"signature_name": "named", "instances": [row]}
    found = post(f"{MODEL}:predict", body)[1]["predictions"][0]
    assert found["tag"] == "image bytes"
    assert found["tag_bytes"] == {"b64": "aW1hZ2UgYnl0ZXM="}


def test_rest_numbers_that_json_lacks(post):
    status, found = post(f"{MODEL}:predict", '{"instances": [NaN, Infinity, -Infinity]}')
    assert status == 200 and np.isnan(found["predictions"][0])
    assert found["predictions"][1:] == [np.inf, -np.inf]


NAMED = {"signature_name": "named"}
REST_REFUSALS = [
    ("/versions/7:predict", {"instances": [1.0]}, 404, "Specific(half_plus_three, 7)"),
    ("/labels/stable:predict", {"instances": [1.0]}, 400, "label: stable"),
    (":guess", {"instances": [1.0]}, 400, f"Malformed request: POST {MODEL}:guess"),
    (":predict", "{", 400, "JSON Parse error"),
    (":predict", "[]", 400, "Is not object"),
    (":predict", {"rows": [1]}, 400, "Missing 'inputs' or 'instances' key"),
    (":predict", {"instances": [1], "inputs": [1]}, 400, "expecting only one of"),
    (":predict", {"instances": []}, 400, "No values in 'instances'"),
    (":predict", {"instances": ["a"]}, 400, "not of expected type: float"),
    (":predict", {"instances": [1, [2]]}, 400, "not of expected type: float"),
    (":predict", {"inputs": {"y": [1]}}, 400, "Missing named input: x"),
    (":predict", {"instances": [{"y": 1}]}, 400, "keys must be equal to: x"),
    (":predict", {"signature_name": "no", "inputs": [1]}, 400, '"no" not found'),
    (":predict", {**NAMED, "inputs": {"tag": [{"b64": "?"}], "signal": [[1]]}}, 400, "base64"),
]


@pytest.mark.parametrize(("path", "body", "status", "message"), REST_REFUSALS)
def test_rest_refusals(post, path, body, status, message):
    found = post(f"{MODEL}{path}", body)
    assert found[0] == status
    assert set(found[1]) == {"error"} and message in found[1]["error"]


# === The process ===


def test_server_cannot_import_the_package():
    assert SERVER.samefile(server.__file__)
    code = f"""
import runpy, sys
sys.argv = ["server.py", "--help"]
try:
    runpy.run_path({str(SERVER)!r}, run_name="__main__")
except SystemExit:
    import deeplab_tf
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "import of deeplab_tf halted" in result.stderr


def test_folder_without_versions(tmp_path):
    with pytest.raises(SystemExit, match="holds no version"):
        Servables(tmp_path, NAME)
