"""The parameters of the fully connected CRF, the same for layer, config and JSON file."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path

# A hundred times the papers' number: a file may come from anybody, and each iteration takes time.
MOST_ITERATIONS = 1000
_CHOICES = {
    "normalization": ("after", "symmetric", "before", "none"),
    "implementation": ("graph", "pydensecrf"),
    "mode": ("exact", "fast"),
    "spatial_kernel": ("separable", "lattice"),
}
_SWITCHES = ("from_probabilities", "trainable")
_WEIGHTS = ("bilateral_weight", "gaussian_weight")
_SIGMAS = ("bilateral_sigma_xy", "bilateral_sigma_rgb", "gaussian_sigma_xy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrfParameters:
    """Validated parameters of the fully connected CRF.

    The defaults are those released with DeepLab v2 ResNet-101.

    Args:
        iterations: mean-field updates; 0 returns the softmax of the logits, 10 is the papers'.
        bilateral_weight: w1, weight of the appearance kernel. Larger: nearby pixels of like
            colour are pulled harder to one label.
        bilateral_sigma_xy: sigma alpha in pixels. Larger: the appearance kernel reaches farther.
        bilateral_sigma_rgb: sigma beta in steps of 0..255. Smaller: weaker edges stop the kernel.
        gaussian_weight: w2, weight of the smoothness kernel. Larger: small regions vanish.
        gaussian_sigma_xy: sigma gamma in pixels, reach of the smoothness kernel.
        normalization: where a kernel's per-pixel sum divides: `"after"` filtering (DeepLab's own
            code), `"before"`, `"symmetric"` (a square root on both sides, pydensecrf's default)
            or `"none"`, for which weights must be far smaller.
        compatibility: what unlike labels of two pixels cost, positive = dislike, times the
            kernels' weights. `"potts"` costs 1. A vector [C] gives each label k the cost that a
            neighbour with label k puts on all other labels; ones equal Potts. A matrix [C, C]
            gives each pair its cost; `1 - I` equals Potts. A pair of pixels has no order, so a
            matrix counts by its symmetric part.
        implementation: `"graph"` for TensorFlow operations, `"pydensecrf"` for that package.
        mode: `"exact"`, or `"fast"` for the approximations of the graph implementation.
        spatial_kernel: how the graph implementation filters the smoothness kernel. pydensecrf
            is always exact and always on the lattice; there both arguments have no effect.
        from_probabilities: the input is probabilities instead of logits.
        clip: lower bound of probabilities before their logarithm. Larger: the CRF may overrule
            a confident network more easily.
        trainable: weights and compatibility can be learned (graph implementation only).

    Raises:
        ValueError: a value is of the wrong type or out of range.

    Source: Chen et al. 2015, section 4.2; 2016, section 3.3 and the released models.

    Example:
        >>> CrfParameters(bilateral_sigma_xy=121, bilateral_sigma_rgb=5).bilateral_sigma_xy
        121.0
    """

    iterations: int = 10
    bilateral_weight: float = 4.0
    bilateral_sigma_xy: float = 67.0
    bilateral_sigma_rgb: float = 3.0
    gaussian_weight: float = 3.0
    gaussian_sigma_xy: float = 1.0
    normalization: str = "after"
    compatibility: str | Sequence | np.ndarray = "potts"
    implementation: str = "graph"
    mode: str = "exact"
    spatial_kernel: str = "separable"
    from_probabilities: bool = False
    clip: float = 1e-5
    trainable: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                self._fail(name, "one of " + ", ".join(map(repr, choices)))
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                self._fail(name, "True or False")
            self._set(name, bool(getattr(self, name)))
        whole = _is_number(self.iterations, numbers.Integral)
        if not whole or not 0 <= self.iterations <= MOST_ITERATIONS:
            self._fail("iterations", f"a whole number from 0 to {MOST_ITERATIONS}")
        self._set("iterations", int(self.iterations))
        for name in (*_WEIGHTS, *_SIGMAS, "clip"):
            self._set(name, self._checked_number(name))
        self._set("compatibility", self._checked_compatibility())
        if self.trainable and self.implementation == "pydensecrf":
            raise ValueError(
                "trainable=True needs implementation='graph': pydensecrf passes no gradient."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CrfParameters:
        """Builds the parameters from a mapping; keys left out keep their defaults.

        Args:
            values: parameters by name.

        Raises:
            ValueError: a key is unknown (the message names the nearest) or a value is wrong.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"CRF parameters must be a mapping of names. Received: {values!r}.")
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
                raise ValueError(
                    f"Unknown CRF parameter {key!r}; the nearest is {nearest!r}. "
                    f"Known: {', '.join(known)}."
                )
        return cls(**values)

    @classmethod
    def load(cls, path: str | os.PathLike) -> CrfParameters:
        """Reads the parameters from a JSON file, the form of `--crf=FILE.json`.

        Args:
            path: a file that holds one JSON object of parameter names and values.

        Raises:
            ValueError: the file cannot be read, is not JSON, or holds a wrong key or value; the
                message names the file.
        """
        path = user_path(path)
        try:
            values = read_json(path)
        except OSError as error:
            raise ValueError(f"{path}: cannot be read: {error.strerror}.") from error
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Returns every parameter in the form of JSON; `from_dict` takes it back."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.compatibility != "potts":
            values["compatibility"] = np.array(self.compatibility).tolist()
        return values

    def penalties(self, num_classes: int | None) -> np.ndarray | None:
        """Returns the compatibility as an array for a number of classes.

        Args:
            num_classes: C, the number of channels of the logits; may be None for Potts.

        Returns:
            None for Potts, float32 [C] for a vector, symmetric float32 [C, C] for a matrix.

        Raises:
            ValueError: the vector or matrix is for another number of classes.
        """
        if self.compatibility == "potts":
            return None
        penalties = np.array(self.compatibility, np.float32)
        if len(penalties) != num_classes:
            raise ValueError(
                f"compatibility is for {len(penalties)} classes, but the logits have "
                f"{num_classes}. Received: compatibility of shape {penalties.shape}."
            )
        return penalties if penalties.ndim == 1 else (penalties + penalties.T) / 2

    def _checked_number(self, name: str) -> float:
        value = getattr(self, name)
        if not _is_number(value, numbers.Real) or not math.isfinite(value):
            self._fail(name, "a finite number")
        if name in _WEIGHTS and value < 0:
            self._fail(name, "at least 0")
        if name in _SIGMAS and value <= 0:
            self._fail(name, "above 0")
        if name == "clip" and not 0 < value < 1:
            self._fail(name, "above 0 and below 1")
        return float(value)

    def _checked_compatibility(self) -> str | tuple:
        wanted = "'potts', a vector [C] or a square matrix [C, C] of finite numbers"
        if isinstance(self.compatibility, str):
            if self.compatibility != "potts":
                self._fail("compatibility", wanted)
            return "potts"
        try:
            array = np.asarray(self.compatibility, np.float64)
        except (TypeError, ValueError):
            self._fail("compatibility", wanted)
        square = array.ndim == 2 and array.shape[0] == array.shape[1]
        if not (array.ndim == 1 or square) or not array.size or not np.isfinite(array).all():
            self._fail("compatibility", wanted)
        return tuple(tuple(row) if array.ndim == 2 else row for row in array.tolist())

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen for everyone else

    def _fail(self, name: str, wanted: str) -> NoReturn:
        raise ValueError(
            f"CRF parameter {name} must be {wanted}. Received: {name}={getattr(self, name)!r}."
        )


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
