"""Follows the memory of long-running processes over images of ever new sizes."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.crf_cases import load_image

SIDES = (120, 360)  # shortest and longest
ITERATIONS = 5  # of the CRF
WAYS = ("Predictor", "SavedModel", "demo")


def run(images: int = 300) -> dict:
    """Labels images of different sizes in a process for each way, and prints a line each.

    Args:
        images: number of images, of which no two have the same size.

    Returns:
        Rows: the way, graphs that were built for the first image and for all later ones, and the
        megabytes of the process after each third of the images.
    """
    rows = []
    for way in WAYS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = {"way": way, **pool.apply(_follow, (way, images))}
        rows.append(row)
        shown = ", ".join(f"{megabytes:.0f}" for megabytes in row["megabytes"])
        print(
            f"{way:<12}{row['graphs'][0]:>5} graphs, then {row['graphs'][1]}; {shown} MB",
            flush=True,
        )
    return {"images": images, "sides": SIDES, "rows": rows}


def sizes(count: int) -> list[tuple[int, int]]:
    """Returns different heights and widths, between `SIDES` and in no order."""
    low, high = SIDES
    rng = np.random.default_rng(0)
    found = dict.fromkeys(map(tuple, rng.integers(low, high + 1, (2 * count, 2)).tolist()))
    return list(found)[:count]


def _follow(way: str, count: int) -> dict:
    built = _counted_graphs()
    with tempfile.TemporaryDirectory() as folder:
        label = _labeller(way, Path(folder))
        full_size = Image.fromarray(load_image("astronaut"))
        megabytes, first, before = [], 0, len(built)
        for number, (height, width) in enumerate(sizes(count), start=1):
            label(np.asarray(full_size.resize((width, height), Image.Resampling.BICUBIC)))
            if number == 1:
                first = len(built) - before
            if number % max(count // 3, 1) == 0:
                megabytes.append(_resident_megabytes())
    return {"graphs": [first, len(built) - before - first], "megabytes": megabytes}


def _labeller(way: str, folder: Path) -> Callable[[np.ndarray], object]:
    import tensorflow as tf

    import deeplab_tf
    from deeplab_tf.demo.labeller import Labeller
    from deeplab_tf.export import export_saved_model

    model = deeplab_tf.DeepLab(num_classes=5, width=0.25)
    crf = {"iterations": ITERATIONS}
    predictor = deeplab_tf.Predictor(model, crf=crf)
    if way == "Predictor":
        return predictor
    if way == "SavedModel":
        export_saved_model(predictor, folder / "1", log=lambda line: None)
        signature = tf.saved_model.load(str(folder / "1")).signatures["predict_tensor"]
        return lambda image: signature(images=tf.constant(image[None]))
    labeller = Labeller(predictor)
    return lambda image: labeller.refine(labeller.label("image", image), {})


def _counted_graphs() -> list:
    """Returns a list that grows with every graph of a function that TensorFlow builds."""
    from tensorflow.python.framework import func_graph

    built: list[str] = []
    begin = func_graph.FuncGraph.__init__

    def counted(self: object, name: str, *arguments: object, **options: object) -> None:
        built.append(name)
        begin(self, name, *arguments, **options)

    func_graph.FuncGraph.__init__ = counted
    return built


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
