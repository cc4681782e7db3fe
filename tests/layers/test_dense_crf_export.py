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

RUN_WITHOUT_THE_PACKAGE = """
import sys
sys.modules["deeplab_tf"] = None  # importing it would fail
import numpy as np, tensorflow as tf
refine = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
given = np.load(sys.argv[2])
refined = {}
for i in range(len(given.files) // 2):
    inputs = {name: tf.constant(given[f"{name}{i}"]) for name in ("logits", "images")}
    refined[str(i)] = refine(**inputs)["marginals"].numpy()
np.savez(sys.argv[3], **refined)
"""


def batch(count, height, width):
    images, logits = zip(*(scene(height, width, seed) for seed in range(count)), strict=True)
    return np.stack(logits), np.stack(images)


@pytest.fixture(scope="module", params=[False, True], ids=["fixed", "trainable"])
def layer(request):
    layer = DenseCRF(bilateral_sigma_xy=20.0, iterations=4, trainable=request.param)
    layer(batch(*CASES[0]))
    if request.param:
        layer.bilateral_weight.assign(2.5)
    return layer


@pytest.fixture(scope="module")
def folder(layer, tmp_path_factory):
    class Refiner(tf.Module):
        def __init__(self):
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

    path = tmp_path_factory.mktemp("export") / "1"
    module = Refiner()
    tf.saved_model.save(module, str(path), module.refine)
    return path


@pytest.mark.slow
def test_another_process_gives_the_same(layer, folder, tmp_path):
    batches = [batch(*case) for case in CASES]
    given = {}
    for i, (logits, images) in enumerate(batches):
        given[f"logits{i}"], given[f"images{i}"] = logits, images
    files = [tmp_path / "given.npz", tmp_path / "refined.npz"]
    np.savez(files[0], **given)
    command = [sys.executable, "-c", RUN_WITHOUT_THE_PACKAGE, folder, *files]
    subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    with np.load(files[1]) as refined:
        for i, pair in enumerate(batches):
            assert total_variation(refined[str(i)], layer(pair)) < 1e-5


def test_only_stock_operations(folder):
    proto = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    used = {node.op for body in bodies for node in body}
    assert "SparseTensorDenseMatMul" in used
    assert not {op for op in used if "PyFunc" in op}
    called = {function.signature.name for function in graph.library.function}
    assert all(tf.raw_ops.__dict__.get(op) for op in used - called)
