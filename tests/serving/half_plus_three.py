"""A server of TF Serving's own example, in two versions."""

import contextlib
from pathlib import Path

import tensorflow as tf

from benchmarks.serving_process import SERVER, running_server
from tests.serving import server

assert Path(server.__file__).resolve() == SERVER
NAME = "half_plus_three"


class Half(tf.Module):
    """TF Serving's own example: y = x / 2 + b, and text as text and as bytes."""

    def __init__(self, offset):
        super().__init__()
        self.offset = tf.Variable(offset)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def half(self, x):
        return {"y": x / 2 + self.offset}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "tag"),
            tf.TensorSpec([None, None], tf.int32, "signal"),
        ]
    )
    def named(self, tag, signal):
        return {
            "tag": tag,
            "tag_bytes": tag,
            "signal": signal,
            "sum": tf.cast(tf.reduce_sum(signal, axis=1), tf.float32) / 10,
        }


@contextlib.contextmanager
def serving(folder):
    """Writes version 122, x / 2 + 2, and 123, x / 2 + 3, and serves both."""
    for version, offset in (("122", 2.0), ("123", 3.0)):
        module = Half(offset)
        signatures = {"serving_default": module.half, "named": module.named}
        tf.saved_model.save(module, str(folder / NAME / version), signatures)
    with running_server(folder / NAME, NAME, "--all_versions") as server:
        yield server
