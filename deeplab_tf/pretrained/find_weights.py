"""Finds the weights of a trained network: in the package, in the cache, or at an address."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deeplab_tf.data.files import file_hash
from deeplab_tf.pretrained.download import DownloadError, download
from deeplab_tf.pretrained.trained_presets import TrainedPreset
from deeplab_tf.pretrained.zoo_files import zoo_weights

# The folder of downloads, and an address below which the files are looked for first.
HOME, MIRROR = "DEEPLAB_TF_HOME", "DEEPLAB_TF_WEIGHTS_URL"


def find_weights(preset: TrainedPreset) -> Path:
    """Returns the file of a trained network's weights, downloaded where it is not there.

    Args:
        preset: the row.

    Returns:
        The file in the package (in a checkout: `zoo/weights`) or in the cache.

    Raises:
        ValueError: it is in neither and cannot be downloaded; the message names file, addresses
            and the place where it can be put by hand.
    """
    packed = zoo_weights(preset.name)
    target = cache_folder() / packed.name
    for place in (packed, target):
        if is_whole(place, preset):
            return place
    try:
        return download(_urls(preset, packed.name), target, preset.size, preset.sha256)
    except DownloadError as error:
        raise ValueError(
            f"{preset.name}: its weights ({preset.size} bytes) are not on this machine and cannot "
            f"be downloaded: {error}. Put the file with SHA-256 {preset.sha256} at {target}, or "
            f"set {MIRROR} to an address that has {target.name}"
        ) from error


def is_whole(path: Path, preset: TrainedPreset) -> bool:
    """Whether a file is that of a preset's weights, to the last bit."""
    return (
        path.is_file() and path.stat().st_size == preset.size and file_hash(path) == preset.sha256
    )


def cache_folder() -> Path:
    """Returns the folder of downloads: `DEEPLAB_TF_HOME`, or that of the platform."""
    if chosen := os.environ.get(HOME):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches/deeplab_tf").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "deeplab_tf"


def _urls(preset: TrainedPreset, file: str) -> list[str]:
    mirror = os.environ.get(MIRROR)
    own = [f"{mirror.rstrip('/')}/{file}"] if mirror else []
    return [*own, *preset.urls]
