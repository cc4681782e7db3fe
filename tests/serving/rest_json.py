"""TF Serving's JSON for tensors: what a request holds, and what an answer looks like.

Source: tensorflow_serving/util/json_tensor.cc and
https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import binascii
import json

import numpy as np
import tensorflow as tf

from tests.serving.servables import INVALID, RequestError


def parse(body):
    """Returns the object that a request's body holds."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise RequestError(INVALID, f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise RequestError(INVALID, f"JSON Value: {_short(request)} Is not object")
    if not isinstance(request.get("signature_name", ""), str):
        raise RequestError(
            INVALID,
            f"JSON Value: {_short(request)} not formatted correctly. "
            "'signature_name' key must be a string value.",
        )
    if "instances" in request and "inputs" in request:
        raise RequestError(
            INVALID,
            f"JSON Value: {_short(request)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist ",
        )
    if not {"instances", "inputs"} & set(request):
        raise RequestError(INVALID, "Missing 'inputs' or 'instances' key")
    return request


def tensors_of(request, inputs):
    """Returns the TensorProtos of a request.

    Args:
        request: what `parse` gives.
        inputs: TensorInfo by name, of the signature.
    """
    columns = (
        _rows(request["instances"], inputs)
        if "instances" in request
        else _columns(request["inputs"], inputs)
    )
    return {name: _tensor(value, inputs[name].dtype) for name, value in columns.items()}


def _rows(instances, inputs):
    if not isinstance(instances, list):
        message = "Excepting 'instances' to be an list/array"
        raise RequestError(INVALID, f"JSON Value: {_short(instances)} {message}")
    if not instances:
        raise RequestError(INVALID, "JSON Value: [] No values in 'instances' array")
    is_named = _is_object(instances[0])
    if not is_named and len(inputs) > 1:
        raise RequestError(
            INVALID,
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map",
        )
    for i, row in enumerate(instances):
        if _is_object(row) != is_named:
            wanted = ("value/list", "object") if not is_named else ("object", "list")
            message = f"Expecting {wanted[0]} but got {wanted[1]} at item {i} of input list"
            raise RequestError(INVALID, message)
        if is_named and set(row) != set(inputs):
            raise RequestError(
                INVALID,
                f"Failed to process element: {i} of 'instances' list. JSON object: "
                f"{_short(row)} keys must be equal to: {','.join(sorted(inputs))}",
            )
    if not is_named:
        return {next(iter(inputs)): instances}
    return {name: [row[name] for row in instances] for name in inputs}


def _columns(values, inputs):
    if _is_object(values):
        for name in inputs:
            if name not in values:
                message = f"Missing named input: {name} in 'inputs' object."
                raise RequestError(INVALID, message)
        return {name: values[name] for name in inputs}
    if len(inputs) > 1:
        raise RequestError(
            INVALID,
            "inputs is a plain value/list, but expecting an object as multiple "
            "input tensors required as per tensorinfo_map",
        )
    return {next(iter(inputs)): values}


def _tensor(values, kind):
    dtype = tf.dtypes.as_dtype(kind)
    shape, first = [], values
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    flat = []
    _fill(values, shape, 0, dtype, flat)
    array = np.empty(len(flat), dtype.as_numpy_dtype)
    array[:] = flat
    return tf.make_tensor_proto(array.reshape(shape), dtype)


def _fill(value, shape, level, dtype, flat):
    if not isinstance(value, list):
        if level != len(shape):
            raise RequestError(
                INVALID,
                f"JSON Value: {_short(value)} found at incorrect level: {level + 1} "
                f"in the JSON DOM. Expected at level: {len(shape)}",
            )
        flat.append(_element(value, dtype))
        return
    if level >= len(shape):
        message = f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        raise RequestError(INVALID, message)
    if len(value) != shape[level]:
        raise RequestError(
            INVALID,
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}",
        )
    for item in value:
        _fill(item, shape, level + 1, dtype, flat)


def _element(value, dtype):
    if dtype == tf.string and isinstance(value, dict):
        return _decoded(value)
    if dtype == tf.string:
        is_right = isinstance(value, str)
    elif dtype == tf.bool:
        is_right = isinstance(value, bool)
    else:
        kinds = int if dtype.is_integer else (int, float)
        is_right = isinstance(value, kinds) and not isinstance(value, bool)
        is_right = is_right and (dtype.is_floating or dtype.min <= value <= dtype.max)
    if not is_right:
        kind = type(value).__name__
        message = f"JSON Value: {_short(value)} Type: {kind} is not of expected type: {dtype.name}"
        raise RequestError(INVALID, message)
    return value.encode() if dtype == tf.string else value


def _is_binary(value):
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _is_object(value):
    return isinstance(value, dict) and not _is_binary(value)


def _decoded(value):
    if not _is_binary(value):
        message = f"JSON Value: {_short(value)} not formatted correctly for base64 data"
        raise RequestError(INVALID, message)
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestError(INVALID, "Unable to base64 decode") from error


def _short(value):
    return json.dumps(value)[:200]


def response_of(outputs, is_rows):
    """Returns the body of an answer.

    Args:
        outputs: NumPy array by name.
        is_rows: whether the request had rows, and not columns.
    """
    values = {name: _plain(name, array) for name, array in sorted(outputs.items())}
    single = next(iter(values.values())) if len(values) == 1 else None
    if not is_rows:
        return {"outputs": values if single is None else single}
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if None in sizes.values():
        name = next(name for name, size in sizes.items() if size is None)
        raise RequestError(INVALID, f"Tensor name: {name} has no shape information ")
    first = next(iter(sorted(sizes)))
    for name, size in sorted(sizes.items()):
        if size != sizes[first]:
            message = f"inconsistent batch size: {size} expecting: {sizes[first]}"
            raise RequestError(INVALID, f"Tensor name: {name} has {message}")
    if single is not None:
        return {"predictions": single}
    rows = zip(*values.values(), strict=True)
    return {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}


def _plain(name, array):
    """Returns nested lists of what JSON holds."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        convert = _shortest
    elif array.dtype == object:
        convert = _encoded if name.endswith("_bytes") else _text
    else:
        return array.tolist()
    flat = np.empty(array.size, object)
    flat[:] = [convert(value) for value in array.ravel()]
    return flat.reshape(array.shape).tolist()


def _shortest(value):
    """The shortest decimal number that reads back as the same float32."""
    return float(str(value))


def _text(value):
    return value.decode(errors="replace")


def _encoded(value):
    return {"b64": base64.b64encode(value).decode()}
