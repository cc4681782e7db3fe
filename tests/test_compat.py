import keras
import pytest
import tensorflow as tf

from deeplab_tf import compat


class Inner(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.kernel = self.add_weight(name="kernel", shape=(2,))


class Nested(keras.Model):
    """A leaf, a layer with two leaves inside, and a leaf without weights."""

    def __init__(self):
        super().__init__()
        self.first = Inner(name="first")
        self.block = keras.Sequential([Inner(name="left"), Inner(name="right")], name="block")
        self.last = keras.layers.ReLU(name="last")


def test_stack_follows_from_kerass_version():
    assert keras.__version__.startswith("3." if compat.KERAS_3 else "2.")


def test_variable_behind_a_keras_variable_shares_its_value():
    layer = Inner()
    variable = compat.tf_variable(layer.kernel)
    assert isinstance(variable, tf.Variable)
    variable.assign([3.0, 4.0])
    assert float(tf.reduce_sum(layer.kernel * [1.0, 10.0])) == 43.0


def test_weight_name_has_neither_scope_nor_suffix():
    model = keras.Sequential([keras.Sequential([keras.layers.Dense(1)], name="inner")])
    model.build((None, 2))
    assert [compat.weight_name(v) for v in model.weights] == ["kernel", "bias"]


def test_leaf_layers_are_the_innermost():
    names = [layer.name for layer in compat.leaf_layers(Nested())]
    assert sorted(names) == ["first", "last", "left", "right"]


def test_sub_layers_are_one_level():
    assert {layer.name for layer in compat.sub_layers(Nested())} == {"first", "block", "last"}


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_slots_exist_before_the_first_update(name):
    variable = tf.Variable([1.0, 2.0])
    arguments = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = compat.optimizer_class(name)(learning_rate=0.1, **arguments)
    compat.create_slots(optimizer, [variable])
    shapes = [tuple(v.shape) for v in slots(optimizer)]
    assert (2,) in shapes
    count = len(shapes)
    optimizer.apply_gradients([(tf.ones([2]), variable)])
    assert len(slots(optimizer)) == count


def slots(optimizer):
    variables = optimizer.variables
    return variables() if callable(variables) else variables


@pytest.mark.parametrize("name", ["SDG", "sgd", "Optimizer_", "schedules", "get", ""])
def test_unknown_optimizer_is_an_error_that_says_what_to_write(name):
    with pytest.raises(ValueError, match=rf"Received: '{name}'.*'SGD' or 'Adam'.*'Addons>SGDW'"):
        compat.optimizer_class(name)


def test_keras_optimizer_is_found():
    assert compat.optimizer_class("Adam") is keras.optimizers.Adam


def test_addons_optimizer_is_found_or_the_error_names_the_extra():
    if compat.KERAS_3:
        with pytest.raises(ValueError, match=r"runs only beside Keras 2\.15.*deeplab_tf\[legacy\]"):
            compat.optimizer_class("Addons>SGDW")
    else:
        assert compat.optimizer_class("Addons>SGDW").__name__ == "SGDW"


def test_unknown_addons_optimizer_is_an_error():
    with pytest.raises(ValueError, match="Addons>SGDX"):
        compat.optimizer_class("Addons>SGDX")


def test_variables_of_an_optimizer_are_its_slots_and_counters():
    variable = tf.Variable([1.0, 2.0])
    optimizer = compat.optimizer_class("SGD")(learning_rate=0.1, momentum=0.9)
    compat.create_slots(optimizer, [variable])
    found = compat.optimizer_variables(optimizer)
    assert (2,) in [tuple(v.shape) for v in found] and len({id(v) for v in found}) == len(found)
    assert all(isinstance(v.name, str) for v in found)
