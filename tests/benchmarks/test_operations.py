"""The suite of single operations."""

import pytest
import tensorflow as tf

from benchmarks import operations

FORMS = ["float32, TensorFlow", "bfloat16, TensorFlow", "bfloat16, deeplab_tf"]


@pytest.mark.slow
def test_all_forms_are_timed():
    rows = operations.run(1, side=5)["rows"]
    assert [row["operation"] for row in rows] == [each.name for each in operations.OPERATIONS]
    assert all(list(row["seconds"]) == FORMS for row in rows)
    assert min(min(row["seconds"].values()) for row in rows) > 0


@pytest.mark.parametrize("operation", operations.OPERATIONS)
def test_both_forms_are_the_same_convolution(operation):
    small = operation._replace(channels=6, filters=4)
    tf.random.set_seed(1)
    inputs = tf.random.normal([2, 9, 9, 6])
    kernel = tf.random.normal([small.taps, small.taps, 6, 4])
    ours, theirs = (
        form(inputs, kernel, small.rate)
        for form in (operations.native_atrous_conv, operations._theirs)
    )
    tf.debugging.assert_near(ours, theirs, atol=1e-4)
