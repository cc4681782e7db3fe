import json
import urllib.error
import urllib.request

import pytest
import tensorflow as tf

from deeplab_tf.benchmarks.serving_process import running_server

pytest.importorskip("tensorflow_serving.apis")


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


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("half_plus_three")
    for version, offset in (("122", 2.0), ("123", 3.0)):
        module = Half(offset)
        signatures = {"serving_default": module.half, "named": module.named}
        tf.saved_model.save(module, str(folder / version), signatures)
    with running_server(folder, "half_plus_three", "--all_versions") as server:
        yield server


def call(server, path, body=None):
    """Returns the HTTP status and what the body holds."""
    data = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.rest}{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


MODEL = "/v1/models/half_plus_three"


# The pairs of https://www.tensorflow.org/tfx/serving/api_rest, "Example" (there with one version).
def test_documented_status(server):
    wanted = {
        "model_version_status": [
            {
                "version": "123",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    assert call(server, f"{MODEL}/versions/123") == (200, wanted)
    versions = call(server, MODEL)[1]["model_version_status"]
    assert [row["version"] for row in versions] == ["123", "122"]


def test_documented_predict(server):
    body = '{"instances": [1.0,2.0,5.0]}'
    assert call(server, f"{MODEL}:predict", body) == (200, {"predictions": [3.5, 4.0, 5.5]})
    # Of half_plus_two, https://www.tensorflow.org/tfx/serving/docker
    body = '{"instances": [1.0, 2.0, 5.0]}'
    wanted = {"predictions": [2.5, 3.0, 4.5]}
    assert call(server, f"{MODEL}/versions/122:predict", body) == (200, wanted)


def test_documented_error(server):
    wanted = {"error": "Servable not found for request: Latest(half)"}
    assert call(server, "/v1/models/half:predict", '{"instances": [1.0,5.0]}') == (404, wanted)
