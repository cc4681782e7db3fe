"""Stand-ins: a model that only has variables, and files in the layouts of Keras."""

from types import SimpleNamespace

import h5py
import numpy as np


class FakeVariable:
    """A shape and an assign, which is all that loading needs."""

    def __init__(self, shape):
        self.shape = shape
        self.value = None

    def assign(self, value):
        assert value.shape == self.shape
        self.value = value


def fake_model(shapes):
    """Builds a model whose variables_by_name() has these shapes."""
    variables = {name: FakeVariable(shape) for name, shape in shapes.items()}
    return SimpleNamespace(variables_by_name=lambda: variables)


def random_array(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def write_classic(path, layers, group=None, suffix="_1:0"):
    """Writes {layer: {weight: array}} as Keras 1 and 2 did, named as in the published VGG16."""
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        root.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, weights in layers.items():
            node = root.create_group(layer)
            names = [f"{layer}_{weight}{suffix}" for weight in weights]
            node.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, weights.values(), strict=True):
                node[name] = array


def write_keras3(path, layers):
    """Writes {layer: [arrays]} in nested groups whose `vars` carry the layer's name."""
    with h5py.File(path, "w") as file:
        for i, (layer, arrays) in enumerate(layers.items()):
            node = file.create_group(f"block/layers/layer_{i}/vars")
            node.attrs["name"] = layer
            for j, array in enumerate(arrays):
                node[str(j)] = array
