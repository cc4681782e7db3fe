import grpc
import numpy as np
import pytest
import tensorflow as tf

from tests.serving import half_plus_three


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with half_plus_three.serving(tmp_path_factory.mktemp("models")) as server:
        yield server


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
