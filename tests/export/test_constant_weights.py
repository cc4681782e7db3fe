import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.export import export_saved_model
from deeplab_tf.export.constant_weights import with_constants
from tests.models.narrow import patches, uncertain_model

SIZE = 40, 56


def constants(function):
    """Format -> how many numbers the constants with more than one hold."""
    found = {}
    for node in function.graph.as_graph_def().node:
        if node.op == "Const":
            values = tf.make_ndarray(node.attr["value"].tensor)
            if values.size > 8:
                found[values.dtype.name] = found.get(values.dtype.name, 0) + values.size
    return found


def test_values_are_those_of_the_variables_in_the_format_that_is_read():
    kernel, bias = tf.Variable(tf.random.normal([9, 16])), tf.Variable(tf.random.normal([16]))

    def function(x):
        product = tf.matmul(tf.cast(x, tf.bfloat16), tf.cast(kernel, tf.bfloat16))
        with tf.control_dependencies([kernel.read_value()]):
            return tf.cast(product, tf.float32) + bias

    x = tf.random.normal([5, 9])
    wanted = function(x)
    constant = with_constants(function, [tf.TensorSpec([None, 9])])
    assert constants(constant) == {"bfloat16": 9 * 16, "float32": 16}
    kernel.assign(tf.zeros_like(kernel))  # it does not look at them any more
    np.testing.assert_array_equal(constant(x)[0], wanted)


@pytest.fixture(scope="module")
def predictor():
    """Unsure of its labels, so that a difference shows."""
    return deeplab_tf.Predictor(uncertain_model(patches(*SIZE)))


@pytest.fixture
def image_file(tmp_path):
    """One image on which exports are verified, instead of five."""
    Image.fromarray(patches(*SIZE)[0]).save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.mark.slow
@pytest.mark.usefixtures("shallow_vgg")
def test_a_saved_model_in_bfloat16(predictor, image_file, tmp_path):
    logged, output = [], tmp_path / "streets/1"
    options = {"precision": "bfloat16", "verify_on": image_file, "log": logged.append}
    with pytest.raises(ValueError, match=r"is not written: .*needed: 100\.00 %"):
        export_saved_model(predictor, output, least_equal_labels=1.0, **options)
    assert not list(output.parent.iterdir())
    export_saved_model(predictor, output, least_equal_labels=0.9, **options)
    assert logged[-1].startswith("SavedModel (bfloat16) against the Python predictor: ")
    image = patches(*SIZE)[0]
    labels = deeplab_tf.load(output)(image)
    np.testing.assert_array_equal(labels, predictor.with_precision("bfloat16")(image))
    assert 0.9 < np.mean(labels == predictor(image)) < 1
    weights = sum(variable.shape.num_elements() for variable in predictor.model.weights)
    stored = sum(file.stat().st_size for file in output.glob("*.pb"))
    assert 2 * weights < stored < 2 * weights + 500_000  # what is more is the graph
    assert (output / "variables/variables.data-00000-of-00001").stat().st_size < 1000


@pytest.mark.usefixtures("shallow_vgg")
def test_what_cannot_be_exported(predictor, tmp_path):
    with pytest.raises(ValueError, match=r"one of \['float32', 'bfloat16'\]. .*'float16'"):
        export_saved_model(predictor, tmp_path / "1", precision="float16")
    assert not list(tmp_path.iterdir())
