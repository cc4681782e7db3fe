"""A web server on loopback whose files come with the faults of real ones."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 2000


class FaultyServer:
    """Serves `CONTENT` at /FAULT, such as /none; see the methods of the handler.

    Attributes:
        requests: the ranges that were asked for, by path.
    """

    def __init__(self, content=CONTENT):
        self.content = content
        self.requests = []
        self.release = threading.Event()

    def url(self, fault):
        return f"http://127.0.0.1:{self.port}/{fault}"

    @contextlib.contextmanager
    def running(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            server.shutdown()
            server.server_close()

    def answer(self, handler):
        fault = handler.path.strip("/")
        start = int(handler.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        tries = sum(path == fault for path, _ in self.requests)
        self.requests.append((fault, start))
        content = self.content
        if fault == "missing":
            return handler.send_error(404)
        if fault == "busy" and tries < 2:
            return handler.send_error(503)
        if fault == "lies":
            content = bytes(len(content))
        if fault == "longer":
            content += b"more"
        if fault == "no_ranges":
            start = None
        if fault == "other_range":
            start = start + 1
        endless = fault == "endless"
        handler.send_response(200 if start is None else 206)
        rest = content[start or 0 :]
        if start is not None:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if not endless:
            handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        if fault.startswith("cut") and (fault == "cut_always" or tries < 3):
            rest = rest[: len(rest) // 2 if fault != "cut_always" or tries == 0 else 0]
        if fault == "stalls_always" or (fault == "stalls" and tries < 2):
            handler.wfile.write(rest[: len(rest) // 2 if tries < 2 else 0])
            handler.wfile.flush()
            self.release.wait(20)
            return None
        if fault == "slow":
            time.sleep(0.3)
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(rest)
            while endless:
                handler.wfile.write(rest)
        return None
