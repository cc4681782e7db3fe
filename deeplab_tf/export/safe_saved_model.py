"""Validates a SavedModel's operations before TensorFlow loads it, which runs some of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework import function_pb2, node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from deeplab_tf.export.operations import COMPUTING, SAVING

# A graph with the CRF has 2 MB; what a file may hold is weights as constants.
_LARGEST_BYTES = 2**28


def check_saved_model(folder: str | os.PathLike) -> None:
    """Refuses a SavedModel that does more than compute, and names the operation.

    A SavedModel is a program: its operations can read and write files and open connections,
    and some run when it is loaded. What `tools/export.py` writes computes labels and nothing else.

    Args:
        folder: the SavedModel.

    Raises:
        ValueError: it holds an operation that is not known to compute only, has assets outside
            of its folder, names a function twice, or cannot be read.
    """
    file = Path(folder) / "saved_model.pb"
    meta_graph = _read(file)
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    if len(functions) < len(meta_graph.graph_def.library.function):
        # Which of them is checked must not depend on which of them TensorFlow takes.
        raise ValueError(f"{file}: holds two functions of one name.")
    loaded = _loaded_functions(meta_graph, functions)
    for name, function in functions.items():
        # The saver's functions are for who saves it again: loading leaves them alone.
        allowed = COMPUTING if name in loaded else COMPUTING | SAVING
        _check_nodes(function.node_def, allowed, f"{file}: function {name!r}")
    _check_nodes(meta_graph.graph_def.node, COMPUTING, f"{file}: its graph")
    for asset in meta_graph.asset_file_def:
        if asset.filename != Path(asset.filename).name or asset.filename in ("", ".."):
            raise ValueError(f"{file}: its asset {asset.filename!r} lies outside of its folder.")


def _read(file: Path) -> meta_graph_pb2.MetaGraphDef:
    """Parses the file, which runs nothing."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_BYTES + 1)
        if len(content) > _LARGEST_BYTES:
            raise ValueError(f"{file}: larger than {_LARGEST_BYTES} bytes.")
        saved_model = saved_model_pb2.SavedModel.FromString(content)
    except (OSError, DecodeError) as error:
        raise ValueError(f"{file}: not a SavedModel of tools/export.py ({error}).") from error
    graphs = saved_model.meta_graphs
    # Of others TensorFlow would run the graph as TensorFlow 1 did.
    if len(graphs) != 1 or not graphs[0].object_graph_def.nodes:
        raise ValueError(f"{file}: must hold one graph of TensorFlow 2. Received: {len(graphs)}.")
    return graphs[0]


def _loaded_functions(
    meta_graph: meta_graph_pb2.MetaGraphDef, functions: dict[str, function_pb2.FunctionDef]
) -> set[str]:
    """Returns the functions that loading hands out or runs, and those that they call."""
    objects, library = meta_graph.object_graph_def, meta_graph.graph_def.library
    waiting = list(objects.concrete_functions)
    for node in objects.nodes:
        waiting += [*node.function.concrete_functions]
        waiting += [node.bare_concrete_function.concrete_function_name]
    waiting += [gradient.gradient_func for gradient in library.gradient]
    waiting += [gradient.gradient_func for gradient in library.registered_gradients]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            for node in functions[name].node_def:
                waiting += _called(node)
    return found


def _called(node: node_def_pb2.NodeDef) -> Iterator[str]:
    """Yields the functions that an operation can call."""
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def _check_nodes(
    nodes: Iterable[node_def_pb2.NodeDef], allowed: frozenset[str], place: str
) -> None:
    for node in nodes:
        if node.op not in allowed:
            raise ValueError(
                f"{place} holds the operation {node.op!r}, which tools/export.py does not write. "
                "If you know who made the SavedModel and trust it as you trust a program: "
                "deeplab_tf.load(path, safe_mode=False)."
            )
