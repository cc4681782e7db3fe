"""A SavedModel from anybody is a program; only one that computes is loaded."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export import safe_saved_model
from deeplab_tf.export.fold import folded
from deeplab_tf.export.operations import COMPUTING, SAVING
from deeplab_tf.export.safe_saved_model import check_saved_model
from deeplab_tf.export.serving_module import ServingModule
from tests.export.encoded_images import random_image
from tests.models.narrow import narrow_model

IMAGE = random_image(20, 30)
SPEC = DatasetSpec("two", ("sky", "road"))


class WritesOnLoading(tf.saved_model.experimental.TrackableResource):
    """A resource, which TensorFlow initialises when it loads a SavedModel."""

    def __init__(self, file):
        super().__init__()
        self._file = str(file)

    @tf.function(input_signature=[])
    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="resource")

    @tf.function(input_signature=[])
    def _initialize(self):
        tf.io.write_file(self._file, "written")


class Attack(tf.Module):
    """Has the signature of an export and does something else."""

    def __init__(self, act, resource=None):
        super().__init__()
        self._act = act
        self.resource = resource

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")])
    def predict_tensor(self, images):
        self._act(images)
        if self.resource is not None:
            tf.raw_ops.VarIsInitializedOp(resource=self.resource.resource_handle)
        return {"labels": images[..., 0]}


def saved(folder, act=lambda images: None, resource=None):
    module = Attack(act, resource)
    tf.saved_model.save(module, str(folder), {"predict_tensor": module.predict_tensor})
    (folder / "assets").mkdir(exist_ok=True)
    SPEC.save(folder / "assets")
    return folder


def edited(folder, edit):
    """Changes the graph of a SavedModel."""
    file = folder / "saved_model.pb"
    proto = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    edit(proto)
    file.write_bytes(proto.SerializeToString())
    return folder


def test_a_file_is_written_neither_on_loading_nor_on_calling(tmp_path):
    on_loading, on_calling = tmp_path / "on_loading", tmp_path / "on_calling"
    folder = saved(
        tmp_path / "1",
        lambda images: tf.io.write_file(str(on_calling), "written"),
        WritesOnLoading(on_loading),
    )
    on_loading.unlink(missing_ok=True)  # saving initialises the resource too
    with pytest.raises(ValueError, match=r"saved_model\.pb: .* operation 'WriteFile'.*safe_mode"):
        deeplab_tf.load(folder)
    assert not on_loading.exists() and not on_calling.exists()
    # The attack is real: TensorFlow runs it.
    loaded = deeplab_tf.load(folder, safe_mode=False)
    assert on_loading.read_text() == "written"
    loaded(IMAGE)
    assert on_calling.read_text() == "written"


def in_a_branch(act):
    return lambda images: tf.cond(tf.size(images) > 9, lambda: act(images), lambda: act(images))


ACTS = {
    "ReadFile": lambda images: tf.io.read_file("/etc/hostname"),
    "MatchingFiles": lambda images: tf.io.matching_files("/*"),
    "EagerPyFunc": lambda images: tf.py_function(lambda: 1, [], tf.int32),
    "PyFunc": lambda images: tf.numpy_function(lambda: np.int32(1), [], tf.int32),
    "PrintV2": lambda images: tf.print("x", output_stream="file:///tmp/deeplab_tf_marker"),
    "SaveV2": lambda images: tf.raw_ops.SaveV2(
        prefix="/tmp/deeplab_tf_marker", tensor_names=["a"], shape_and_slices=[""], tensors=[1.0]
    ),
    "RestoreV2": lambda images: tf.raw_ops.RestoreV2(
        prefix="x", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    ),
    "TFRecordDataset": lambda images: tf.raw_ops.TFRecordDataset(
        filenames="/etc/hostname", compression_type="", buffer_size=0
    ),
    "WriteFile": in_a_branch(lambda images: tf.io.write_file("/tmp/deeplab_tf_marker", "x")),
}


@pytest.mark.parametrize("operation", ACTS)
def test_operations_that_do_more_than_compute(tmp_path, operation):
    folder = saved(tmp_path / "1", ACTS[operation])
    with pytest.raises(ValueError, match=operation):
        deeplab_tf.load(folder)


def test_an_operation_of_the_graph_itself(tmp_path):
    def edit(proto):
        proto.meta_graphs[0].graph_def.node.add(name="evil", op="WriteFile")

    with pytest.raises(ValueError, match="its graph holds the operation 'WriteFile'"):
        deeplab_tf.load(edited(saved(tmp_path / "1"), edit))


def test_the_savers_functions_are_handed_to_nobody(tmp_path):
    folder = saved(tmp_path / "1")
    check_saved_model(folder)

    def edit(proto):
        graph = proto.meta_graphs[0]
        saver = next(
            function.signature.name
            for function in graph.graph_def.library.function
            if any(node.op == "SaveV2" for node in function.node_def)
        )
        node = graph.object_graph_def.nodes.add()
        node.bare_concrete_function.concrete_function_name = saver

    with pytest.raises(ValueError, match=r"SaveV2|MergeV2Checkpoints|ShardedFilename"):
        deeplab_tf.load(edited(folder, edit))


@pytest.mark.parametrize("hostile_first", [True, False])
def test_two_functions_of_one_name(tmp_path, hostile_first):
    """What is checked must be what TensorFlow takes."""

    def edit(proto):
        library = proto.meta_graphs[0].graph_def.library.function
        twin = type(library[0]).FromString(library[0].SerializeToString())
        library.append(twin)
        (library[0] if hostile_first else twin).node_def.add(name="evil", op="WriteFile")

    with pytest.raises(ValueError, match=r"saved_model\.pb: holds two functions of one name"):
        deeplab_tf.load(edited(saved(tmp_path / "1"), edit))


def test_a_graph_that_tensorflow_cannot_read_is_named(tmp_path):
    def edit(proto):
        node = proto.meta_graphs[0].graph_def.library.function[0].node_def.add(name="a")
        node.op = "PartitionedCall"
        node.attr["f"].placeholder = "function"

    folder = edited(saved(tmp_path / "1"), edit)
    with pytest.raises(ValueError, match=r"1: not a SavedModel of tools/export\.py \("):
        deeplab_tf.load(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a/b"])
def test_assets_outside_of_the_folder(tmp_path, name):
    def edit(proto):
        proto.meta_graphs[0].asset_file_def.add(filename=name)

    with pytest.raises(ValueError, match="outside of its folder"):
        deeplab_tf.load(edited(saved(tmp_path / "1"), edit))


def test_a_graph_of_tensorflow_1(tmp_path):
    """TensorFlow would run its main operation on loading."""
    folder = edited(
        saved(tmp_path / "1"), lambda proto: proto.meta_graphs[0].ClearField("object_graph_def")
    )
    with pytest.raises(ValueError, match="one graph of TensorFlow 2"):
        deeplab_tf.load(folder)
    folder = edited(
        saved(tmp_path / "2"), lambda proto: proto.meta_graphs.append(proto.meta_graphs[0])
    )
    with pytest.raises(ValueError, match=r"one graph of TensorFlow 2\. Received: 2"):
        deeplab_tf.load(folder)


def test_names_with_escape_sequences(tmp_path):
    folder = saved(tmp_path / "1")
    spec = {**SPEC.to_dict(), "class_names": ["sky", "\x1b[2J"]}
    (folder / "assets" / "dataset.json").write_text(json.dumps(spec))
    with pytest.raises(ValueError, match="no control characters"):
        deeplab_tf.load(folder)


# === What is allowed ===

# Operations on variables, and control flow, whose functions are looked through as well.
STATEFUL = {
    *("Assert", "AssignVariableOp", "Case", "CheckNumerics", "DatasetToSingleElement"),
    *("DisableCopyOnRead", "If", "ReadVariableOp", "ResourceGather", "ResourceGatherNd"),
    *("StatefulPartitionedCall", "StatelessRandomGetAlg", "TensorDataset", "TensorSliceDataset"),
    *("VarHandleOp", "VarIsInitializedOp", "While"),
}


def test_all_others_are_functions_of_their_inputs_to_tensorflow():
    definitions = {name: op_def_registry.get(name) for name in COMPUTING}
    assert [name for name, definition in definitions.items() if definition is None] == []
    assert {name for name, definition in definitions.items() if definition.is_stateful} == STATEFUL
    assert not COMPUTING & SAVING


CRF = {"iterations": 1}
# Model and predictor, so that together each part of the library is exported once.
VARIANTS = {
    "msc_interlace_fast_lattice": (
        {"msc_features": True, "method": "interlace"},
        {
            "crf": {
                **CRF,
                "mode": "fast",
                "spatial_kernel": "lattice",
                "normalization": "symmetric",
                "compatibility": [1.0, 1.0, 2.0],
                "from_probabilities": True,
            }
        },
    ),
    "before": (
        {"fc6_kernel": 4},
        {
            "crf": {
                **CRF,
                "normalization": "before",
                "compatibility": [[0, 1, 1], [1, 0, 1], [1, 1, 0]],
            },
            "fusion": "max",
            "scales": (1.0, 0.75),
        },
    ),
    "resnet_float16": (
        {
            "backbone": "resnet50",
            "head": "aspp_l",
            "scales": (1.0, 0.5),
            "image_scale": 0.5,
            "dtype": "mixed_float16",
        },
        {},
    ),
    "bfloat16": (
        {"dtype": "mixed_bfloat16", "head": "aspp_s", "output_stride": 32},
        {"crf": {**CRF, "normalization": "none"}, "scales": (0.5, 1.0), "flip": True},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_part_of_the_library_only_computes(name):
    """What is around a graph, in files, is the same for all; other tests load those."""
    model, options = VARIANTS[name]
    predictor = deeplab_tf.Predictor(narrow_model(**{"width": 0.02, **model}), **options)
    with folded(predictor.model) as variables:
        module = ServingModule(predictor, variables, max_pixels=10_000)
        graph = module.predict_tensor.get_concrete_function().graph.as_graph_def()
    functions = graph.library.function
    nodes = [*graph.node, *(node for function in functions for node in function.node_def)]
    assert {"Conv2D", "ArgMax"} <= {node.op for node in nodes} <= COMPUTING


def test_a_file_that_is_too_large_is_not_parsed(tmp_path, monkeypatch):
    (tmp_path / "saved_model.pb").write_bytes(bytes(11))
    monkeypatch.setattr(safe_saved_model, "_LARGEST_BYTES", 10)
    with pytest.raises(ValueError, match=r"saved_model\.pb: larger than 10 bytes"):
        check_saved_model(tmp_path)
