import base64
import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from tests.serving import half_plus_three


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with half_plus_three.serving(tmp_path_factory.mktemp("models")) as server:
        yield server


def call(server, path, body=None):
    """Returns the HTTP status and what the body holds."""
    data = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.rest}{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.headers["Content-Type"] == "application/json"
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


# The request of "Specifying input tensors in row format" and its columnar form, signals shorter.
ROWS = [{"tag": "foo", "signal": [1, 2, 3]}, {"tag": "bar", "signal": [3, 4, 1]}]
COLUMNS = {"tag": ["foo", "bar"], "signal": [[1, 2, 3], [3, 4, 1]]}


def test_rows_and_columns_of_several_inputs(server):
    encoded = [{"b64": base64.b64encode(tag).decode()} for tag in (b"foo", b"bar")]
    rows = call(server, f"{MODEL}:predict", {"signature_name": "named", "instances": ROWS})
    first = {"tag": "foo", "tag_bytes": encoded[0], "signal": [1, 2, 3], "sum": 0.6}
    second = {"tag": "bar", "tag_bytes": encoded[1], "signal": [3, 4, 1], "sum": 0.8}
    assert rows == (200, {"predictions": [first, second]})
    columns = call(server, f"{MODEL}:predict", {"signature_name": "named", "inputs": COLUMNS})
    wanted = {**COLUMNS, "tag_bytes": encoded, "sum": [0.6, 0.8]}
    assert columns == (200, {"outputs": wanted})


def test_column_of_the_only_input(server):
    assert call(server, f"{MODEL}:predict", {"inputs": [1, 2]}) == (200, {"outputs": [3.5, 4.0]})
    named = call(server, f"{MODEL}:predict", {"inputs": {"x": [1, 2]}})
    assert named == (200, {"outputs": [3.5, 4.0]})


def test_binary_values_and_text(server):
    # "aW1hZ2UgYnl0ZXM=" is the documentation's example under "Encoding binary values".
    row = {"tag": {"b64": "aW1hZ2UgYnl0ZXM="}, "signal": [1]}
    body = {"signature_name": "named", "instances": [row]}
    found = call(server, f"{MODEL}:predict", body)[1]["predictions"][0]
    assert found["tag"] == "image bytes"
    assert found["tag_bytes"] == {"b64": "aW1hZ2UgYnl0ZXM="}


def test_numbers_that_json_lacks(server):
    status, found = call(server, f"{MODEL}:predict", '{"instances": [NaN, Infinity, -Infinity]}')
    assert status == 200 and np.isnan(found["predictions"][0])
    assert found["predictions"][1:] == [np.inf, -np.inf]


def test_metadata(server):
    status, found = call(server, f"{MODEL}/metadata")
    spec = {"name": "half_plus_three", "signature_name": "", "version": "123"}
    assert status == 200
    assert {key: found["model_spec"].get(key, "") for key in spec} == spec
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "named"}
    assert signatures["serving_default"]["inputs"]["x"]["dtype"] == "DT_FLOAT"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (f"{MODEL}/versions/7:predict", {"instances": [1.0]}, 404, "Specific(half_plus_three, 7)"),
        (f"{MODEL}/versions/7", None, 404, "Could not find version 7 of model half_plus_three"),
        ("/v1/models/half", None, 404, "Could not find any versions of model half"),
        (f"{MODEL}/labels/stable:predict", {"instances": [1.0]}, 400, "label: stable"),
        (f"{MODEL}:predict", None, 400, f"Malformed request: GET {MODEL}:predict"),
        (f"{MODEL}:guess", {"instances": [1.0]}, 400, "Malformed request: POST"),
        (f"{MODEL}:predict", "{", 400, "JSON Parse error"),
        (f"{MODEL}:predict", "[]", 400, "Is not object"),
        (f"{MODEL}:predict", {"rows": [1]}, 400, "Missing 'inputs' or 'instances' key"),
        (f"{MODEL}:predict", {"instances": [1], "inputs": [1]}, 400, "expecting only one of"),
        (f"{MODEL}:predict", {"instances": []}, 400, "No values in 'instances'"),
        (f"{MODEL}:predict", {"instances": ["a"]}, 400, "not of expected type: float"),
        (f"{MODEL}:predict", {"instances": [1, [2]]}, 400, "unexpected level"),
        (f"{MODEL}:predict", {"inputs": {"y": [1]}}, 400, "Missing named input: x"),
        (f"{MODEL}:predict", {"instances": [{"y": 1}]}, 400, "keys must be equal to: x"),
        (f"{MODEL}:predict", {"signature_name": "no", "inputs": [1]}, 400, '"no" not found'),
        (
            f"{MODEL}:predict",
            {"signature_name": "named", "inputs": {"tag": [{"b64": "?"}], "signal": [[1]]}},
            400,
            "Unable to base64 decode",
        ),
    ],
)
def test_rest_refusals(server, path, body, status, message):
    found = call(server, path, body)
    assert found[0] == status
    assert set(found[1]) == {"error"} and message in found[1]["error"]


def test_paths_of_no_interface_are_not_found(server):
    assert call(server, "/v2/health")[0] == 404
