"""Tiles against the whole image: how many labels differ, and the memory of a large image."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections import defaultdict

import numpy as np

from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.tiles import Span, TileGrid, exact_margin, plan_grid

# Settings under which tiles are compared: scales, largest side of a tile.
SETTINGS = (((1.0,), 513), ((1.0,), 1025), ((0.5, 1.0), 513), ((0.5, 1.0), 1025))
# Upper ends of ranges of distances from a tile's edge, in pixels.
DISTANCES = (32, 64, 128, 226, 352, 451)
# Images in a row and in a column of the image that is compared.
MOSAIC = 3
# Large images: images in a row and in a column, trained or narrow network, with or without CRF.
LARGE = (
    (25, False, False),
    (5, False, True),
    (6, False, True),
    (5, True, False),
    (5, True, True),
)
STAGES = ("without CRF", "with CRF")


def run(model_file: str, data_dir: str) -> dict:
    """Compares tiles with the whole on a mosaic of images, and labels large mosaics.

    Args:
        model_file: a trained .keras file.
        data_dir: a data set of equally large images, as for `open_split`.

    Returns:
        For each setting the shares of labels that equal those of the whole image, and for
        large images time and memory.
    """
    large = []
    for side, file, crf in LARGE:
        large.append(memory(data_dir, side, model_file if file else None, crf))
        print(large[-1], flush=True)
    return {"seams": seams(model_file, data_dir), "large": large}


def seams(model_file: str, data_dir: str, settings=SETTINGS) -> list[dict]:
    """Compares tiles with the whole, with and without the CRF that the model carries.

    Args:
        model_file: a trained .keras file.
        data_dir: as for `run`.
        settings: scales and sides of tiles to compare.
    """
    from deeplab_tf.models.loading import load_model

    model, image = load_model(model_file), mosaic(data_dir, MOSAIC)
    rows = []
    for scales, side in settings:
        predictor = Predictor(model, model.crf, scales)
        whole = predictor.predict_stages(image)
        grid = plan_grid(model, scales, predictor.grid.multiple, side)
        row = {"scales": scales, **grid._asdict(), "exact_margin": exact_margin(model, scales)}
        row["changed_by_crf"] = float(np.mean(whole[0] != whole[1]))
        rows.append(row | compare(predictor, image, whole, grid))
        print(rows[-1], flush=True)
    return rows


def mosaic(data_dir: str, side: int) -> np.ndarray:
    """Returns side x side equally large validation images, over and over if need be, as one."""
    from deeplab_tf.data import evaluation_dataset, open_split

    split = open_split(data_dir, "val")
    examples = evaluation_dataset(split, min(side**2, len(split)))
    images = [example["image"].numpy() for example in examples]
    height, width = images[0].shape[:2]
    other = next((image.shape[:2] for image in images if image.shape[:2] != (height, width)), None)
    if other:
        raise ValueError(
            f"{data_dir}: the large images are made of equally large ones, but its split val has "
            f"images of {height} x {width} and {other[0]} x {other[1]} (height x width)."
        )
    image = np.empty([side * height, side * width, 3], np.uint8)
    for i in range(side**2):
        top, left = i // side * height, i % side * width
        image[top : top + height, left : left + width] = images[i % len(images)]
    return image


def compare(predictor: Predictor, image, whole: list[np.ndarray], grid: TileGrid) -> dict:
    """Labels every tile by itself and compares it with the whole.

    Args:
        predictor: what labels; the image must not be too large for it to be computed as a whole.
        image: uint8 RGB [H, W, 3].
        whole: its labels without and with the CRF.
        grid: where tiles lie.

    Returns:
        For both stages the share of equal labels in the cores together, and in full tiles by the
        distance from the edge.
    """
    height, width = image.shape[:2]
    equal_cores, by_distance = defaultdict(list), defaultdict(lambda: defaultdict(list))
    for rows, columns in grid.tiles(height, width):
        place = rows.computed, columns.computed
        distance = np.minimum.outer(_distances(rows, height), _distances(columns, width))
        ranges = np.digitize(distance, DISTANCES)
        stages = predictor.predict_stages(image[place])
        for stage, labels, truth in zip(STAGES, stages, whole, strict=True):
            equal = labels == truth[place]
            equal_cores[stage].append(equal[rows.core_in_tile, columns.core_in_tile].ravel())
            for i, end in enumerate((*DISTANCES, "more")):
                by_distance[stage][f"below {end}"].append(equal[ranges == i])
    return {
        stage: {
            "equal": _share(equal_cores[stage]),
            "by_distance": {key: _share(parts) for key, parts in by_distance[stage].items()},
        }
        for stage in STAGES
    }


def _distances(span: Span, size: int) -> np.ndarray:
    """Pixels to the nearest edge of a tile that is none of the image."""
    places = np.arange(span.start, span.stop)
    before = places - span.start if span.start else np.full(places.shape, np.inf)
    after = span.stop - 1 - places if span.stop < size else np.full(places.shape, np.inf)
    return np.minimum(before, after)


def _share(parts: list[np.ndarray]) -> float | None:
    every = np.concatenate(parts)
    return float(every.mean()) if every.size else None


def memory(data_dir: str, side: int, model_file: str | None, crf: bool) -> dict:
    """Labels a large image in a process of its own.

    Args:
        data_dir: where its images come from.
        side: images in a row and in a column; 25 of CamVid are 12,000 x 9,000 pixels.
        model_file: a .keras file, or None for VGG-16 LargeFOV with a tenth of its channels.
        crf: whether the CRF follows, with its default parameters.

    Returns:
        Size of the image, number of tiles, seconds, and the process' peak megabytes.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_label_large, (data_dir, side, model_file, crf))


def _label_large(data_dir: str, side: int, model_file: str | None, crf: bool) -> dict:
    from deeplab_tf.models.deeplab import DeepLab
    from deeplab_tf.models.loading import load_model

    model = load_model(model_file) if model_file else DeepLab(num_classes=21, width=0.1)
    predictor = Predictor(model, crf={} if crf else None)
    image = mosaic(data_dir, side)
    start = time.perf_counter()
    predictor(image)
    return {
        "image": image.shape[1::-1],
        "tiles": len(list(predictor.grid.tiles(*image.shape[:2]))),
        "seconds": time.perf_counter() - start,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
