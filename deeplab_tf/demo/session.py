"""The actions of a visitor of the page, without the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.spec import DataError
from deeplab_tf.demo.labeller import LabelledImage, Labeller
from deeplab_tf.demo.result_html import hint, problem, result
from deeplab_tf.demo.uploaded_image import read_image

FIRST_STEP = (
    "Drop an image on the left, or choose an example. One that is unused for an hour is gone."
)


class Control(NamedTuple):
    """A slider for one parameter of the CRF.

    Attributes:
        name: of the parameter.
        label: its name on the page.
        low: smallest value.
        high: largest value.
        step: difference between two values.
    """

    name: str
    label: str
    low: float
    high: float
    step: float


CONTROLS = (
    Control("bilateral_weight", "w1, weight of appearance", 0, 20, 0.1),
    Control("bilateral_sigma_xy", "sigma_xy, its reach in pixels", 1, 200, 1),
    Control("bilateral_sigma_rgb", "sigma_rgb, its colour range", 1, 40, 0.1),
    Control("gaussian_weight", "w2, weight of smoothness", 0, 20, 0.1),
    Control("iterations", "iterations", 0, 20, 1),
)


class Session:
    """Carries out a visitor's actions; each returns an image to keep, HTML to show, or both.

    Images are handed in and out, so that the object holds nothing of any visitor.

    Args:
        labeller: labels images.
        examples: uint8 RGB [H, W, 3] by name.
    """

    def __init__(self, labeller: Labeller, examples: Mapping[str, np.ndarray]):
        self._labeller = labeller
        self._examples = list(examples.items())

    def upload(self, path: str, *values: float) -> tuple[LabelledImage | None, str]:
        """Labels an uploaded image and deletes the upload.

        Args:
            path: the file.
            values: of the `CONTROLS`.

        Returns:
            The image, None if the upload is not good, and HTML.
        """
        try:
            image = read_image(path)
        except DataError as error:
            return None, problem(str(error))
        except FileNotFoundError:  # to make room, or with the same image of another visitor
            name = Path(path).name
            return None, problem(f"{name}: deleted before its turn came; upload it again.")
        finally:
            Path(path).unlink(missing_ok=True)
        return self._label(Path(path).stem, image, values)

    def example(self, number: int, *values: float) -> tuple[LabelledImage | None, str]:
        """Labels an example; as `upload`, with the example's number."""
        return self._label(*self._examples[number], values)

    def refine(self, labelled: LabelledImage | None, *values: float | None) -> str:
        """Refines an image with other values of the `CONTROLS`.

        Args:
            labelled: the image, None before the first one.
            values: None for an emptied box, which leaves the parameter as the model has it.

        Returns:
            HTML.
        """
        if labelled is None:
            return hint(FIRST_STEP)
        pairs = zip(CONTROLS, values, strict=True)
        changes = {control.name: value for control, value in pairs if value is not None}
        return result(self._labeller, labelled, self._labeller.refine(labelled, changes))

    def _label(
        self, stem: str, image: np.ndarray, values: Sequence[float]
    ) -> tuple[LabelledImage | None, str]:
        try:
            labelled = self._labeller.label(stem, image)
        except FloatingPointError as error:
            return None, problem(f"{stem}: {error}")
        return labelled, self.refine(labelled, *values)
