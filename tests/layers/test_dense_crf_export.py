"""The CRF in a SavedModel, as TensorFlow Serving would run it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from deeplab_tf.layers.dense_crf import DenseCRF
from tests.crf.scenes import scene, total_variation

CASES = ((1, 20, 31), (3, 17, 12), (2, 1, 9))

LAYERS = ("fixed", "trainable")

RUN_WITHOUT_THE_PACKAGE = """
import sys
sys.modules["deeplab_tf"] = None  # importing it would fail
import numpy as np, tensorflow as tf
given = np.load(sys.argv[1])
for folder in sys.argv[2:]:
    refine = tf.saved_model.load(folder).signatures["serving_default"]
    refined = {}
    for i in range(len(given.files) // 2):
        inputs = {name: tf.constant(given[f"{name}{i}"]) for name in ("logits", "images")}
        refined[str(i)] = refine(**inputs)["marginals"].numpy()
    np.savez(folder + ".npz", **refined)
"""


def batch(count, height, width):
    images, logits = zip(*(scene(height, width, seed) for seed in range(count)), strict=True)
    return np.stack(logits), np.stack(images)


@pytest.fixture(scope="module")
def layers():
    made = {
        name: DenseCRF(bilateral_sigma_xy=20.0, iterations=4, trainable=name == "trainable")
        for name in LAYERS
    }
    for layer in made.values():
        layer.compiled = False
        layer(batch(*CASES[0]))
    made["trainable"].bilateral_weight.assign(2.5)
    return made


@pytest.fixture(scope="module")
def folder(layers, tmp_path_factory):
    """A SavedModel for each layer."""
    folder = tmp_path_factory.mktemp("export")
    for name, layer in layers.items():
        module = Refiner(layer)
        tf.saved_model.save(module, str(folder / name), module.refine)
    return folder


class Refiner(tf.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 5], tf.float32, "logits"),
            tf.TensorSpec([None, None, None, 3], tf.uint8, "images"),
        ]
    )
    def refine(self, logits, images):
        return {"marginals": self.layer((logits, images))}


@pytest.fixture(scope="module")
def refined(folder):
    """What another process has computed, by the name of the layer."""
    given = {}
    for i, case in enumerate(CASES):
        given[f"logits{i}"], given[f"images{i}"] = batch(*case)
    np.savez(folder / "given.npz", **given)
    files = [folder / "given.npz", *(folder / name for name in LAYERS)]
    command = [sys.executable, "-c", RUN_WITHOUT_THE_PACKAGE, *files]
    subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    return {name: np.load(folder / f"{name}.npz") for name in LAYERS}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_another_process_gives_the_same(layers, refined, name):
    for i, case in enumerate(CASES):
        assert total_variation(refined[name][str(i)], layers[name](batch(*case))) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_only_stock_operations(folder, name):
    proto = saved_model_pb2.SavedModel.FromString((folder / name / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    used = {node.op for body in bodies for node in body}
    assert "SparseTensorDenseMatMul" in used
    assert not {op for op in used if "PyFunc" in op}
    called = {function.signature.name for function in graph.library.function}
    assert all(tf.raw_ops.__dict__.get(op) for op in used - called)
