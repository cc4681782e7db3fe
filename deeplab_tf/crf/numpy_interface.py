"""The fully connected CRF on one image given as NumPy arrays."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from deeplab_tf.crf import pydensecrf_backend
from deeplab_tf.crf.inputs import check_inputs, log_probabilities
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.refine import batch_function
from deeplab_tf.crf.trace import Trace, traced_mean_field


@overload
def mean_field(
    *,
    image: np.ndarray,
    logits: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
    return_trace: Literal[False] = False,
    **parameters: Any,
) -> np.ndarray: ...


@overload
def mean_field(
    *,
    image: np.ndarray,
    logits: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
    return_trace: Literal[True],
    **parameters: Any,
) -> tuple[np.ndarray, Trace]: ...


def mean_field(
    *,
    image: np.ndarray,
    logits: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
    return_trace: bool = False,
    **parameters: Any,
) -> np.ndarray | tuple[np.ndarray, Trace]:
    """Refines one image's logits by mean field in the fully connected CRF.

    Args:
        image: [H, W, 3] RGB 0..255, uint8 or float, at the size of the logits.
        logits: float [H, W, C]; -infinity excludes a label. Give either these or `probabilities`.
        probabilities: float [H, W, C] within 0..1, clipped from below at `clip`.
        return_trace: also return how objective and labels changed from step to step; slower, with
            the graph implementation in exact mode only.
        **parameters: as in `CrfParameters`; which of the two inputs is given decides
            `from_probabilities`.

    Returns:
        float32 [H, W, C], probabilities of the labels; with `return_trace` a pair of them and a
        `Trace`.

    Raises:
        ImportError: the chosen implementation needs a package that is not installed.
        ValueError: both or none of the inputs are given, shapes do not fit, a logit is NaN or
            infinity, a pixel has -infinity for all labels, a probability is not within 0..1, the
            image is not finite or of 16 bits, or a parameter is unknown or wrong.

    Source: Krähenbühl and Koltun 2011, Algorithm 1, with a pixel's message to itself kept.

    Example:
        >>> image = np.zeros([4, 6, 3], np.uint8)
        >>> logits = np.random.default_rng(0).normal(size=[4, 6, 3])
        >>> mean_field(logits=logits, image=image).shape
        (4, 6, 3)
    """
    if (logits is None) == (probabilities is None):
        raise ValueError("mean_field needs either logits= or probabilities=, not both or none.")
    if logits is not None and parameters.get("from_probabilities"):
        raise ValueError("from_probabilities=True needs probabilities=. Received: logits=.")
    checked = CrfParameters.from_dict(parameters)
    if logits is None:
        assert probabilities is not None
        logits = log_probabilities(probabilities, image, checked.clip)
    if return_trace and (checked.implementation, checked.mode) != ("graph", "exact"):
        raise ValueError(
            "return_trace=True needs implementation='graph' and mode='exact'. Received: "
            f"implementation={checked.implementation!r}, mode={checked.mode!r}."
        )
    logits, image = np.asarray(logits, np.float32), np.asarray(image)
    if checked.implementation == "pydensecrf":
        return pydensecrf_backend.mean_field(logits, image, checked)
    check_inputs(logits, image)
    if return_trace:
        return traced_mean_field(logits, image, checked)
    refine = batch_function(checked)
    return refine(logits[None], image[None].astype(np.float32))[0].numpy()
