"""The trained networks, one row each."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from deeplab_tf.data.paths import PRESET


class TrainedPreset(NamedTuple):
    """A config of zoo/ whose trained weights are published.

    Attributes:
        name: of the config, which says how the network is built and was trained.
        dataset: the data set, whose classes the network has: a row of `data.archive_specs.SPECS`.
        measured_on: what the metrics were measured on.
        miou: mean IoU of the published weights in percent.
        miou_crf: the same after the CRF with the parameters that the network carries.
        parameters: how many numbers are learned.
        licence: of the weights that training started from, and what is known of the images.
        size: bytes of the file of weights.
        sha256: of the file, hexadecimal.
        urls: where the file can be downloaded; the first that answers counts.
    """

    name: str
    dataset: str
    measured_on: str
    miou: float
    miou_crf: float
    parameters: int
    licence: str
    size: int
    sha256: str
    urls: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.dataset}, {self.parameters / 1e6:.1f} million parameters, mIoU "
            f"{self.miou} ({self.miou_crf} with the CRF) on {self.measured_on}, "
            f"{self.size / 1e6:.1f} MB, {self.licence}"
        )


_ROWS = (
    TrainedPreset(
        "camvid_efficientnet_lite0_v3plus",
        dataset="camvid",
        measured_on="101 validation images of 480x360",
        miou=70.43,
        miou_crf=71.13,
        parameters=3870139,
        licence="weights Apache-2.0, images of CamVid",
        size=8543776,
        sha256="be26e01dd14d8c9df93c523013e5282fbbd89b1ac5119e3496f7b69b756cfe0b",
    ),
)
TRAINED = {row.name: row for row in _ROWS}


def find_preset(name: str) -> TrainedPreset:
    """Returns the row of a trained network.

    Args:
        name: of the row.

    Raises:
        ValueError: there is no such row; the message lists all.
    """
    if name in TRAINED:
        return TRAINED[name]
    near = difflib.get_close_matches(name, TRAINED, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no trained network {name!r}: there are {', '.join(TRAINED)}{hint}")


def preset_of(text: str) -> TrainedPreset | None:
    """Returns the row that a text such as `preset:NAME` stands for, None for any other text.

    Raises:
        ValueError: there is no such row.
    """
    return find_preset(text.removeprefix(PRESET)) if text.startswith(PRESET) else None
