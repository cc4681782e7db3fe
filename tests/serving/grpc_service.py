"""TF Serving's gRPC services on top of servables."""

import functools
from concurrent.futures import ThreadPoolExecutor

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.serving.servables import (
    DEFAULT_SIGNATURE,
    INVALID,
    RequestError,
    as_tensor_proto,
    predict,
)

_WORKERS = 16
_UNLIMITED = -1


def start(servables, port):
    """Serves in threads of its own and returns the server and its port."""
    options = [
        ("grpc.max_receive_message_length", _UNLIMITED),
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(servables), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(servables), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


def _refusing(method):
    """Makes a RequestError the call's status."""

    @functools.wraps(method)
    def call(self, request, context):
        try:
            return method(self, request)
        except RequestError as error:
            context.abort(error.code, error.message)

    return call


def _version(spec):
    return spec.version.value if spec.HasField("version") else None


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, servables):
        self._servables = servables

    @_refusing
    def Predict(self, request):  # noqa: N802
        spec = request.model_spec
        servable = self._servables.find(spec.name, _version(spec), spec.version_label)
        outputs = predict(
            servable, spec.signature_name, request.inputs, list(request.output_filter)
        )
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, spec, servable)
        response.model_spec.signature_name = spec.signature_name or DEFAULT_SIGNATURE
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(as_tensor_proto(value))
        return response

    @_refusing
    def GetModelMetadata(self, request):  # noqa: N802
        return metadata(self._servables, request)


def metadata(servables, request):
    """Answers a GetModelMetadataRequest."""
    fields = request.metadata_field
    if not fields:
        raise RequestError(
            INVALID, "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in fields:
        if field != "signature_def":
            raise RequestError(INVALID, f"Metadata field {field} is not supported")
    spec = request.model_spec
    servable = servables.find(spec.name, _version(spec), spec.version_label)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in servable.signatures.items():
        signatures.signature_def[name].CopyFrom(signature)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    _fill_spec(response.model_spec, spec, servable)
    response.metadata["signature_def"].Pack(signatures)
    return response


def _fill_spec(filled, spec, servable):
    filled.name = spec.name
    filled.version.value = servable.version


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, servables):
        self._servables = servables

    @_refusing
    def GetModelStatus(self, request):  # noqa: N802
        spec = request.model_spec
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._servables.status(spec.name, _version(spec)):
            status = response.model_version_status.add(version=version)
            status.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
            status.status.error_code = 0
        return response
