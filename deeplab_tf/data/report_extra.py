"""Checks that the packages of the extra `report` are installed."""

from __future__ import annotations

import importlib.util

_PACKAGES = ("jinja2", "matplotlib")


def require_report_extra(user: str) -> None:
    """Stops before any work where a package of the extra `report` is missing.

    Args:
        user: what needs it, the subject of the message.

    Raises:
        ImportError: a package is missing; the message names the extra that brings it.

    Example:
        >>> require_report_extra("The report")
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"{user} needs the packages {' and '.join(_PACKAGES)}; missing: {', '.join(missing)}. "
            "Install the extra 'report': pip install 'deeplab_tf[report]'."
        )
