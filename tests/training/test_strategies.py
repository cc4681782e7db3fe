import pytest
import tensorflow as tf

from deeplab_tf.training.strategies import build_strategy

# What needs a CPU that is split anew is in test_step.py.


@pytest.mark.parametrize("name", ["one", "auto"])
def test_one_device_needs_no_strategy(name):
    assert build_strategy(name) is tf.distribute.get_strategy()


def test_mirrored_takes_every_device_of_the_machine():
    strategy = build_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))


def test_unknown_name_names_the_known():
    with pytest.raises(ValueError, match=r"auto, one, mirrored or multi_worker.*'two'"):
        build_strategy("two")


def test_cpu_in_use_cannot_be_split():
    tf.constant(1.0) + 1.0
    with pytest.raises(ValueError, match="only be split before it is used"):
        build_strategy("one", logical_devices=2)
