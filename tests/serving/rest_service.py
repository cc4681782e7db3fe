"""TF Serving's REST interface on top of servables.

Source: https://www.tensorflow.org/tfx/serving/api_rest,
tensorflow_serving/model_servers/http_rest_api_handler.cc and http_server.cc
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.serving.grpc_service import metadata
from tests.serving.rest_json import parse, response_of, tensors_of
from tests.serving.servables import DEFAULT_SIGNATURE, INVALID, RequestError, predict

_PLACE = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
}


def start(servables, port):
    """Serves in threads of its own and returns the server and its port."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.servables = servables
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_port


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def _answer(self, method):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not re.match("(?i)/v1/", self.path):
            self._send(404, {})
            return
        try:
            self._send(200, answer(self.server.servables, method, self.path, body))
        except RequestError as error:
            self._send(_HTTP_STATUS.get(error.code, 500), {"error": error.message})

    def _send(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *arguments):
        pass


def answer(servables, method, path, body):
    """Returns the object that answers a request."""
    found = re.fullmatch(f"(?i){_PLACE}(:predict|/metadata)?", path)
    kinds = {
        ("GET", None): _status,
        ("GET", "/metadata"): _metadata,
        ("POST", ":predict"): _predict,
    }
    kind = kinds.get((method, found[4] and found[4].lower())) if found else None
    if kind is None:
        raise RequestError(INVALID, f"Malformed request: {method} {path}")
    return kind(servables, found[1], found[2] and int(found[2]), found[3], body)


def _status(servables, name, version, label, body):
    if label:
        servables.find(name, label=label)
    status = {"error_code": "OK", "error_message": ""}
    rows = [
        {"version": str(number), "state": "AVAILABLE", "status": status}
        for number in servables.status(name, version)
    ]
    return {"model_version_status": rows}


def _metadata(servables, name, version, label, body):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    elif label:
        request.model_spec.version_label = label
    response = metadata(servables, request)
    answer = json_format.MessageToDict(response, preserving_proto_field_name=True)
    answer["metadata"]["signature_def"].pop("@type")
    return answer


def _predict(servables, name, version, label, body):
    request = parse(body)
    servable = servables.find(name, version, label)
    signature = request.get("signature_name") or DEFAULT_SIGNATURE
    if signature not in servable.signatures:
        message = f'Serving signature name: "{signature}" not found in signature def'
        raise RequestError(INVALID, message)
    tensors = tensors_of(request, servable.signatures[signature].inputs)
    return response_of(predict(servable, signature, tensors), "instances" in request)
