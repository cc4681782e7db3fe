"""Measures how far `atrous` is consistent for a family of keras.applications.

`python -m tests.backbones.keras_classifiers.families` prints the table of docs/keras_backbones.md.
"""

import contextlib
import importlib.util
import sys
import warnings
from unittest import mock

import keras
import numpy as np

from deeplab_tf import compat
from deeplab_tf.backbones.keras_classifiers.atrous import atrous
from deeplab_tf.backbones.keras_classifiers.families import FAMILIES, build_application

# Sides of stride 32 and less that are all odd, all even, and of both kinds.
SIZES = {"odd": (97, 129), "even": (96, 128), "mixed": (110, 79)}
INSTALLED = [f for f in FAMILIES if hasattr(keras.applications, f.smallest)]


def random_classifier(application, **options):
    """Builds a classifier whose weights hide nothing and let all layers pass on what they get."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = build_application(application, **options)
    rng = np.random.default_rng(0)
    for layer in classifier._flatten_layers(include_self=False):
        for variable in layer.weights if not list(compat.sub_layers(layer)) else ():
            kind = compat.weight_name(variable)
            if kind in ("gamma", "moving_variance", "variance"):
                variable.assign(rng.uniform(0.5, 1.0, variable.shape))
            elif kind in ("beta", "moving_mean", "mean", "bias"):
                variable.assign(rng.normal(0, 0.1, variable.shape))
            elif "kernel" in kind:
                alone = isinstance(layer, keras.layers.DepthwiseConv2D) or "depth" in kind
                inputs = np.prod(variable.shape[:2] if alone else variable.shape[:-1])
                variable.assign(rng.normal(0, np.sqrt(2 / inputs), variable.shape))
    return classifier


# Module -> turns that its loops over the blocks of a stage make at most. RegNet loops over its four
# stages too; Inception's blocks come after others of their kind that are in no loop.
_TURNS = {
    **dict.fromkeys(("inception_resnet_v2", "inception_v3", "resnet", "resnet_rs", "xception"), 1),
    **dict.fromkeys(("densenet", "efficientnet", "efficientnet_v2"), 2),
    "regnet": 4,
}


@contextlib.contextmanager
def shallow_applications():
    """Has Keras build networks that repeat no block often; all kinds of their layers are there."""
    blocks = {"depths": [1, 1, 2, 1], "projection_dims": [12, 24, 48, 96]}
    with contextlib.ExitStack() as stack:
        for name, turns in _TURNS.items():
            path = f"keras.src.applications.{name}"
            if importlib.util.find_spec(path):
                module = importlib.import_module(path)
                short = _short_range(turns)
                stack.enter_context(mock.patch.object(module, "range", short, create=True))
        convnext = importlib.import_module("keras.src.applications.convnext")
        stack.enter_context(mock.patch.dict(convnext.MODEL_CONFIGS["tiny"], blocks))
        yield


def _short_range(turns):
    return lambda *arguments: range(*arguments)[:turns]


def noise(size, channels=3):
    return np.random.default_rng(1).normal(size=(1, *size, channels)).astype(np.float32)


def last_map(network, images):
    return np.asarray(network(images, training=False)[list(network.feature_strides)[-1]])


def consistency(networks, images):
    """Returns the largest difference between dense features, subsampled, and coarser ones.

    It is divided by `deviation` of the densest features; None where sizes do not fit.
    """
    maps = {stride: last_map(network, images) for stride, network in networks.items()}
    densest = min(maps)
    differences = []
    for stride, coarse in maps.items():
        dense = maps[densest][:, :: stride // densest, :: stride // densest]
        if dense.shape != coarse.shape:
            return None
        differences.append(np.abs(dense - coarse).max())
    return max(differences) / deviation(maps[densest])


def deviation(features):
    """Returns how much features differ from place to place, not from channel to channel."""
    return np.sqrt(np.mean(np.var(features, axis=(1, 2))))


def distance(found, wanted):
    """Returns the root mean square of a difference over the deviation; None for other sizes."""
    if found.shape != wanted.shape:
        return None
    return np.sqrt(np.mean((found - wanted) ** 2)) / deviation(wanted)


def measure(classifier, strides=(32, 16, 8), sizes=SIZES):
    """Returns a row of the table: what is compared -> size -> difference."""
    row = {}
    for padding in ("keras", "centred"):
        networks = {stride: atrous(classifier, stride, padding) for stride in strides}
        for size, sides in sizes.items():
            images = noise(sides)
            own = np.asarray(classifier(images, training=False))
            row[padding, "consistency", size] = consistency(networks, images)
            found = last_map(networks[32], images)
            row[padding, "classifier", size] = distance(found, own)
    return row


def _shown(value):
    if value is None:
        return "other size"
    return "0" if value == 0 else f"{value:.0e}" if value < 1e-3 else f"{value:.2f}"


def main(names):
    print("| network | `keras`: classifier | `keras`: strides | `centred`: strides |", end="")
    print(" `centred`: classifier, odd | even | mixed |")
    print("|---|---|---|---|---|---|---|")
    for family in INSTALLED:
        if names and family.smallest not in names:
            continue
        row = measure(random_classifier(family.smallest))

        def worst(padding, what, row=row):
            values = [row[padding, what, size] for size in SIZES]
            return _shown(None if None in values else max(values))

        cells = [worst("keras", "classifier"), worst("keras", "consistency")]
        cells += [worst("centred", "consistency")]
        cells += [_shown(row["centred", "classifier", size]) for size in SIZES]
        print(f"| {family.smallest} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
