"""Limits the size of the folder in which Gradio keeps uploads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from deeplab_tf.demo.uploaded_image import MAX_BYTES

# Uploads that nobody has labelled take up to so many bytes; the oldest ones go first.
UPLOADED_BYTES = 2**29
# A file counts as so many bytes at least, so that the number of files is bounded too.
_LEAST = 2**20
# A new folder gets its file within so many seconds.
_FILLED_SECONDS = 60
# Of a request, with the form around an image.
_MAX_REQUEST = MAX_BYTES + 2**16

_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Application = Callable[[dict[str, Any], _Receive, _Send], Awaitable[None]]


class Uploads:
    """A folder of uploads of limited size.

    Args:
        folder: of the uploads; nothing else may be there.
        limit: bytes that they may take.
    """

    def __init__(self, folder: str | os.PathLike, limit: int = UPLOADED_BYTES):
        self.folder = Path(folder).resolve()
        self._limit, self._expected, self._lock = limit, 0, threading.Lock()

    def holds(self, path: str | None) -> bool:
        """Returns whether a path that a visitor names is one of an upload."""
        return path is not None and self.folder in Path(path).resolve().parents

    def reserve(self, size: int) -> bool:
        """Deletes the oldest files until a new one fits.

        Args:
            size: of the new one in bytes.

        Returns:
            Whether it fits: others under way can take all the room. If so, call `release` later.
        """
        with self._lock:
            expected = self._expected + max(size, _LEAST)
            if expected > self._limit:
                return False
            self._expected = expected
            self._shrink(self._limit - expected)
        return True

    def release(self, size: int) -> None:
        """Ends a reservation of `size` bytes: from now on the file itself counts."""
        with self._lock:
            self._expected -= max(size, _LEAST)

    def _shrink(self, limit: int) -> None:
        """Deletes the oldest files until they take `limit` bytes, and folders left empty."""
        files = []
        for folder, subfolders, names in os.walk(self.folder, topdown=False):
            for path in (os.path.join(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(path)
                    files.append((status.st_mtime, max(status.st_size, _LEAST), path))
            if not names and not subfolders and self.folder != Path(folder):
                with contextlib.suppress(OSError):
                    if time.time() - os.stat(folder).st_mtime > _FILLED_SECONDS:
                        os.rmdir(folder)
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= limit:
                break
            Path(path).unlink(missing_ok=True)
            total -= size


class UploadLimit:
    """Middleware that limits the size of each request, and of all uploads together.

    Args:
        app: the page's server, an ASGI application.
        uploads: its folder of uploads.

    Source: the ASGI specification, version 3.0.
    """

    def __init__(self, app: _Application, uploads: Uploads):
        self._app, self._uploads = app, uploads

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Passes the request on, or responds that it is too large.

        Args:
            scope: of the request, see the ASGI specification.
            receive: returns the next part of the request.
            send: takes the next part of the response.
        """
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        if b"transfer-encoding" in headers:
            return await _refuse(send, 411, "A request must state its length.")
        size = int(headers.get(b"content-length", 0))
        if size > _MAX_REQUEST:
            message = f"{size} bytes exceed the maximum allowed size of {MAX_BYTES} bytes."
            return await _refuse(send, 413, message, receive)
        if scope["method"] != "POST" or not scope["path"].rstrip("/").endswith("/upload"):
            return await self._app(scope, receive, send)
        if not await asyncio.to_thread(self._uploads.reserve, size):
            message = "Too many uploads at once; try again in a minute."
            return await _refuse(send, 503, message, receive)
        try:
            await self._app(scope, receive, send)
        finally:
            self._uploads.release(size)


async def _refuse(send: _Send, status: int, message: str, receive: _Receive | None = None) -> None:
    """Sends a response; reads the rest of the request first, before which no browser reads it."""
    while receive is not None and (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": message.encode()})
