import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.benchmarks.serving_process import SERVER, running_server


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
        return {
            "tag": tag,
            "tag_bytes": tag,
            "signal": signal,
            "sum": tf.cast(tf.reduce_sum(signal, axis=1), tf.float32) / 10,
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("half_plus_three")
    for version, offset in (("122", 2.0), ("123", 3.0)):
        module = Half(offset)
        signatures = {"serving_default": module.half, "named": module.named}
        tf.saved_model.save(module, str(folder / version), signatures)
    with running_server(folder, "half_plus_three", "--all_versions") as server:
        yield server


def call(server, path, body=None):
    """Returns the HTTP status and what the body holds."""
    data = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.rest}{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.headers["Content-Type"] == "application/json"
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


MODEL = "/v1/models/half_plus_three"


# The pairs of https://www.tensorflow.org/tfx/serving/api_rest, "Example" (there with one version).
def test_documented_status(server):
    wanted = {
        "model_version_status": [
            {
                "version": "123",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    assert call(server, f"{MODEL}/versions/123") == (200, wanted)
    versions = call(server, MODEL)[1]["model_version_status"]
    assert [row["version"] for row in versions] == ["123", "122"]


def test_documented_predict(server):
    body = '{"instances": [1.0,2.0,5.0]}'
    assert call(server, f"{MODEL}:predict", body) == (200, {"predictions": [3.5, 4.0, 5.5]})
    # Of half_plus_two, https://www.tensorflow.org/tfx/serving/docker
    body = '{"instances": [1.0, 2.0, 5.0]}'
    wanted = {"predictions": [2.5, 3.0, 4.5]}
    assert call(server, f"{MODEL}/versions/122:predict", body) == (200, wanted)


def test_documented_error(server):
    wanted = {"error": "Servable not found for request: Latest(half)"}
    assert call(server, "/v1/models/half:predict", '{"instances": [1.0,5.0]}') == (404, wanted)


# The request of "Specifying input tensors in row format" and its columnar form, signals shorter.
ROWS = [{"tag": "foo", "signal": [1, 2, 3]}, {"tag": "bar", "signal": [3, 4, 1]}]
COLUMNS = {"tag": ["foo", "bar"], "signal": [[1, 2, 3], [3, 4, 1]]}


def test_rows_and_columns_of_several_inputs(server):
    encoded = [{"b64": base64.b64encode(tag).decode()} for tag in (b"foo", b"bar")]
    rows = call(server, f"{MODEL}:predict", {"signature_name": "named", "instances": ROWS})
    first = {"tag": "foo", "tag_bytes": encoded[0], "signal": [1, 2, 3], "sum": 0.6}
    second = {"tag": "bar", "tag_bytes": encoded[1], "signal": [3, 4, 1], "sum": 0.8}
    assert rows == (200, {"predictions": [first, second]})
    columns = call(server, f"{MODEL}:predict", {"signature_name": "named", "inputs": COLUMNS})
    wanted = {**COLUMNS, "tag_bytes": encoded, "sum": [0.6, 0.8]}
    assert columns == (200, {"outputs": wanted})


def test_column_of_the_only_input(server):
    assert call(server, f"{MODEL}:predict", {"inputs": [1, 2]}) == (200, {"outputs": [3.5, 4.0]})
    named = call(server, f"{MODEL}:predict", {"inputs": {"x": [1, 2]}})
    assert named == (200, {"outputs": [3.5, 4.0]})


def test_binary_values_and_text(server):
    # "aW1hZ2UgYnl0ZXM=" is the documentation's example under "Encoding binary values".
    row = {"tag": {"b64": "aW1hZ2UgYnl0ZXM="}, "signal": [1]}
    body = {"signature_name": "named", "instances": [row]}
    found = call(server, f"{MODEL}:predict", body)[1]["predictions"][0]
    assert found["tag"] == "image bytes"
    assert found["tag_bytes"] == {"b64": "aW1hZ2UgYnl0ZXM="}


def test_numbers_that_json_lacks(server):
    status, found = call(server, f"{MODEL}:predict", '{"instances": [NaN, Infinity, -Infinity]}')
    assert status == 200 and np.isnan(found["predictions"][0])
    assert found["predictions"][1:] == [np.inf, -np.inf]


def test_metadata(server):
    status, found = call(server, f"{MODEL}/metadata")
    spec = {"name": "half_plus_three", "signature_name": "", "version": "123"}
    assert status == 200
    assert {key: found["model_spec"].get(key, "") for key in spec} == spec
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "named"}
    assert signatures["serving_default"]["inputs"]["x"]["dtype"] == "DT_FLOAT"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (f"{MODEL}/versions/7:predict", {"instances": [1.0]}, 404, "Specific(half_plus_three, 7)"),
        (f"{MODEL}/versions/7", None, 404, "Could not find version 7 of model half_plus_three"),
        ("/v1/models/half", None, 404, "Could not find any versions of model half"),
        (f"{MODEL}/labels/stable:predict", {"instances": [1.0]}, 400, "label: stable"),
        (f"{MODEL}:predict", None, 400, f"Malformed request: GET {MODEL}:predict"),
        (f"{MODEL}:guess", {"instances": [1.0]}, 400, "Malformed request: POST"),
        (f"{MODEL}:predict", "{", 400, "JSON Parse error"),
        (f"{MODEL}:predict", "[]", 400, "Is not object"),
        (f"{MODEL}:predict", {"rows": [1]}, 400, "Missing 'inputs' or 'instances' key"),
        (f"{MODEL}:predict", {"instances": [1], "inputs": [1]}, 400, "expecting only one of"),
        (f"{MODEL}:predict", {"instances": []}, 400, "No values in 'instances'"),
        (f"{MODEL}:predict", {"instances": ["a"]}, 400, "not of expected type: float"),
        (f"{MODEL}:predict", {"instances": [1, [2]]}, 400, "unexpected level"),
        (f"{MODEL}:predict", {"inputs": {"y": [1]}}, 400, "Missing named input: x"),
        (f"{MODEL}:predict", {"instances": [{"y": 1}]}, 400, "keys must be equal to: x"),
        (f"{MODEL}:predict", {"signature_name": "no", "inputs": [1]}, 400, '"no" not found'),
        (
            f"{MODEL}:predict",
            {"signature_name": "named", "inputs": {"tag": [{"b64": "?"}], "signal": [[1]]}},
            400,
            "Unable to base64 decode",
        ),
    ],
)
def test_rest_refusals(server, path, body, status, message):
    found = call(server, path, body)
    assert found[0] == status
    assert set(found[1]) == {"error"} and message in found[1]["error"]


def test_paths_of_no_interface_are_not_found(server):
    assert call(server, "/v2/health")[0] == 404


@pytest.fixture(scope="module")
def stub(server):
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request_of(inputs, signature="", version=None, output_filter=(), name="half_plus_three"):
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


@pytest.mark.parametrize(("version", "found", "wanted"), [(None, 123, 3.5), (122, 122, 2.5)])
def test_grpc_answers_of_every_version(stub, version, found, wanted):
    response = stub.Predict(request_of({"x": [1.0]}, version=version), timeout=60)
    assert response.model_spec.version.value == found
    assert response.model_spec.name == "half_plus_three"
    assert response.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(response.outputs["y"]) == [wanted]


def test_output_filter(stub):
    request = request_of({"tag": [b"\xff\0"], "signal": [[4, 5]]}, "named", None, ["tag", "sum"])
    outputs = stub.Predict(request, timeout=60).outputs
    assert set(outputs) == {"tag", "sum"}
    assert outputs["tag"].string_val[0] == b"\xff\0"


def test_messages_above_four_megabytes(server):
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}", options) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        x = np.arange(3_000_000, dtype=np.float32)
        found = tf.make_ndarray(stub.Predict(request_of({"x": x}), timeout=60).outputs["y"])
    np.testing.assert_array_equal(found, x / 2 + 3)


@pytest.mark.parametrize(
    ("request_arguments", "code", "message"),
    [
        ({"inputs": {"x": [1.0]}, "name": "half"}, "NOT_FOUND", "Latest(half)"),
        ({"inputs": {"x": [1.0]}, "version": 7}, "NOT_FOUND", "Specific(half_plus_three, 7)"),
        ({"inputs": {"x": [1.0]}, "name": ""}, "INVALID_ARGUMENT", "no name specified"),
        (
            {"inputs": {"x": [1.0]}, "signature": "no"},
            "FAILED_PRECONDITION",
            'Serving signature key "no" not found.',
        ),
        ({"inputs": {}}, "INVALID_ARGUMENT", "Missing but required: {x}."),
        ({"inputs": {"x": [1.0], "z": [1.0]}}, "INVALID_ARGUMENT", "Sent extra: {z}."),
        ({"inputs": {"x": [1]}}, "INVALID_ARGUMENT", "to be float32 but int32 is provided"),
        (
            {"inputs": {"x": [1.0]}, "output_filter": ["z"]},
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: z",
        ),
        (
            {"inputs": {"x": [1.0]}, "output_filter": ["y", "y"]},
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: y",
        ),
    ],
)
def test_grpc_refusals(stub, request_arguments, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request_of(**request_arguments), timeout=60)
    assert caught.value.code().name == code
    assert message in caught.value.details()


def test_grpc_metadata_and_status(server, stub):
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
    )

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half_plus_three"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response = stub.GetModelMetadata(request, timeout=60)
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "named"}
    request.metadata_field[:] = ["weights"]
    with pytest.raises(grpc.RpcError, match="weights is not supported"):
        stub.GetModelMetadata(request, timeout=60)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}") as channel:
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "half_plus_three"
        found = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, timeout=60)
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [row.state for row in found.model_version_status] == [available] * 2


def test_server_refuses_the_library():
    code = (
        f"import runpy; runpy.run_path({str(SERVER)!r}, run_name='server'); "
        "import importlib.util, sys; assert sys.modules['deeplab_tf'] is None; import deeplab_tf"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "import of deeplab_tf halted" in result.stderr


def test_folder_without_versions(tmp_path):
    with pytest.raises(ValueError, match="did not start"), running_server(tmp_path):
        pass
