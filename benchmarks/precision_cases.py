"""What the suites `forward` and `train` share: networks, precisions, and the floor of a run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import timing, torch_networks
from benchmarks.image_to_labels import multiply_adds
from benchmarks.timing import PRECISIONS, matrix_products, time_in_turn
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS
from deeplab_tf.precision import POLICIES

CLASSES = 21
# torchvision's ResNet-50 in place of the released code's, and no multi-grid.
_V1_5 = {**PRESETS["resnet50_v3plus"], "backbone": "resnet50_v1_5", "multi_grid": (1, 1, 1)}
# Name -> arguments of DeepLab, and the same network in PyTorch.
NETWORKS: dict[str, tuple[dict[str, Any], Callable]] = {
    "vgg16_large_fov": (PRESETS["vgg16_large_fov"], torch_networks.vgg16_large_fov),
    "resnet101_aspp_l": (
        PRESETS["resnet101_aspp_l_single_scale"],
        torch_networks.resnet101_aspp_l,
    ),
    "resnet50_v1_5_v3plus": (_V1_5, torch_networks.resnet50_v1_5_v3plus),
    "mobilenet_v2_v3plus": (PRESETS["mobilenet_v2_v3plus"], torch_networks.mobilenet_v2_v3plus),
}
OURS, KERAS, PEER = "deeplab_tf", "Keras' Conv2D", "PyTorch"


class Case(NamedTuple):
    """A network at one size.

    Attributes:
        network: row of `NETWORKS`.
        side: of the square images.
        batch: number of images.
        precision: row of `PRECISIONS`.
    """

    network: str
    side: int
    batch: int
    precision: str

    def model(self) -> DeepLab:
        """Builds this library's network."""
        policy = POLICIES[self.precision]
        return DeepLab(num_classes=CLASSES, dtype=policy, **NETWORKS[self.network][0])

    def torch_module(self) -> Any:
        """Builds the same network in PyTorch."""
        return NETWORKS[self.network][1](CLASSES)

    def operations(self) -> float:
        """Counts the operations of the convolutions of a forward pass, padding included."""
        model = self._replace(precision="float32").model()
        return 2.0 * multiply_adds(model, self.side) * self.batch


def cases(networks, sides, batches) -> list[Case]:
    """Returns the cases of a run, the precisions of one network and size after one another.

    Raises:
        ValueError: a network is no row of `NETWORKS`, or there is none.
    """
    if not networks or not set(networks) <= NETWORKS.keys():
        raise ValueError(
            f"The networks of this suite are {', '.join(NETWORKS)}. "
            f"Received: {','.join(networks)!r}"
        )
    return [Case(*values) for values in itertools.product(networks, sides, batches, PRECISIONS)]


def matrix_product_speed(precision: str) -> float:
    """Returns the operations a second of a product of large square matrices."""
    (seconds,) = time_in_turn({"": matrix_products(precision)}, 5).values()
    return 2 * timing.MATRIX**3 * timing.PRODUCTS / seconds


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
            f"{case.network:<32}{case.side:>5}{case.batch:>3} {case.precision:<10}{form:<26}"
            f"{1e3 * time:>9.1f} ms{row['gflops']:>7.0f} GFLOP/s"
            f"{100 * row['share_of_matrix_product']:>5.0f} %{shown:>7}",
            flush=True,
        )
    return rows
