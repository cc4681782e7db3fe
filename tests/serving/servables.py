"""SavedModels and TF Serving's rules for calling them.

Source: tensorflow_serving/servables/tensorflow/predict_util.cc and
tensorflow_serving/model_servers/server_core.cc of https://github.com/tensorflow/serving.
"""

from pathlib import Path
from typing import NamedTuple

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

DEFAULT_SIGNATURE = "serving_default"


class RequestError(Exception):
    """A refusal: its message and the name of its gRPC status."""

    def __init__(self, message, code="INVALID_ARGUMENT"):
        super().__init__(message)
        self.message, self.code = message, code


class Servable(NamedTuple):
    version: int
    signatures: dict  # name -> SignatureDef
    session: tf.compat.v1.Session


class Servables:
    """The versions of one model. As in TF Serving they run in TensorFlow 1 sessions.

    So an output that is not requested is not computed.
    """

    def __init__(self, model_dir, name, all_versions=False):
        folders = {int(p.name): p for p in Path(model_dir).iterdir() if p.name.isdigit()}
        if not folders:
            raise SystemExit(f"{model_dir} holds no version: a folder whose name is a number.")
        chosen = folders if all_versions else [max(folders)]
        self._name, self._versions = name, {v: _load(folders[v], v) for v in chosen}

    def find(self, spec):
        """Returns the Servable of a ModelSpec."""
        if not spec.name:
            raise RequestError("ModelSpec has no name specified.")
        if spec.version_label:
            raise RequestError(f"Unrecognized servable version label: {spec.version_label}")
        version, wanted = max(self._versions), f"Latest({spec.name})"
        if spec.HasField("version"):
            version = spec.version.value
            wanted = f"Specific({spec.name}, {version})"
        if spec.name != self._name or version not in self._versions:
            raise RequestError(f"Servable not found for request: {wanted}", "NOT_FOUND")
        return self._versions[version]


def _load(folder, version):
    content = (folder / "saved_model.pb").read_bytes()
    signatures = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    return Servable(version, dict(signatures), session)


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
        raise RequestError(f'Serving signature key "{name}" not found.', "FAILED_PRECONDITION")
    signature = servable.signatures[name]
    feeds = _feeds(signature.inputs, inputs)
    for output in output_filter:
        if output not in signature.outputs:
            raise RequestError(
                f"output tensor alias not found in signature: {output} "
                f"Outputs expected to be in the set {_set(signature.outputs)}."
            )
    fetches = {n: signature.outputs[n].name for n in output_filter or sorted(signature.outputs)}
    try:
        return servable.session.run(fetches, feeds)
    except tf.errors.OpError as error:
        code = next(code.name for code in grpc.StatusCode if code.value[0] == error.error_code)
        raise RequestError(error.message, code) from error
    except (TypeError, ValueError) as error:  # a shape that the signature does not take
        raise RequestError(str(error)) from error


def _feeds(infos, inputs):
    sent, wanted = set(inputs), set(infos)
    if sent != wanted:
        raise RequestError(
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({_set(sent)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
        )
    for index, (name, info) in enumerate(sorted(infos.items())):
        kinds = [tf.dtypes.as_dtype(found.dtype).name for found in (info, inputs[name])]
        if kinds[0] != kinds[1]:
            raise RequestError(f"Expects arg[{index}] to be {kinds[0]} but {kinds[1]} is provided")
    return {infos[name].name: tf.make_ndarray(value) for name, value in inputs.items()}


def _set(names):
    return "{" + ",".join(sorted(names)) + "}"
