"""Times the CRF inside the graph against pydensecrf, in turn, in one process."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from benchmarks import crf_memory
from benchmarks.crf_cases import Case
from benchmarks.timing import seconds_of
from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.kernels import build_kernels, pixel_features
from deeplab_tf.crf.lattice.build_lattice import build_lattice
from deeplab_tf.crf.learnable import Weights
from deeplab_tf.crf.reference import softmax
from deeplab_tf.crf.refine import batch_function

MODES = ("exact", "fast")
# A label that has such a probability somewhere before the CRF is called live.
LIVE = 0.05
BATCH = 4
ROW = "{:<36}{:>6}{:>10}{:>10}{:>10}{:>7}{:>10}{:>7}{:>10}{:>11}"
STAGES = ("lattices", "matrices and norms", "before and after", "one iteration")


def run(cases: Iterable[Case], repeats: int, threads: int) -> dict:
    """Times all cases and prints a row for each.

    Args:
        cases: the problems.
        repeats: runs of which the median counts; ours and pydensecrf's take turns.
        threads: what TensorFlow was given, for the record.

    Returns:
        The figures, in seconds, and the geometric means of the speed-ups.
    """
    cases = list(cases)
    print(f"{threads} thread(s), median of {repeats} runs")
    head = ("image, parameters, logits", "live", "vertices", "pydense", "exact", "x")
    print(ROW.format(*head, "fast", "x", "exact TV", "fast same"))
    rows = [_time_case(case, repeats) for case in cases]
    means = {}
    for kind in dict.fromkeys(row["logits"] for row in rows):
        for mode in MODES:
            ratios = [row["pydensecrf"] / row[mode] for row in rows if row["logits"] == kind]
            means[f"{kind}, {mode}"] = statistics.geometric_mean(ratios)
            print(
                f"{kind} logits, {mode}: {means[f'{kind}, {mode}']:.2f} times as fast "
                f"(geometric mean), at least {min(ratios):.2f}"
            )
    stages = _time_stages(cases[0], repeats)
    print(
        f"{cases[0].name}, exact, ms: " + ", ".join(f"{k} {1e3 * v:.1f}" for k, v in stages.items())
    )
    batch = _time_batch(cases[0], repeats)
    print(f"an image of a batch of {BATCH} takes {batch:.2f} times as long as a single one")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak:.0f} MB")
    large = crf_memory.measure()
    print(
        f"{crf_memory.WIDTH}x{crf_memory.HEIGHT} with {crf_memory.LABELS} live labels in a process "
        f"of its own: {large['seconds']:.1f} s, peak memory {large['megabytes']:.0f} MB"
    )
    return {
        "threads": threads,
        "cases": rows,
        "geometric_means": means,
        "stages": stages,
        "batch_against_single": batch,
        "peak_megabytes": peak,
        "large_image": large,
    }


def _time_case(case: Case, repeats: int) -> dict:
    def refine(**options):
        return mean_field(logits=case.logits, image=case.image, **{**case.parameters, **options})

    runs = {
        "pydensecrf": lambda: refine(implementation="pydensecrf"),
        "exact": refine,
        "fast": lambda: refine(mode="fast"),
    }
    predictions = {key: call() for key, call in runs.items()}  # the first call also compiles
    parameters = CrfParameters.from_dict(case.parameters).to_dict()
    row = {"image": case.name, "logits": case.kind, **parameters, **_in_turn(runs, repeats)}
    reference = predictions["pydensecrf"]
    row["live_labels"] = int((softmax(case.logits).max(axis=(0, 1)) > LIVE).sum())
    row["vertices"] = _count_vertices(case)
    row["total_variation"] = float(0.5 * np.abs(predictions["exact"] - reference).sum(-1).mean())
    for mode in MODES:
        same = predictions[mode].argmax(-1) == reference.argmax(-1)
        row[f"{mode}_equal_labels"] = float(same.mean())
    _print_row(row)
    return row


def _print_row(row: dict):
    sigmas = (row["bilateral_sigma_xy"], row["bilateral_sigma_rgb"], row["bilateral_weight"])
    cells = [f"{row['image']} {'/'.join(f'{s:g}' for s in sigmas)}, {row['logits']}"]
    cells += [row["live_labels"], row["vertices"], f"{1e3 * row['pydensecrf']:.0f} ms"]
    for mode in MODES:
        cells += [f"{1e3 * row[mode]:.0f} ms", f"{row['pydensecrf'] / row[mode]:.2f}"]
    cells += [f"{row['total_variation']:.1e}", f"{100 * row['fast_equal_labels']:.3f} %"]
    print(ROW.format(*cells))


def _in_turn(runs: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Returns the median seconds of every function, all of them measured in every round."""
    seconds = {key: [] for key in runs}
    for _ in range(repeats):
        for key, call in runs.items():
            seconds[key].append(seconds_of(call))
    return {key: statistics.median(values) for key, values in seconds.items()}


def _time_stages(case: Case, repeats: int) -> dict[str, float]:
    """Returns the seconds of the parts of one image in exact mode, from differences of runs."""
    parameters = CrfParameters.from_dict(case.parameters)
    logits = tf.constant(case.logits[None])
    image = tf.cast(case.image, tf.float32)
    weights = Weights(parameters.bilateral_weight, parameters.gaussian_weight)

    @tf.function
    def lattices(image):
        return [build_lattice(features) for features in pixel_features(image, parameters)]

    @tf.function
    def kernels(image):
        built = build_kernels(image, parameters, weights, case.logits.shape[2])
        return [kernel(tf.ones([tf.size(logits) // logits.shape[3], 1])) for kernel in built]

    def refine(iterations):
        changed = CrfParameters.from_dict({**case.parameters, "iterations": iterations})
        return batch_function(changed)(logits, image[None]).numpy()

    runs = {
        "lattices": lambda: lattices(image),
        "kernels": lambda: kernels(image),
        "none": lambda: refine(0),
        "all": lambda: refine(parameters.iterations),
    }
    for call in runs.values():
        call()
    seconds = _in_turn(runs, repeats)
    times = (
        seconds["lattices"],
        seconds["kernels"] - seconds["lattices"],
        seconds["none"] - seconds["kernels"],
        (seconds["all"] - seconds["none"]) / parameters.iterations,
    )
    return dict(zip(STAGES, times, strict=True))


def _time_batch(case: Case, repeats: int) -> float:
    """Returns the time of an image within a batch over that of a single one."""
    refine = batch_function(CrfParameters.from_dict(case.parameters))
    runs = {}
    for size in (1, BATCH):
        logits = tf.repeat(case.logits[None], size, axis=0)
        images = tf.repeat(tf.cast(case.image, tf.float32)[None], size, axis=0)
        call = refine.get_concrete_function(logits, images)
        runs[size] = lambda call=call, x=logits, y=images: call(x, y).numpy()
        runs[size]()
    seconds = _in_turn(runs, repeats)
    return seconds[BATCH] / BATCH / seconds[1]


def _count_vertices(case: Case) -> int:
    """Counts the vertices of the appearance kernel's lattice."""
    parameters = CrfParameters.from_dict({**case.parameters, "gaussian_weight": 0})
    features = pixel_features(tf.cast(case.image, tf.float32), parameters)
    (lattice,) = (build_lattice(one) for one in features)
    return int(tf.add_n(lattice.sizes))
