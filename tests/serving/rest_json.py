"""TF Serving's JSON for tensors, in requests and responses.

Source: tensorflow_serving/util/json_tensor.cc and
https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import json

import numpy as np
import tensorflow as tf

from tests.serving.servables import RequestError


def read_request(body):
    """Returns the object of a request's body."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise RequestError(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise RequestError(f"JSON Value: {_short(request)} Is not object")
    if "instances" in request and "inputs" in request:
        raise RequestError(
            f"JSON Value: {_short(request)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if "instances" not in request and "inputs" not in request:
        raise RequestError("Missing 'inputs' or 'instances' key")
    return request


def read_inputs(request, infos):
    """Returns the TensorProtos of a request by name.

    Args:
        request: what `read_request` returns.
        infos: TensorInfo by name, the inputs of the signature.
    """
    is_rows = "instances" in request
    columns = _rows(request["instances"], infos) if is_rows else _columns(request["inputs"], infos)
    return {name: _tensor(columns[name], info.dtype) for name, info in infos.items()}


def _rows(rows, infos):
    if not rows:
        raise RequestError("JSON Value: [] No values in 'instances' array")
    if len(infos) == 1 and not _is_object(rows[0]):
        return {next(iter(infos)): rows}
    for i, row in enumerate(rows):
        if not _is_object(row) or set(row) != set(infos):
            raise RequestError(
                f"Failed to process element: {i} of 'instances' list. JSON object: "
                f"{_short(row)} keys must be equal to: {','.join(sorted(infos))}"
            )
    return {name: [row[name] for row in rows] for name in infos}


def _columns(values, infos):
    if len(infos) == 1 and not _is_object(values):
        return {next(iter(infos)): values}
    for name in infos:
        if name not in values:
            raise RequestError(f"Missing named input: {name} in 'inputs' object.")
    return values


def _tensor(values, dtype):
    values = _decoded(values)
    try:
        return tf.make_tensor_proto(values, dtype)
    except (TypeError, ValueError) as error:
        kind = tf.dtypes.as_dtype(dtype).name
        raise RequestError(f"JSON Value: {error} is not of expected type: {kind}") from error


def _decoded(value):
    """Replaces base64 by its bytes, at any depth."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    try:
        return base64.b64decode(value["b64"], validate=True)
    except ValueError as error:
        raise RequestError("Unable to base64 decode") from error


def _is_object(value):
    return isinstance(value, dict) and set(value) != {"b64"}


def _short(value):
    return json.dumps(value)[:200]


def response_body(outputs, is_rows):
    """Returns the body of a response.

    Args:
        outputs: NumPy array by name.
        is_rows: whether the request had rows, and not columns.
    """
    values = {name: _plain(name, array) for name, array in sorted(outputs.items())}
    if len(values) == 1:
        (found,) = values.values()
    elif is_rows:
        found = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    else:
        found = values
    return json.dumps({"predictions" if is_rows else "outputs": found}).encode()


def _plain(name, array):
    """Returns nested lists of JSON's types; bytes are base64 where the name ends in `_bytes`."""
    if array.dtype.kind == "f":  # by the shortest decimal numbers that read back as the same
        return array.astype(str).astype(float).tolist()
    if array.dtype != object:
        return array.tolist()
    convert = _encoded if name.endswith("_bytes") else lambda value: value.decode(errors="replace")
    return np.vectorize(convert, otypes=[object])(array).tolist()


def _encoded(value):
    return {"b64": base64.b64encode(value).decode()}
