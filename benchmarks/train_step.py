"""Times training steps in float32 and bfloat16 beside PyTorch's best form, and their memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.image_to_labels import has_torch
from benchmarks.peak_memory import peak_megabytes
from benchmarks.precision_cases import (
    CLASSES,
    OURS,
    PEER,
    Case,
    cases,
    describe,
    matrix_product_speed,
)
from benchmarks.timing import PRECISIONS, time_in_turn
from deeplab_tf import compat
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.step import build_step


def run(networks, sides, batches, repeats: int, threads: int) -> dict:
    """Times one step of SGD with momentum, of this library and of PyTorch, in turn.

    Args:
        networks: rows of `NETWORKS`.
        sides: of the square crops.
        batches: numbers of crops of a step.
        repeats: rounds of which the median counts.
        threads: for PyTorch; TensorFlow has been given as many.

    Returns:
        Rows of figures, with the peak memory of a process of its own that takes two steps.
    """
    chosen = cases(networks, sides, batches)
    speeds = {precision: matrix_product_speed(precision) for precision in PRECISIONS}
    rows = []
    for case in chosen:
        forms = {OURS: _own_step(case), **_peers(case, threads)}
        seconds = time_in_turn(forms, repeats)
        # Forward, gradient of the inputs and gradient of the kernels.
        case_rows = describe(case, seconds, 3 * case.operations(), speeds[case.precision])
        for row in case_rows:
            row["megabytes"] = _memory(case, row["form"], threads)
            print(f"{'':<50}{row['form']:<26}{row['megabytes']:>9.0f} MB", flush=True)
        rows += case_rows
    return {"threads": threads, "matrix_product": speeds, "rows": rows}


def _own_step(case: Case) -> Callable:
    model = case.model()
    trained = trained_variables(model, ())
    optimizer = build_optimizer("SGD", "momentum=0.9", 1e-4)
    compat.create_slots(optimizer, [entry.variable for entry in trained])
    step = build_step(
        model, optimizer, trained, tf.distribute.get_strategy(), 5e-4, parse_loss("cross_entropy")
    )
    images, labels = _data(case)
    batch = {
        "images": tf.constant(images[None], tf.float32),
        "labels": tf.constant(labels[None]),
        "seeds": tf.zeros([1, case.batch, 2], tf.int32),
    }
    return lambda: step(batch)["loss"].numpy()


def _peers(case: Case, threads: int) -> dict[str, Callable]:
    if not has_torch():
        return {}
    import torch

    torch.set_num_threads(threads)
    layouts = {"": torch.contiguous_format, ", channels_last": torch.channels_last}
    return {PEER + name: _torch_step(case, layout) for name, layout in layouts.items()}


def _torch_step(case: Case, layout) -> Callable:
    import torch
    from torch.nn.functional import cross_entropy, interpolate

    network = case.torch_module().train().to(memory_format=layout)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, 1e-4, momentum=0.9, weight_decay=5e-4)
    images, labels = _data(case)
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    inputs = inputs.contiguous(memory_format=layout)
    targets = torch.from_numpy(labels.astype(np.int64))
    enabled = case.precision == "bfloat16"

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits = network(inputs)
        # As ours: the loss is taken on the grid of the logits, of labels that are subsampled.
        small = interpolate(targets[:, None].float(), size=logits.shape[2:])[:, 0].long()
        loss = cross_entropy(logits.float(), small)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = [case.batch, case.side, case.side]
    images = rng.integers(0, 256, [*shape, 3]).astype(np.float32)
    return images, rng.integers(0, CLASSES, shape).astype(np.int32)


def _memory(case: Case, form: str, threads: int) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_memory_of_two_steps, (case, form, threads))


def _memory_of_two_steps(case: Case, form: str, threads: int) -> float:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    step = _own_step(case) if form == OURS else _peers(case, threads)[form]
    for _ in range(2):
        step()
    return peak_megabytes()
