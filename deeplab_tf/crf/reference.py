"""Mean field in the fully connected CRF over all pairs of pixels, in NumPy and float64.

The clearest statement of what the CRF computes, and what the tests compare with. It holds a matrix
of all pairs of N pixels: 8 N^2 bytes and N^2 C multiplications a step, 2 GB at the limit of
`MOST_PIXELS`.
"""

from __future__ import annotations

import numpy as np

from deeplab_tf.crf.parameters import CrfParameters

MOST_PIXELS = 128 * 128


def reference_mean_field(
    logits: np.ndarray, image: np.ndarray, parameters: CrfParameters
) -> np.ndarray:
    """Runs Algorithm 1 of Krähenbühl and Koltun 2011 to the letter, but for one point.

    That point is j = i: a pixel's message to itself is kept, as in the authors' code and in
    DeepLab's.

    Args:
        logits: float [H, W, C], minus the unary energy psi.
        image: [H, W, 3], RGB 0..255.
        parameters: of the CRF; implementation, mode and spatial_kernel make no difference here.

    Returns:
        float64 [H, W, C], probabilities of the labels.

    Raises:
        ValueError: the image has more than `MOST_PIXELS` pixels, or the compatibility is for
            another number of classes.

    Example:
        >>> image, logits = np.zeros([4, 6, 3], np.uint8), np.zeros([4, 6, 3])
        >>> logits[..., 1] = 1
        >>> reference_mean_field(logits, image, CrfParameters()).argmax(axis=-1).tolist()[0]
        [1, 1, 1, 1, 1, 1]
    """
    num_classes = logits.shape[-1]
    psi = -logits.reshape(-1, num_classes).astype(np.float64)
    kernels = weighted_kernels(image, parameters)
    mu = compatibility(parameters, num_classes)
    # Initialise: Q_i(l) = exp(-psi_i(l)) / Z_i.
    q = softmax(-psi)
    for _ in range(parameters.iterations):
        # Message passing: for each kernel m, sum over j of w_m k_m(f_i, f_j) Q_j(l).
        filtered = sum(kernel @ q for kernel in kernels)
        # Compatibility transform: sum over l' of mu(l, l') times them.
        transformed = filtered @ mu.T
        # Local update, and normalise.
        q = softmax(-psi - transformed)
    return q.reshape(logits.shape)


def weighted_kernels(image: np.ndarray, parameters: CrfParameters) -> tuple[np.ndarray, np.ndarray]:
    """Returns w_m k_m(f_i, f_j) of the appearance and the smoothness kernel, normalised.

    Args:
        image: [H, W, 3], RGB 0..255.
        parameters: of the CRF.

    Returns:
        Two matrices float64 [N, N], row i for what pixel i receives.

    Raises:
        ValueError: the image has more than `MOST_PIXELS` pixels.
    """
    height, width = image.shape[:2]
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"The reference holds matrices of all pairs of at most {MOST_PIXELS} pixels; use "
            f"deeplab_tf.crf.mean_field for larger images. Received: {height}x{width}."
        )
    y, x = np.indices((height, width)).reshape(2, -1).astype(np.float64)
    position, color = np.stack([x, y], axis=1), image.reshape(-1, 3).astype(np.float64)
    appearance = [position / parameters.bilateral_sigma_xy, color / parameters.bilateral_sigma_rgb]
    smoothness = position / parameters.gaussian_sigma_xy
    return (
        parameters.bilateral_weight
        * gaussian_kernel(np.concatenate(appearance, axis=1), parameters.normalization),
        parameters.gaussian_weight * gaussian_kernel(smoothness, parameters.normalization),
    )


def gaussian_kernel(features: np.ndarray, normalization: str) -> np.ndarray:
    """Returns k(f_i, f_j) = exp(-|f_i - f_j|^2 / 2), normalised.

    Args:
        features: float64 [N, d], in standard deviations.
        normalization: as in `CrfParameters`.

    Returns:
        Float64 [N, N].
    """
    squares = (features**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * features @ features.T
    kernel = np.exp(-0.5 * np.maximum(distances, 0))
    sums = kernel.sum(axis=1)
    if normalization == "after":
        return kernel / sums[:, None]
    if normalization == "before":
        return kernel / sums[None]
    if normalization == "symmetric":
        return kernel / np.sqrt(sums[:, None] * sums[None])
    return kernel


def compatibility(parameters: CrfParameters, num_classes: int) -> np.ndarray:
    """Returns mu(l, l'), what label l costs beside label l', float64 [C, C].

    Args:
        parameters: of the CRF.
        num_classes: C.

    Raises:
        ValueError: the parameters' compatibility is for another number of classes.
    """
    unlike = 1 - np.eye(num_classes)
    penalties = parameters.penalties(num_classes)
    if penalties is None:
        return unlike
    return unlike * penalties if penalties.ndim == 1 else penalties.astype(np.float64)


def free_energy(
    marginals: np.ndarray, logits: np.ndarray, image: np.ndarray, parameters: CrfParameters
) -> float:
    """Returns what mean field makes small: unary and pair energy of the marginals less entropy.

    Every pair counts once, a pixel's pair with itself half.

    Args:
        marginals: float [H, W, C], above 0.
        logits: float [H, W, C], minus the unary energy.
        image: [H, W, 3], RGB 0..255.
        parameters: of the CRF.

    Source: Krähenbühl and Koltun 2011, equation 4.
    """
    num_classes = logits.shape[-1]
    q = marginals.reshape(-1, num_classes).astype(np.float64)
    kernel, mu = sum(weighted_kernels(image, parameters)), compatibility(parameters, num_classes)
    pairs = 0.5 * (q * (kernel @ q @ mu.T)).sum()
    return float((q * (np.log(q) - logits.reshape(q.shape))).sum() + pairs)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax over the last axis, in the logits' precision."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
