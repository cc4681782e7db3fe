"""The SavedModels that the conformance server holds, and TF Serving's rules for calling them.

Source: tensorflow_serving/servables/tensorflow/predict_util.cc and
tensorflow_serving/model_servers/server_core.cc of https://github.com/tensorflow/serving.
"""

from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

DEFAULT_SIGNATURE = "serving_default"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


class RequestError(Exception):
    """What a client is told: a gRPC status code and a message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


class Servable(NamedTuple):
    version: int
    signatures: dict  # name -> SignatureDef
    session: tf.compat.v1.Session


class Servables:
    """The versions of one model; as TF Serving does, they are run in TensorFlow 1 sessions.

    So an output that nobody wants is not computed.
    """

    def __init__(self, model_dir, name, all_versions=False):
        self.name = name
        folders = {int(p.name): p for p in Path(model_dir).iterdir() if p.name.isdigit()}
        if not folders:
            raise SystemExit(f"{model_dir} holds no version: a folder whose name is a number.")
        chosen = sorted(folders) if all_versions else [max(folders)]
        self.versions = {version: _load(folders[version], version) for version in chosen}

    def find(self, name, version=None, label=None):
        if not name:
            raise RequestError(INVALID, "ModelSpec has no name specified.")
        if label:
            raise RequestError(INVALID, f"Unrecognized servable version label: {label}")
        if name == self.name and (version is None or version in self.versions):
            return self.versions[max(self.versions) if version is None else version]
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")

    def status(self, name, version=None):
        """Returns the versions whose state a client asks for."""
        if name == self.name and version is None:
            return sorted(self.versions, reverse=True)
        if name == self.name and version in self.versions:
            return [version]
        wanted = "any versions" if version is None else f"version {version}"
        raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find {wanted} of model {name}")


def _load(folder, version):
    content = (folder / "saved_model.pb").read_bytes()
    signatures = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    # Initialisers are no signatures for clients.
    public = {name: found for name, found in signatures.items() if not name.startswith("__")}
    return Servable(version, public, session)


def predict(servable, signature_name, inputs, output_filter=()):
    """Runs a signature.

    Args:
        servable: a Servable.
        signature_name: empty for the default.
        inputs: TensorProto by name.
        output_filter: names of outputs; empty for all.

    Returns:
        NumPy array by name.
    """
    name = signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        code = grpc.StatusCode.FAILED_PRECONDITION
        raise RequestError(code, f'Serving signature key "{name}" not found.')
    signature = servable.signatures[name]
    feeds = _feeds(signature, inputs)
    fetches = {name: signature.outputs[name].name for name in _outputs(signature, output_filter)}
    try:
        return servable.session.run(fetches, feeds)
    except tf.errors.OpError as error:
        code = next(c for c in grpc.StatusCode if c.value[0] == error.error_code)
        raise RequestError(code, error.message) from error
    except (TypeError, ValueError) as error:
        raise RequestError(INVALID, str(error)) from error


def _feeds(signature, inputs):
    sent, wanted = set(inputs), set(signature.inputs)
    if sent != wanted:
        raise RequestError(
            INVALID,
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({_set(sent)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}.",
        )
    feeds = {}
    for index, (name, info) in enumerate(sorted(signature.inputs.items())):
        found = inputs[name].dtype
        if found != info.dtype:
            kinds = [tf.dtypes.as_dtype(kind).name for kind in (info.dtype, found)]
            message = f"Expects arg[{index}] to be {kinds[0]} but {kinds[1]} is provided"
            raise RequestError(INVALID, message)
        try:
            feeds[info.name] = tf.make_ndarray(inputs[name])
        except (TypeError, ValueError) as error:
            raise RequestError(INVALID, f"Tensor {name} cannot be parsed: {error}") from error
    return feeds


def _outputs(signature, output_filter):
    known = set(signature.outputs)
    for name in output_filter:
        if name not in known:
            raise RequestError(
                INVALID,
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {_set(known)}.",
            )
    if len(set(output_filter)) < len(output_filter):
        repeated = next(n for i, n in enumerate(output_filter) if n in output_filter[:i])
        raise RequestError(INVALID, f"duplicate output tensor alias: {repeated}")
    return output_filter or sorted(known)


def _set(names):
    return "{" + ",".join(sorted(names)) + "}"


def as_tensor_proto(array):
    """Returns the message for an array, which may hold bytes."""
    return tf.make_tensor_proto(np.asarray(array))
