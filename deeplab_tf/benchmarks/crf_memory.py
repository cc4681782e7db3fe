"""Memory that the CRF takes on a large picture."""

from __future__ import annotations

import multiprocessing
import resource
import time

import numpy as np
from PIL import Image

from deeplab_tf.benchmarks.crf_cases import CLASSES, load_photo, rough_logits

WIDTH, HEIGHT, LABELS = 2048, 1024, 19


def measure() -> dict[str, float]:
    """Refines a Cityscapes-sized picture with all labels live, in a process of its own.

    Returns:
        Seconds of the first call, tracing included, and the process' peak megabytes before
        and after it.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_refine)


def _refine() -> dict[str, float]:
    from deeplab_tf.crf import mean_field

    photo = Image.fromarray(load_photo("rocket"))
    image = np.asarray(photo.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    logits = rough_logits(image, live=CLASSES)[..., :LABELS].copy()
    before, start = _peak_megabytes(), time.perf_counter()
    mean_field(logits=logits, image=image)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "megabytes_before": before, "megabytes": _peak_megabytes()}


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
