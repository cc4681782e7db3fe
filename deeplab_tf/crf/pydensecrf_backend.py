"""Runs the fully connected CRF through the package pydensecrf, in NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from deeplab_tf.crf.inputs import check_inputs
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.reference import softmax


def load_pydensecrf() -> ModuleType:
    """Returns the module `pydensecrf.densecrf`.

    Raises:
        ImportError: the package is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise ImportError(
            "The CRF's implementation='pydensecrf' needs the package pydensecrf, which cannot be "
            f"imported ({error}). Install it with: pip install 'deeplab_tf[crf]'. It is built "
            "from source (about a minute; needs g++ and Python's headers) and only on Python "
            "below 3.13."
        ) from error


def mean_field(logits: np.ndarray, image: np.ndarray, parameters: CrfParameters) -> np.ndarray:
    """Refines the logits of one image.

    Args:
        logits: float [H, W, C], minus the unary energy: logits or log probabilities.
        image: [H, W, 3] RGB 0..255, uint8 or float (floats are not rounded).
        parameters: of the CRF; `implementation` makes no difference here.

    Returns:
        float32 [H, W, C], probabilities of the labels.

    Raises:
        ImportError: pydensecrf is not installed.
        ValueError: logits or image are wrong, see `check_inputs`, or a sigma is too small for
            the image.

    Source: Krähenbühl and Koltun 2011, algorithm 1; a pixel's message to itself is kept, as in
    their code and DeepLab's.
    """
    logits, image = np.asarray(logits, np.float32), np.asarray(image)
    check_inputs(logits, image)
    height, width, num_classes = logits.shape
    if not logits.size:
        return logits.copy()
    densecrf = load_pydensecrf()
    crf = densecrf.DenseCRF2D(width, height, num_classes)
    crf.setUnaryEnergy(_writable(-logits.reshape(-1, num_classes).T))
    for name, weight, features in _kernels(image, parameters):
        _check_lattice_range(features, name, image.shape)
        crf.addPairwiseEnergy(
            _writable(features),
            _signed_compatibility(weight, parameters.penalties(num_classes)),
            kernel=densecrf.DIAG_KERNEL,
            normalization=_normalization(densecrf, parameters.normalization),
        )
    marginals = np.array(crf.inference(parameters.iterations), np.float32)
    return np.ascontiguousarray(marginals.T).reshape(logits.shape)


def mean_field_batch(
    logits: np.ndarray, images: np.ndarray, sizes: np.ndarray, parameters: CrfParameters
) -> np.ndarray:
    """Refines the valid top-left part of every image of a batch, one after the other.

    Args:
        logits: float [B, H, W, C], minus the unary energy.
        images: [B, H, W, 3] RGB 0..255.
        sizes: int [B, 2], height and width of the part that counts.
        parameters: of the CRF.

    Returns:
        float32 [B, H, W, C]; outside the valid part the softmax of the logits.

    Raises:
        ValueError: a size does not fit into the batch's height and width.
    """
    height, width = logits.shape[1:3]
    marginals = softmax(np.asarray(logits, np.float32))
    for i, (h, w) in enumerate(np.asarray(sizes).tolist()):
        if not (0 <= h <= height and 0 <= w <= width):
            raise ValueError(
                f"valid must lie within the images of {height}x{width} (height x width). "
                f"Received: valid[{i}]=({h}, {w})."
            )
        marginals[i, :h, :w] = mean_field(logits[i, :h, :w], images[i, :h, :w], parameters)
    return marginals


def _kernels(
    image: np.ndarray, parameters: CrfParameters
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yields argument name, weight and features [D, N] of both kernels that have a weight."""
    height, width = image.shape[:2]
    y, x = np.indices((height, width), np.float32).reshape(2, -1)
    xy = np.stack([x, y])
    if parameters.gaussian_weight:
        features = xy / np.float32(parameters.gaussian_sigma_xy)
        yield "gaussian_sigma_xy", parameters.gaussian_weight, features
    if parameters.bilateral_weight:
        rgb = image.reshape(-1, 3).T.astype(np.float32)
        features = np.concatenate(
            [
                xy / np.float32(parameters.bilateral_sigma_xy),
                rgb / np.float32(parameters.bilateral_sigma_rgb),
            ]
        )
        yield "bilateral_sigma_xy or _rgb", parameters.bilateral_weight, features


def _signed_compatibility(weight: float, penalties: np.ndarray | None) -> float | np.ndarray:
    """Returns what pydensecrf calls compat.

    It negates a number (Potts) itself, but adds a vector or matrix to the energy as it stands:
    there the vector, a diagonal, must be negative for like labels to attract each other.
    """
    if penalties is None:
        return weight
    return _writable(weight * (-penalties if penalties.ndim == 1 else penalties))


def _normalization(densecrf: ModuleType, name: str):
    return {
        "none": densecrf.NO_NORMALIZATION,
        "before": densecrf.NORMALIZE_BEFORE,
        "after": densecrf.NORMALIZE_AFTER,
        "symmetric": densecrf.NORMALIZE_SYMMETRIC,
    }[name]


def _writable(array: np.ndarray) -> np.ndarray:
    """Returns a fresh float32 copy in C order: pydensecrf refuses read-only buffers."""
    return np.array(array, np.float32, order="C", copy=True)


def _check_lattice_range(features: np.ndarray, name: str, shape: tuple[int, ...]):
    """Raises ValueError for lattice coordinates beyond the 16 bits that pydensecrf has for them."""
    axes = len(features)
    j = np.arange(1, axes + 1)
    reach = np.abs(features).max(axis=1) * np.sqrt(2 / 3) * (axes + 1) / np.sqrt(j * (j + 1))
    farthest = max(reach[i:].sum() + i * reach[max(i - 1, 0)] for i in range(axes + 1))
    if farthest > np.iinfo(np.int16).max - 2 * (axes + 1):
        raise ValueError(
            f"{name} is too small for an image of {shape[0]}x{shape[1]}: pydensecrf's lattice "
            "would overflow. Use a larger sigma."
        )
