"""Servers that pass requests, as they arrive, on to a function, and send what it returns."""

import contextlib
import http
import http.server
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

SERVICE = "tensorflow.serving.PredictionService"
_WORKERS = 16


@contextlib.contextmanager
def grpc_server(predict, port=0, certificate=None):
    """Serves TF Serving's `Predict` in threads of its own.

    Args:
        predict: from the request's bytes and the call's context to the bytes of the response.
        port: 0 for a free one.
        certificate: PEM file with a key and its certificate, for an encrypted port.

    Yields:
        The port.
    """
    # Without the API's classes for messages, so that a response can be no message at all.
    method = grpc.unary_unary_rpc_method_handler(predict)
    unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=unlimited)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(SERVICE, {"Predict": method})]
    )
    address = f"localhost:{port}"
    if certificate is None:
        port = server.add_insecure_port(address)
    else:
        pair = (Path(certificate).read_bytes(),) * 2
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    server.start()
    yield port
    server.stop(None)


@contextlib.contextmanager
def http_server(respond, port=0, certificate=None):
    """Serves HTTP's POST in threads of its own, one request a connection.

    Args:
        respond: from the request's path and body to the pieces of the response, from its status
            line on; see `http_response`.
        port: as above.
        certificate: as above.

    Yields:
        The port.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for piece in respond(self.path, body):
                self.wfile.write(piece)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *arguments):
            if not isinstance(sys.exc_info()[1], OSError):  # of a client that has gone
                super().handle_error(*arguments)

    server = Server(("localhost", port), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def http_response(status, body=b"", headers=None):
    """Returns a response as one piece; headers replace those that it has by default."""
    own = {"Content-Type": "application/json", "Content-Length": len(body), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in {**own, **(headers or {})}.items()]
    return ["".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body]
