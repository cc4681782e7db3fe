"""Counts what workers have to exchange in a step of training against what they compute.

Nothing is timed: numbers of weights and operations are the networks', and the time that a ring of
workers needs follows from them.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from benchmarks.image_to_labels import multiply_adds
from deeplab_tf.data.augment import read_augmentation
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.build_model import build_model
from deeplab_tf.training.config import resolve_config
from deeplab_tf.training.optimizers import trained_variables

ZOO = Path(__file__).resolve().parents[1] / "zoo"
# The classes of PASCAL VOC; the classifier is a small part of any network.
SPEC = DatasetSpec("voc12", tuple(f"class {i}" for i in range(21)))
WORKERS = 8
# Operations a second of one worker, and crops in its share of a batch: assumptions.
SPEED, CROPS = 30e12, 8
GIGABITS = (10, 25, 100)


def run(names: list[str] | None = None) -> dict:
    """Counts for every configuration of the zoo, and prints a line each.

    Args:
        names: some of them; None for all.

    Returns:
        Rows of figures: trained weights, bytes of their gradients, operations of a crop, and the
        share of a perfect speed-up that is left at each rate of the network.
    """
    rows = []
    for name in names or sorted(path.stem for path in ZOO.glob("*.py")):
        config = runpy.run_path(str(ZOO / f"{name}.py"))["get_config"]()
        config = resolve_config(config, images=1)
        side = read_augmentation(config.data).crop_size
        model = build_model(config, SPEC)
        trained = trained_variables(model, config.train.rate_multipliers)
        weights = sum(entry.variable.shape.num_elements() for entry in trained)
        # Forward, gradient of the inputs and gradient of the kernels, two operations each.
        operations = 6.0 * multiply_adds(model, side)
        shares = {
            f"{rate} Gbit/s": speed_up_share(4 * weights, operations, rate) for rate in GIGABITS
        }
        rows.append(
            {"config": name, "side": side, "weights": weights, "operations": operations,
             "shares": shares}
        )  # fmt: skip
        shown = "  ".join(f"{rate} {100 * share:.0f} %" for rate, share in shares.items())
        print(
            f"{name:<32}{side:>5}{weights / 1e6:>7.1f} M{operations / 1e9:>8.0f} GFLOP  {shown}",
            flush=True,
        )
    return {"workers": WORKERS, "speed": SPEED, "crops": CROPS, "rows": rows}


def speed_up_share(size: int, operations: float, gigabits: float) -> float:
    """Returns the share of a step in which workers compute, where they do nothing meanwhile.

    A ring sends every byte twice but for one worker's part: 2 (N - 1) / N of the gradient leave
    each of N workers.

    Args:
        size: bytes of the gradient.
        operations: of the training step of one crop.
        gigabits: a second that a worker can send.
    """
    sending = 2 * (WORKERS - 1) / WORKERS * size / (gigabits * 1e9 / 8)
    computing = CROPS * operations / SPEED
    return computing / (computing + sending)
