"""What the library's charts share: the check for the extra `report` and one style."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

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
            f"{user} needs {' and '.join(_PACKAGES)}. Not installed: {', '.join(missing)}. "
            "Install the extra 'report': pip install 'deeplab_tf[report]'."
        )


@contextlib.contextmanager
def plot_style(settings: Mapping[str, Any]) -> Iterator[None]:
    """Sets how Matplotlib draws, whatever the user's own settings are, until the block ends.

    Args:
        settings: Matplotlib's rcParams that differ from its defaults. Text is never read as
            mathematics, since names may hold "$".
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        values: dict[Any, Any] = {"text.parse_math": False, **settings}
        matplotlib.rcParams.update(values)
        # Matplotlib's font lacks some scripts; in SVG the reader's browser draws them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
