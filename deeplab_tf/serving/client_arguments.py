"""Checks the arguments that both clients take, and that their packages are installed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

_ADDRESS = re.compile(r"[^\s/]+:(\d{1,5})")
_LARGEST_PORT = 65535
MAX_DEADLINE = 86400.0  # seconds; sockets do not accept every number


def check_arguments(server: str, deadline: float) -> None:
    """Checks the arguments that both clients take.

    Args:
        server: `HOST:PORT`.
        deadline: seconds for a request, all attempts included.

    Raises:
        ValueError: the server is not of this form, or the deadline is not within (0, one day].

    Example:
        >>> check_arguments("localhost:8500", deadline=60)
    """
    port = _ADDRESS.fullmatch(server)
    # gRPC takes other addresses, and of a number that is too large the lower 16 bits.
    if port is None or not 1 <= int(port[1]) <= _LARGEST_PORT:
        raise ValueError(
            "server must be HOST:PORT, such as localhost:8500, without http:// in front and with a "
            "port from 1 to 65535. Received: "
            f"server={server!r}"
        )
    if not 0 < deadline <= MAX_DEADLINE:
        raise ValueError(
            f"deadline must be above 0 and at most {MAX_DEADLINE:g} seconds. Received: "
            f"deadline={deadline!r}"
        )


@contextlib.contextmanager
def importing_extra(client: str) -> Iterator[None]:
    """Turns what goes wrong while packages are imported into an ImportError that names the extra.

    Args:
        client: name of the class that needs them.

    Raises:
        ImportError: a package is missing, or does not fit the installed protobuf.
    """
    try:
        yield
    except Exception as error:  # protobuf refuses modules of another release in several ways
        raise ImportError(
            f"{client} needs packages that cannot be imported ({error}): "
            "pip install 'deeplab_tf[serving]'"
        ) from error
