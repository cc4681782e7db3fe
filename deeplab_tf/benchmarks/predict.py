"""Seconds from JPEG to label PNG, stage by stage, beside PyTorch and pydensecrf."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.benchmarks.crf_cases import CLASSES, load_photo, rough_logits
from deeplab_tf.benchmarks.predict_torch import TorchRoute, build_network
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.layers.dense_crf import DenseCRF
from deeplab_tf.layers.resize import resize
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS
from deeplab_tf.training.config import base_config

PHOTO, SIDE, LIVE = "astronaut", 513, 5
PRESET = "resnet101_aspp_l_single_scale"
STAGES = ("read and decode", "network", "upsampling", "CRF", "argmax", "encode and write")
OURS, PREDICTOR = "deeplab_tf", "deeplab_tf.Predictor"
MISSING = "torch is missing: no peer to compare with"
# Side of the square matrices whose product tells what the machine can do, and how many products.
_MATRIX, _PRODUCTS = 2048, 10


def run(repeats: int, threads: int, side: int = SIDE, width: float = 1.0) -> dict:
    """Times all routes in turn and prints where the time goes.

    The networks are random. Their scores are zoomed, but the CRF, whose time depends on how many
    labels are likely anywhere, gets made-up ones with five live labels of 21.

    Args:
        repeats: rounds of which the median counts.
        threads: for PyTorch; TensorFlow has been given as many.
        side: of the photo, one more than a multiple of 8.
        width: factor on the networks' channels.

    Returns:
        Seconds by route and stage, and what the network's arithmetic takes at least.
    """
    photo = load_photo(PHOTO, side, side)
    logits = rough_logits(photo, LIVE)
    crf = CrfParameters.from_dict(dict(base_config("resnet101_aspp_l").crf))
    model = DeepLab(num_classes=CLASSES, width=width, **PRESETS[PRESET])
    palette = palette_bytes(model.spec)
    routes = {OURS: LibraryRoute(model, logits, crf, palette)}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        for name, layout in (("PyTorch", False), ("PyTorch, channels_last", True)):
            network = build_network(CLASSES, width, layout)
            routes[name] = TorchRoute(network, logits, crf, palette)
    predictor = Predictor(model, crf=_SceneCRF(logits, **crf.to_dict()))
    operand = tf.random.normal([_MATRIX, _MATRIX])
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "photo.jpg", Path(folder) / "labels.png"
        Image.fromarray(photo).save(source, quality=95)

        def predict():
            write_atomically(target, encode_label(predictor(read_upright(source)), palette))

        rounds, whole, products = {name: [] for name in routes}, [], []
        for number in range(repeats + 1):
            for name, route in routes.items():
                rounds[name].append(time_stages(route, source, target))
            whole.append(_seconds(predict))
            products.append(_seconds(lambda: _multiply(operand)))
            if number == 0:  # compiles, and fills the caches
                rounds, whole, products = {name: [] for name in routes}, [], []
    seconds = {
        name: {stage: statistics.median(one[stage] for one in found) for stage in STAGES}
        for name, found in rounds.items()
    }
    totals = {
        name: statistics.median(sum(one.values()) for one in found)
        for name, found in rounds.items()
    }
    totals[PREDICTOR] = statistics.median(whole)
    speed = 2 * _PRODUCTS * _MATRIX**3 / statistics.median(products)
    arithmetic = 2 * multiply_adds(model, side)
    results = {
        "threads": threads, "seconds": seconds, "totals": totals,
        "operations": arithmetic, "matrix_product_operations_per_second": speed,
        "network_floor": arithmetic / speed,
    }  # fmt: skip
    _report(results, repeats)
    return results


class LibraryRoute:
    """What the predictor and the tools do, one step at a time.

    Args:
        model: a DeepLab with one scale.
        logits: float32 [H, W, C] that the CRF gets instead of the random network's.
        crf: parameters of the CRF.
        palette: 768 bytes of the label file.
    """

    def __init__(self, model, logits, crf: CrfParameters, palette: bytes):
        self._logits = tf.constant(logits[None])
        self._palette = palette
        refine, stride = DenseCRF(**crf.to_dict()), model.output_stride
        images = tf.TensorSpec([1, None, None, 3], tf.uint8)
        maps = tf.TensorSpec([1, None, None, logits.shape[2]])

        def zoom(scores):
            return resize(scores, tf.unstack((tf.shape(scores)[1:3] - 1) * stride + 1))

        self._score = tf.function(lambda x: model.score_maps(x)[0], input_signature=[images])
        self._zoom = tf.function(zoom, input_signature=[maps])
        self._refine = tf.function(lambda *pair: refine(pair), input_signature=[maps, images])
        self._label = tf.function(
            lambda x: tf.cast(tf.argmax(x, axis=-1), tf.uint8), input_signature=[maps]
        )

    def read(self, path) -> np.ndarray:
        """Returns uint8 RGB [H, W, 3]."""
        return read_upright(path)

    def score(self, image):
        """Returns scores [1, h, w, C] on the feature grid."""
        return self._score(image[None])

    def zoom(self, scores, image):
        """Returns logits [1, H, W, C]."""
        return self._zoom(scores)

    def refine(self, image):
        """Returns the CRF's probabilities [1, H, W, C]."""
        return self._refine(self._logits, image[None])

    def label(self, probabilities) -> np.ndarray:
        """Returns uint8 [H, W]."""
        return self._label(probabilities)[0].numpy()

    def write(self, labels, path):
        """Writes an indexed PNG."""
        write_atomically(path, encode_label(labels, self._palette))


class _SceneCRF(DenseCRF):
    """The CRF on given logits; those of the network count too little to change a label."""

    def __init__(self, scene, **parameters):
        super().__init__(**parameters, name="crf")
        self._scene = tf.constant(scene[None])

    def call(self, inputs, valid=None):
        logits, images = inputs
        return super().call((self._scene + tf.clip_by_value(logits, -1e-6, 1e-6), images), valid)


def time_stages(route, source: Path, target: Path) -> dict[str, float]:
    """Labels a photo and returns the seconds of every stage."""
    marks = [time.perf_counter()]

    def mark(value):
        marks.append(time.perf_counter())
        return value

    image = mark(route.read(source))
    scores = mark(route.score(image))
    mark(route.zoom(scores, image))
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
    traced = tf.function(lambda x: model.score_maps(x)[0])
    # Two: one alone is convolved in halves, of which one may be a row too large.
    graph = traced.get_concrete_function(tf.TensorSpec([2, side, side, 3])).graph
    convolutions = [node for node in graph.get_operations() if node.type == "Conv2D"]
    shapes = ((node.inputs[1].shape, node.outputs[0].shape) for node in convolutions)
    return sum(kernel.num_elements() * out[1] * out[2] for kernel, out in shapes)


@tf.function
def _multiply(operand):
    product = operand
    for _ in range(_PRODUCTS):
        product = tf.matmul(product, operand) / _MATRIX
    return product


def _seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _report(results: dict, repeats: int):
    totals, seconds = results["totals"], results["seconds"]
    print(f"{results['threads']} thread(s), median of {repeats} runs, milliseconds and share")
    print(f"{'':<20}" + "".join(f"{name:>26}" for name in seconds))
    for stage in STAGES:
        cells = (
            f"{1e3 * found[stage]:.1f}{100 * found[stage] / totals[name]:>7.1f} %"
            for name, found in seconds.items()
        )
        print(f"{stage:<20}" + "".join(f"{cell:>26}" for cell in cells))
    print(f"{'whole':<20}" + "".join(f"{1e3 * totals[name]:>26.1f}" for name in seconds))
    print(f"{PREDICTOR}, from file to file: {1e3 * totals[PREDICTOR]:.1f} ms")
    for name in seconds:
        if name != OURS:
            print(f"{totals[name] / totals[PREDICTOR]:.2f} times as fast as {name}")
    if len(seconds) == 1:
        print(MISSING)
    floor = results["network_floor"]
    print(
        f"network: {results['operations'] / 1e9:.0f} GFLOP, at the speed of a matrix product "
        f"({results['matrix_product_operations_per_second'] / 1e9:.0f} GFLOP/s) {floor:.2f} s; "
        f"it takes {seconds[OURS]['network'] / floor:.2f} times as long"
    )
