"""Changes graphs for what tf2onnx and ONNX Runtime lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx


def add_rows(graph: Any, nodes: Sequence[Any]) -> list[Any]:
    """Makes a row of every number that is added to a map, as in a hard swish.

    tf2onnx takes what is added to a convolution for its bias, which a single number has no size
    for: it then says so at length and leaves the transpositions around all convolutions.
    """
    for node in nodes:
        if node.type not in ("Add", "AddV2"):
            continue
        for position, source in enumerate(node.inputs):
            of_a_map = graph.get_rank(node.input[1 - position]) == 4
            if of_a_map and source.is_const() and graph.get_rank(node.input[position]) == 0:
                value = source.get_tensor_value(as_list=False)
                row = graph.make_const(f"{node.name}_row", np.reshape(value, [1]))
                graph.replace_input(node, node.input[position], row.output[0], position)
    return graph.get_nodes()


def erfc_by_erf(graph: Any, nodes: Sequence[Any]) -> list[Any]:
    """Computes erfc(x), of which TensorFlow's GELU consists, as 1 - erf(x); ONNX has erf alone."""
    from tf2onnx.utils import map_onnx_to_numpy_type

    for node in nodes:
        if node.type == "Erfc":
            kinds = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
            inputs, outputs = list(node.input), list(node.output)
            graph.remove_node(node.name)
            erf = graph.make_node("Erf", inputs, **kinds)
            row = np.ones([1], map_onnx_to_numpy_type(kinds["dtypes"][0]))
            one = graph.make_const(f"{node.name}_one", row)
            graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, **kinds)
    return graph.get_nodes()


# Of TensorFlow's graph, in the form that tf2onnx's `custom_rewriter` takes.
REWRITERS = [add_rows, erfc_by_erf]


def pad_explicitly(graph: onnx.GraphProto) -> None:
    """Gives dilated convolutions of stride 1 their padding as numbers.

    tf2onnx leaves it open where the size is, and ONNX Runtime infers none where there is a rate.
    """
    from onnx import helper

    for node in graph.node:
        values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv" and values.get("auto_pad") == b"SAME_UPPER":
            taps = zip(values["kernel_shape"], values["dilations"], strict=True)
            sides = [(kernel - 1) * rate // 2 for kernel, rate in taps]
            kept = [a for a in node.attribute if a.name != "auto_pad"]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute("pads", sides * 2)])
