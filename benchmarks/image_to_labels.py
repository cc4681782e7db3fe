"""Seconds from JPEG to label PNG, stage by stage, beside PyTorch and pydensecrf."""

from __future__ import annotations

import dataclasses
import importlib.util
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import timing
from benchmarks.crf_cases import CLASSES, load_image, rough_logits
from benchmarks.image_to_labels_library import LibraryRoute, SceneCRF
from benchmarks.image_to_labels_torch import TorchRoute, build_network
from benchmarks.timing import PRECISIONS, matrix_products, seconds_of
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.in_precision import in_precision
from deeplab_tf.models.presets import PRESETS
from deeplab_tf.training.config import base_config

IMAGE, SIDE, LIVE = "astronaut", 513, 5
PRESET = "resnet101_aspp_l_single_scale"
STAGES = ("read and decode", "network", "upsampling", "CRF", "argmax", "encode and write")
OURS, PREDICTOR, FAST = "deeplab_tf", "deeplab_tf.Predictor", ", fast CRF"
MISSING = "torch is missing: no peer to compare with"


def run(repeats: int, threads: int, side: int = SIDE, width: float = 1.0) -> dict:
    """Times all routes in turn and prints where the time goes, once for each precision.

    The networks are random. Their logits are zoomed, but the CRF, whose time depends on how many
    labels are likely anywhere, gets made-up ones with five live labels of 21.

    Args:
        repeats: rounds of which the median counts.
        threads: for PyTorch; TensorFlow has been given as many.
        side: of the image, one more than a multiple of 8.
        width: factor on the networks' channels.

    Returns:
        By precision: seconds by route and stage, and what the network's arithmetic takes at least.
    """
    model = DeepLab(num_classes=CLASSES, width=width, **PRESETS[PRESET])
    operations = 2 * multiply_adds(model, side)
    found = {}
    for precision in PRECISIONS:
        found[precision] = _run_in(precision, model, side, width, repeats, threads)
        found[precision]["operations"] = operations
        floor = operations / found[precision]["matrix_product_operations_per_second"]
        found[precision]["network_floor"] = floor
        print(f"{precision}, {threads} thread(s), median of {repeats} runs, ms and share")
        _report(found[precision])
    return {"threads": threads, "precisions": found}


def _run_in(precision, model, side: int, width: float, repeats: int, threads: int) -> dict:
    model = in_precision(model, precision)
    image = load_image(IMAGE, side, side)
    logits = rough_logits(image, LIVE)
    palette = palette_bytes(model.spec)
    exact = CrfParameters.from_dict(dict(base_config("resnet101_aspp_l").crf))
    routes, predictors = {}, {}
    for suffix, mode in {"": "exact", FAST: "fast"}.items():
        crf = dataclasses.replace(exact, mode=mode)
        routes[OURS + suffix] = LibraryRoute(model, logits, crf, palette)
        predictor = Predictor(model, crf=SceneCRF(logits, **crf.to_dict()))
        predictors[PREDICTOR + suffix] = partial(_predict_file, predictor, palette)
    for name, network in _peers(threads, width).items():
        routes[name] = TorchRoute(network, logits, exact, palette, precision)
    stages, whole, product = _time_in_turn(image, routes, predictors, precision, repeats)
    return {
        "seconds": {
            name: {stage: statistics.median(one[stage] for one in rounds) for stage in STAGES}
            for name, rounds in stages.items()
        },
        "totals": {
            name: statistics.median(sum(one.values()) for one in rounds)
            for name, rounds in stages.items()
        }
        | whole,
        "matrix_product_operations_per_second": 2 * timing.MATRIX**3 / product,
    }


def _predict_file(predictor, palette: bytes, source: Path, target: Path) -> None:
    write_atomically(target, encode_label(predictor(read_upright(source)), palette))


def has_torch() -> bool:
    """Returns whether there is a peer to compare with."""
    return importlib.util.find_spec("torch") is not None


def _peers(threads: int, width: float) -> dict:
    """PyTorch's networks by name; none where it is not installed."""
    if not has_torch():
        return {}
    import torch

    torch.set_num_threads(threads)
    layouts = {"PyTorch": False, "PyTorch, channels_last": True}
    return {name: build_network(CLASSES, width, last) for name, last in layouts.items()}


def _time_in_turn(image, routes: dict, predictors: dict, precision: str, repeats: int):
    """Returns seconds of stages by route and round, of whole predictions and a matrix product."""
    multiply = matrix_products(precision)
    stages, products = {name: [] for name in routes}, []
    whole: dict[str, list[float]] = {name: [] for name in predictors}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "image.jpg", Path(folder) / "labels.png"
        Image.fromarray(image).save(source, quality=95)
        for _ in range(repeats + 1):
            for name, route in routes.items():
                stages[name].append(time_stages(route, source, target))
            for name, predict in predictors.items():
                whole[name].append(seconds_of(partial(predict, source, target)))
            products.append(seconds_of(multiply) / timing.PRODUCTS)
    # The first round compiles and fills the caches.
    timed = {name: rounds[1:] for name, rounds in stages.items()}
    medians = {name: statistics.median(rounds[1:]) for name, rounds in whole.items()}
    return timed, medians, statistics.median(products[1:])


def time_stages(route, source: Path, target: Path) -> dict[str, float]:
    """Labels an image and returns the seconds of every stage."""
    marks = [time.perf_counter()]

    def mark(value):
        marks.append(time.perf_counter())
        return value

    image = mark(route.read(source))
    logits = mark(route.logits(image))
    mark(route.zoom(logits, image))
    probabilities = mark(route.refine(image))
    labels = mark(route.label(probabilities))
    mark(route.write(labels, target))
    return dict(zip(STAGES, np.diff(marks).tolist(), strict=True))


def multiply_adds(model, side: int) -> int:
    """Counts the multiplications of a model's convolutions, those with padding included.

    Args:
        model: a DeepLab.
        side: of a square image.
    """
    traced = tf.function(lambda x: model.logit_maps(x)[0])
    # Two: one alone is convolved in halves, of which one may be a row too large.
    graph = traced.get_concrete_function(tf.TensorSpec([2, side, side, 3])).graph
    convolutions = [node for node in graph.get_operations() if node.type == "Conv2D"]
    shapes = ((node.inputs[1].shape, node.outputs[0].shape) for node in convolutions)
    return sum(kernel.num_elements() * out[1] * out[2] for kernel, out in shapes)


def _report(results: dict) -> None:
    totals, seconds = results["totals"], results["seconds"]
    print(f"{'':<20}" + "".join(f"{name:>26}" for name in seconds))
    for stage in STAGES:
        cells = (
            f"{1e3 * found[stage]:.1f}{100 * found[stage] / totals[name]:>7.1f} %"
            for name, found in seconds.items()
        )
        print(f"{stage:<20}" + "".join(f"{cell:>26}" for cell in cells))
    print(f"{'whole':<20}" + "".join(f"{1e3 * totals[name]:>26.1f}" for name in seconds))
    peers = {name: totals[name] for name in seconds if not name.startswith(OURS)}
    for own in (PREDICTOR, PREDICTOR + FAST):
        ratios = "".join(f", {time / totals[own]:.2f} times {name}" for name, time in peers.items())
        print(f"{own}, from file to file: {1e3 * totals[own]:.1f} ms{ratios}")
    if not peers:
        print(MISSING)
    floor = results["network_floor"]
    print(
        f"network: {results['operations'] / 1e9:.0f} GFLOP, at the speed of a matrix product "
        f"({results['matrix_product_operations_per_second'] / 1e9:.0f} GFLOP/s) {floor:.2f} s; "
        f"it takes {seconds[OURS]['network'] / floor:.2f} times as long",
        flush=True,
    )
