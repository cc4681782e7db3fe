"""The cases the CRF is timed on: images with rough logits, and a trained network's own logits."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from deeplab_tf.crf import CrfParameters

IMAGES = ("coffee", "astronaut", "rocket")
WIDTH, HEIGHT, CLASSES = 500, 375, 21
# Sigma alpha, sigma beta, w1.
PARAMETERS = ((67.0, 3.0, 4.0), (121.0, 5.0, 5.0), (50.0, 3.0, 3.0))


class Case(NamedTuple):
    """One problem.

    Attributes:
        name: of the image.
        kind: of its logits.
        image: uint8 RGB [H, W, 3].
        logits: float32 [H, W, C].
        parameters: arguments of `mean_field`.
    """

    name: str
    kind: str
    image: np.ndarray
    logits: np.ndarray
    parameters: dict


def image_cases() -> Iterator[Case]:
    """Yields three images with five live labels for all parameters, and with all labels live."""
    for name in IMAGES:
        image = load_image(name)
        logits = rough_logits(image, live=5)
        for parameters in PARAMETERS:
            yield Case(name, "rough", image, logits, _arguments(*parameters))
        logits = rough_logits(image, live=CLASSES)
        yield Case(name, "all live", image, logits, _arguments(*PARAMETERS[0]))


def network_cases(model, data_dir, split: str = "val", count: int = 3) -> Iterator[Case]:
    """Yields images of a data set with the logits and CRF parameters of a trained network.

    Args:
        model: a DeepLab.
        data_dir: as for `open_split`.
        split: name of the split.
        count: number of images, spread evenly over the split.
    """
    from deeplab_tf.data import evaluation_dataset, open_split

    for example in evaluation_dataset(open_split(data_dir, split), count):
        image = example["image"].numpy()
        logits = model(image[None])[0].numpy()
        parameters = CrfParameters.from_dict(model.crf).to_dict()
        yield Case(example["name"].numpy().decode(), "network", image, logits, parameters)


def _arguments(sigma_xy: float, sigma_rgb: float, weight: float) -> dict:
    return {
        "bilateral_sigma_xy": sigma_xy,
        "bilateral_sigma_rgb": sigma_rgb,
        "bilateral_weight": weight,
        "gaussian_sigma_xy": 3.0,
        "spatial_kernel": "lattice",
    }


def load_image(name: str, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Returns an image of scikit-image as uint8 RGB [height, width, 3]."""
    try:
        data = importlib.import_module("skimage.data")
    except ImportError as error:
        raise ImportError(
            "The images come with scikit-image: pip install 'deeplab_tf[benchmark]'."
        ) from error
    image = Image.fromarray(getattr(data, name)()).convert("RGB")
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def rough_logits(image, live: int, seed: int = 0) -> np.ndarray:
    """Makes logits as a network's: regions of like colour and place, blurred at stride 8.

    Args:
        image: uint8 RGB [H, W, 3].
        live: labels that lead somewhere; the other ones are unlikely everywhere.
        seed: of the regions' centres and of the noise.

    Returns:
        float32 [H, W, CLASSES].
    """
    rng = np.random.default_rng(seed)
    height, width = -(-image.shape[0] // 8), -(-image.shape[1] // 8)
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
    y, x = np.indices((height, width)).reshape(2, -1) / 10
    points = np.column_stack([np.asarray(small).reshape(-1, 3) / 40, y, x])
    centers = points[rng.choice(len(points), live, replace=False)]
    for _ in range(20):
        nearest = ((points[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)
        for k in np.unique(nearest):
            centers[k] = points[nearest == k].mean(axis=0)
    logits = np.full((CLASSES, height * width), -6.0, np.float32)
    logits[rng.choice(CLASSES, live, replace=False)] = np.where(
        nearest == np.arange(live)[:, None], 1.5, -1.5 if live < CLASSES else -2.8
    )
    logits += rng.normal(0, 0.3, logits.shape)
    zoomed = [
        Image.fromarray(plane.reshape(height, width)).resize(
            (image.shape[1], image.shape[0]), Image.Resampling.BILINEAR
        )
        for plane in logits
    ]
    return np.stack([np.asarray(plane) for plane in zoomed], axis=-1)
