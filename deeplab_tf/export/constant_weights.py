"""A function of TensorFlow whose variables have become constants, in the format that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def with_constants(
    function: Callable, signature: Sequence[tf.TensorSpec]
) -> Callable[..., list[tf.Tensor]]:
    """Traces a function and puts the present values of its variables into its graph.

    A variable that is read in another format, as mixed precision does, is converted here once: the
    graph holds it in that format alone. Constants also let oneDNN sort a kernel once for all calls.

    Args:
        function: of tensors, without loops that read variables.
        signature: of its arguments.

    Returns:
        A function of the same arguments to the list of what `function` returns, for use in graphs.
    """
    traced = tf.function(function, autograph=False).get_concrete_function(*signature)
    constant = convert_variables_to_constants_v2(traced)
    graph = constant.graph.as_graph_def()
    _convert_constants(graph)
    _remove_unread(
        graph, [_source(tensor.name) for tensor in (*constant.inputs, *constant.outputs)]
    )
    imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    return imported.prune(
        [imported.graph.get_tensor_by_name(tensor.name) for tensor in constant.inputs],
        [imported.graph.get_tensor_by_name(tensor.name) for tensor in constant.outputs],
    )


def _convert_constants(graph: tf.compat.v1.GraphDef) -> None:
    """Does every `Cast` of a constant."""
    nodes = {node.name: node for node in graph.node}
    constants = {name: node for name in nodes if (node := _constant(nodes, name))}
    for node in graph.node:
        # Nobody has to wait for a constant; who does would keep the one in the old format.
        inputs = [i for i in node.input if not (i[0] == "^" and _source(i) in constants)]
        node.input[:] = inputs
        if node.op == "Cast" and _source(inputs[0]) in constants:
            values = tf.make_ndarray(constants[_source(inputs[0])].attr["value"].tensor)
            dtype = tf.as_dtype(node.attr["DstT"].type)
            tensor = tf.make_tensor_proto(values.astype(dtype.as_numpy_dtype), dtype)
            name = node.name
            node.Clear()
            node.name, node.op = name, "Const"
            node.attr["dtype"].type = dtype.as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tensor)


def _constant(nodes: Mapping[str, Any], name: str) -> Any:
    """Returns the constant that a node passes on, None if it is none."""
    node = nodes[name]
    while node.op == "Identity":  # what reading a variable became
        node = nodes[_source(node.input[0])]
    return node if node.op == "Const" else None


def _remove_unread(graph: tf.compat.v1.GraphDef, kept: Iterable[str]) -> None:
    """Removes all nodes but those that some are computed of."""
    nodes = {node.name: node for node in graph.node}
    waiting, needed = list(kept), set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(map(_source, nodes[name].input))
    remaining = [node for node in graph.node if node.name in needed]
    del graph.node[:]
    graph.node.extend(remaining)


def _source(name: str) -> str:
    """Returns the name of the node that an input of another names."""
    return name.removeprefix("^").split(":")[0]
