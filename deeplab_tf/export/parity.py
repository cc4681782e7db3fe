"""How far the predictions of an export agree with those of its predictor."""

from __future__ import annotations

import math
from typing import NamedTuple


class Agreement(NamedTuple):
    """Agreement of two predictions of the same images.

    Attributes:
        images: number of images.
        equal_labels: share of pixels with the same label.
        largest_difference: between two values of the same pixel and class.
        value: name of these values, such as `probability`.
    """

    images: int
    equal_labels: float
    largest_difference: float
    value: str = "probability"

    def reaches(self, equal_labels: float, largest_difference: float = math.inf) -> bool:
        """Returns whether the agreement is good enough.

        Args:
            equal_labels: share that is needed.
            largest_difference: that is allowed.
        """
        is_near = self.largest_difference <= largest_difference  # not for what is not a number
        return self.equal_labels >= equal_labels and is_near

    def __str__(self) -> str:
        images = "1 image" if self.images == 1 else f"{self.images} images"
        return (
            f"{100 * self.equal_labels:.4f} % of the labels of {images} are equal, "
            f"the largest difference of a {self.value} is {self.largest_difference:.1e}"
        )
