"""The files of zoo/: in a checkout beside the package, in an installed package inside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "zoo", _PACKAGE.parent / "zoo")


def zoo_folder() -> Path:
    """Returns the folder of the configs; their weights are in `weights/` below it."""
    return next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])


def zoo_config(name: str) -> Path:
    """Returns the file of a config, which need not exist.

    Args:
        name: such as `quickstart`.
    """
    return zoo_folder() / f"{name}.py"


def zoo_weights(name: str) -> Path:
    """Returns the file of trained weights, which need not exist.

    Args:
        name: of the config that they were trained by.
    """
    return zoo_folder() / "weights" / f"{name}.weights.h5"
