"""What the suites `forward` and `train` share: networks, precisions, and the floor of a run."""

from __future__ import annotations

import importlib.util
import itertools
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

import tensorflow as tf

from benchmarks import torch_networks
from benchmarks.image_to_labels import multiply_adds
from benchmarks.timing import seconds_of
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS
from deeplab_tf.precision import POLICIES

CLASSES = 21
PRECISIONS = ("float32", "bfloat16")
# Preset -> the same network in PyTorch.
NETWORKS: dict[str, Callable] = {
    "vgg16_large_fov": torch_networks.vgg16_large_fov,
    "resnet101_aspp_l_single_scale": torch_networks.resnet101_aspp_l,
    "resnet50_v3plus": torch_networks.resnet50_v3plus,
    "mobilenet_v2_v3plus": torch_networks.mobilenet_v2_v3plus,
}
# Side of the square matrices whose product tells what the machine can do, and how many products.
_MATRIX, _PRODUCTS = 2048, 10
OURS, PEER = "deeplab_tf", "PyTorch"


class Case(NamedTuple):
    """A network at one size.

    Attributes:
        preset: row of `NETWORKS`.
        side: of the square images.
        batch: number of images.
        precision: row of `PRECISIONS`.
    """

    preset: str
    side: int
    batch: int
    precision: str

    def model(self) -> DeepLab:
        """Builds this library's network."""
        policy = POLICIES[self.precision]
        return DeepLab(num_classes=CLASSES, dtype=policy, **PRESETS[self.preset])

    def operations(self) -> float:
        """Counts the operations of the convolutions of a forward pass, padding included."""
        model = DeepLab(num_classes=CLASSES, **PRESETS[self.preset])
        return 2.0 * multiply_adds(model, self.side) * self.batch


def cases(networks, sides, batches) -> Iterator[Case]:
    """Yields the cases of a run, the precisions of one network and size after one another."""
    for values in itertools.product(networks, sides, batches, PRECISIONS):
        yield Case(*values)


def has_torch() -> bool:
    """Returns whether there is a peer to compare with."""
    return importlib.util.find_spec("torch") is not None


def time_in_turn(forms: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Calls functions in turn, twice unmeasured; returns the median seconds of each."""
    for call in (*forms.values(), *forms.values()):
        call()
    rounds = [[seconds_of(call) for call in forms.values()] for _ in range(repeats)]
    medians = (statistics.median(times) for times in zip(*rounds, strict=True))
    return dict(zip(forms, medians, strict=True))


def matrix_product_speed(precision: str) -> float:
    """Returns the operations a second of a product of large square matrices."""
    operand = tf.cast(tf.random.normal([_MATRIX, _MATRIX]), precision)

    @tf.function(autograph=False)
    def multiply(operand: tf.Tensor) -> tf.Tensor:
        product = operand
        for _ in range(_PRODUCTS):
            product = tf.matmul(product, operand) / _MATRIX
        return product

    (seconds,) = time_in_turn({"": lambda: multiply(operand).numpy()}, 5).values()
    return 2 * _MATRIX**3 * _PRODUCTS / seconds


def describe(case: Case, seconds: dict[str, float], operations: float, speed: float) -> list[dict]:
    """Returns a row for every form, ours compared with the peer's best.

    Args:
        case: what was run.
        seconds: median by form; those of PyTorch begin with its name.
        operations: of the arithmetic of one run.
        speed: operations a second of a matrix product in the same precision.
    """
    peers = [time for form, time in seconds.items() if form.startswith(PEER)]
    rows = []
    for form, time in seconds.items():
        row = {**case._asdict(), "form": form, "seconds": time, "gflops": operations / time / 1e9}
        row["share_of_matrix_product"] = operations / time / speed
        row["times_as_fast_as_pytorch"] = min(peers) / time if peers else None
        rows.append(row)
        shown = f"{row['times_as_fast_as_pytorch']:.2f}" if peers else "-"
        print(
            f"{case.preset:<32}{case.side:>5}{case.batch:>3} {case.precision:<10}{form:<26}"
            f"{1e3 * time:>9.1f} ms{row['gflops']:>7.0f} GFLOP/s"
            f"{100 * row['share_of_matrix_product']:>5.0f} %{shown:>7}",
            flush=True,
        )
    return rows
