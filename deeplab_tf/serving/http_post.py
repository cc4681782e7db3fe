"""Sends one HTTP request, with a deadline for all of it."""

from __future__ import annotations

import ssl
from typing import NamedTuple

OK = 200
MAX_BODY = 2**31  # bytes, as over gRPC
MAX_ERROR_BODY = 2**16
# Uncompressed: a few kilobytes of gzip can become gigabytes.
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


class HttpResponse(NamedTuple):
    """A server's response.

    Attributes:
        status: such as 404.
        phrase: the status in words, such as "Not Found".
        location: where a redirection leads.
        body: where the status is not 200, it may be incomplete.
    """

    status: int
    phrase: str
    location: str | None
    body: bytes


def post_json(url: str, body: bytes, seconds: float, context: ssl.SSLContext) -> HttpResponse:
    """Sends JSON and returns the response; redirections are not followed.

    Args:
        url: of `http` or `https`.
        body: the JSON.
        seconds: for all of it, from the connection to the last byte, however slowly bytes arrive.
        context: names the certificates that are trusted.

    Returns:
        The response, of whatever status.

    Raises:
        TimeoutError: the response is not complete in time.
        ConnectionError: there is no connection, or it ends before the response does.
        ValueError: the response is larger than 2 GB.
    """
    import anyio.from_thread
    import httpx

    async def post() -> HttpResponse:
        response: httpx.Response | None = None
        received = bytearray()
        # A timeout of httpx is for each read alone: a server that sends byte by byte outlasts it.
        client = httpx.AsyncClient(verify=context, timeout=None, follow_redirects=False)
        request = client.stream("POST", url, content=body, headers=_HEADERS)
        try:
            with anyio.fail_after(seconds):
                async with client, request as response:
                    limit = MAX_BODY if response.status_code == OK else MAX_ERROR_BODY
                    async for piece in response.aiter_raw():
                        received.extend(piece)
                        if len(received) > limit:
                            break
        except (TimeoutError, httpx.HTTPError):
            if response is None or response.status_code == OK:
                raise
        if response.status_code == OK and len(received) > MAX_BODY:
            raise ValueError(f"a response of more than {MAX_BODY} bytes")
        location = response.headers.get("Location")
        return HttpResponse(response.status_code, response.reason_phrase, location, bytes(received))

    try:
        # An event loop in a thread of its own, since the caller may run in one (Jupyter).
        with anyio.from_thread.start_blocking_portal() as portal:
            return portal.call(post)
    except httpx.HTTPError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error
