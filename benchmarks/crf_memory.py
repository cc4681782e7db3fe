"""Measures the memory that the CRF takes on a large image."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
from PIL import Image

from benchmarks.crf_cases import CLASSES, load_image, rough_logits
from benchmarks.peak_memory import peak_megabytes

WIDTH, HEIGHT, LABELS = 2048, 1024, 19


def measure(iterations: int = 10) -> dict[str, float]:
    """Refines a Cityscapes-sized image with all labels live, in a process of its own.

    Args:
        iterations: of the mean field; they take time, not memory.

    Returns:
        Seconds of the first call, tracing included, and the process' peak megabytes.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_refine, (iterations,))


def _refine(iterations: int) -> dict[str, float]:
    from deeplab_tf.crf import mean_field

    full_size = Image.fromarray(load_image("rocket"))
    image = np.asarray(full_size.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    logits = rough_logits(image, live=CLASSES)[..., :LABELS].copy()
    start = time.perf_counter()
    mean_field(logits=logits, image=image, iterations=iterations)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "megabytes": peak_megabytes()}
