"""What every client checks of its arguments, before anything is sent."""

from __future__ import annotations

LONGEST_DEADLINE = 86400.0  # seconds; sockets do not take just any number


def check_arguments(server: str, deadline: float):
    """Checks what is the same for every client.

    Args:
        server: `HOST:PORT`.
        deadline: seconds for a request, with all attempts.

    Raises:
        ValueError: the server is no such pair, or the deadline is not within (0, a day].

    Example:
        >>> check_arguments("localhost:8500", deadline=60)
    """
    is_url = server.startswith(("http://", "https://"))
    if not server or is_url or any(map(str.isspace, server)):
        raise ValueError(
            "server must be HOST:PORT, such as localhost:8500, without http:// in front. Received: "
            f"server={server!r}"
        )
    if not 0 < deadline <= LONGEST_DEADLINE:
        raise ValueError(
            f"deadline must be above 0 and at most {LONGEST_DEADLINE:g} seconds. Received: "
            f"deadline={deadline!r}"
        )
