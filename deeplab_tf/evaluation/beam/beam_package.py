"""Imports Apache Beam, or says which extra brings it."""

from __future__ import annotations

import importlib.util
import logging
from types import ModuleType

_EXTRA = "pip install 'deeplab_tf[beam]', in an environment of its own (docs/beam.md)"


def import_beam() -> ModuleType:
    """Imports Apache Beam.

    Raises:
        ImportError: it is not installed; the message names the extra.
    """
    if importlib.util.find_spec("apache_beam") is None:
        raise ImportError(f"predict_beam.py needs apache-beam: {_EXTRA}")
    # Beam complains of missing clients of stores that nobody has asked for.
    logging.disable(logging.WARNING)
    try:
        import apache_beam
    finally:
        logging.disable(logging.NOTSET)
    return apache_beam


def require_parquet() -> None:
    """Raises an ImportError that names the extra where Parquet cannot be read or written."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(f"Parquet needs pyarrow: {_EXTRA}")
