"""The CRF inside the graph against pydensecrf, on the photos that scikit-image brings along."""

from __future__ import annotations

import importlib
import resource
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.permutohedral import build_lattice

PHOTOS = ("coffee", "astronaut", "rocket")
WIDTH, HEIGHT, CLASSES = 500, 375, 21
# Sigma alpha, sigma beta, w1.
PARAMETERS = ((67.0, 3.0, 4.0), (121.0, 5.0, 5.0), (50.0, 3.0, 3.0))
ROW = "{:<34}{:>6}{:>10}{:>10}{:>10}{:>7}{:>10}{:>7}{:>12}{:>12}"


def run(repeats: int) -> dict:
    """Times all cases and prints a row for each.

    Args:
        repeats: runs of which the median counts; ours and pydensecrf's take turns.

    Returns:
        The figures, in seconds, and the geometric means of the speed-ups.
    """
    head = ("photo, parameters, logits", "live", "vertices", "pydense", "exact", "x")
    print(ROW.format(*head, "fast", "x", "exact TV", "fast same"))
    rows = [_time_case(*case, repeats) for case in cases()]
    means = {}
    for logits in ("rough", "all live"):
        for mode in ("exact", "fast"):
            ratios = [r["pydensecrf"] / r[mode] for r in rows if r["logits"] == logits]
            means[f"{logits}, {mode}"] = statistics.geometric_mean(ratios)
            print(
                f"{logits} logits, {mode}: {means[f'{logits}, {mode}']:.2f} times as fast "
                f"(geometric mean), at least {min(ratios):.2f}"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak:.0f} MB")
    return {"cases": rows, "geometric_means": means, "peak_megabytes": peak}


def cases() -> Iterator[tuple]:
    """Yields photo's name, image, kind of logits, logits and parameters."""
    for name in PHOTOS:
        image = load_photo(name)
        for sigma_xy, sigma_rgb, weight in PARAMETERS:
            parameters = {
                "bilateral_sigma_xy": sigma_xy,
                "bilateral_sigma_rgb": sigma_rgb,
                "bilateral_weight": weight,
                "gaussian_sigma_xy": 3.0,
                "spatial_kernel": "lattice",
            }
            yield name, image, "rough", rough_logits(image, live=5), parameters
        parameters = {**parameters, "bilateral_sigma_xy": 67.0, "bilateral_weight": 4.0}
        yield name, image, "all live", rough_logits(image, live=CLASSES), parameters


def load_photo(name: str) -> np.ndarray:
    """Returns a photo of scikit-image as uint8 RGB [HEIGHT, WIDTH, 3]."""
    try:
        data = importlib.import_module("skimage.data")
    except ImportError as error:
        raise ImportError(
            "The photos come with scikit-image: pip install 'deeplab_tf[benchmark]'."
        ) from error
    photo = Image.fromarray(getattr(data, name)()).convert("RGB")
    return np.asarray(photo.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def rough_logits(image, live: int, seed: int = 0) -> np.ndarray:
    """Makes scores as a network's: regions of like colour and place, blurred at stride 8.

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


def _time_case(name, image, kind, logits, parameters, repeats: int) -> dict:
    def refine(**options):
        return mean_field(logits=logits, image=image, **{**parameters, **options})

    runs = {
        "pydensecrf": lambda: refine(implementation="pydensecrf"),
        "exact": refine,
        "fast": lambda: refine(mode="fast"),
    }
    answers = {key: call() for key, call in runs.items()}  # the first call also compiles
    row = {"photo": name, "logits": kind, **parameters, **_in_turn(runs, repeats)}
    reference = answers["pydensecrf"]
    row["live_labels"] = int((reference.reshape(-1, CLASSES).max(axis=0) > 0.05).sum())
    row["vertices"] = _count_vertices(image, parameters)
    row["total_variation"] = float(0.5 * np.abs(answers["exact"] - reference).sum(-1).mean())
    for mode in ("exact", "fast"):
        same = answers[mode].argmax(-1) == reference.argmax(-1)
        row[f"{mode}_equal_labels"] = float(same.mean())
    _print_row(row)
    return row


def _print_row(row: dict):
    sigmas = (row["bilateral_sigma_xy"], row["bilateral_sigma_rgb"], row["bilateral_weight"])
    times = [f"{1e3 * row[key]:.0f} ms" for key in ("pydensecrf", "exact", "fast")]
    ratios = [f"{row['pydensecrf'] / row[key]:.2f}" for key in ("exact", "fast")]
    print(
        ROW.format(
            f"{row['photo']} {'/'.join(f'{s:g}' for s in sigmas)}, {row['logits']}",
            row["live_labels"],
            row["vertices"],
            times[0],
            times[1],
            ratios[0],
            times[2],
            ratios[1],
            f"{row['total_variation']:.1e}",
            f"{100 * row['fast_equal_labels']:.3f} %",
        )
    )


def _in_turn(runs: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Returns the median seconds of every function, all of them measured in every round."""
    seconds = {key: [] for key in runs}
    for _ in range(repeats):
        for key, call in runs.items():
            start = time.perf_counter()
            call()
            seconds[key].append(time.perf_counter() - start)
    return {key: statistics.median(values) for key, values in seconds.items()}


def _count_vertices(image, parameters) -> int:
    checked = CrfParameters.from_dict(parameters)
    y, x = np.indices(image.shape[:2], np.float32).reshape(2, -1)
    places = [v / np.float32(checked.bilateral_sigma_xy) for v in (x, y)]
    colors = image.reshape(-1, 3).T.astype(np.float32) / np.float32(checked.bilateral_sigma_rgb)
    lattice = build_lattice([tf.constant(v) for v in (*places, *colors)])
    return int(tf.add_n(lattice.sizes))
