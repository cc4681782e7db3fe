"""The layer calls of a functional model, in an order in which they can be repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras

from deeplab_tf import compat


class Call(NamedTuple):
    """One call of a layer.

    Tensors are known by numbers: the `id` of the symbolic tensor.

    Attributes:
        layer: what is called: a layer, or an operation such as `x + y`.
        inputs: tensors that it gets.
        outputs: tensors that it returns.
        node: Keras' record of the call.
        renamed: tensors inside a nested model -> the same ones outside of it.
    """

    layer: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    node: Any
    renamed: Mapping[int, int]

    def arguments(self, values: Mapping[int, Any]) -> tuple[tuple, dict[str, Any]]:
        """Returns the arguments of the call, with values in the place of its tensors."""
        own = {id(t): values[self.renamed.get(id(t), id(t))] for t in _inputs_of(self.node)}
        if compat.KERAS_3:
            return self.node.arguments.fill_in(own)
        # Keras 2 takes each value from a list, once for every time that it is used.
        uses = {key: list(self.node.flat_input_ids).count(str(key)) for key in own}
        return self.node.map_arguments({str(k): [v] * uses[k] for k, v in own.items()})


class ClassifierGraph(NamedTuple):
    """A functional model with one input as a list of calls.

    Attributes:
        input: the model's input tensor.
        calls: in an order in which every tensor is returned before it is used; the calls inside
            nested models stand in the place of the nested model's.
        outputs: the model's output tensors.
    """

    input: int
    calls: tuple[Call, ...]
    outputs: tuple[int, ...]


def read_graph(model: keras.Model) -> ClassifierGraph:
    """Lists the layer calls of a functional model.

    Args:
        model: functional or sequential, built, with one input; models inside it likewise.

    Raises:
        ValueError: it is another kind of model, has several inputs, or a model inside it is called
            twice.
    """
    if _functional(model) is None or len(model.inputs) != 1:
        raise ValueError(
            f"{getattr(model, 'name', model)!s} must be a functional keras.Model with one input, "
            f"as keras.applications makes them. Received: a {type(model).__name__}"
        )
    renamed: dict[int, int] = {}
    calls = tuple(_calls(_functional(model), renamed, set()))
    # Outputs of nested models are known only once these are listed.
    calls = tuple(
        call._replace(inputs=tuple(_resolve(t, renamed) for t in call.inputs)) for call in calls
    )
    flat = {key: _resolve(key, renamed) for key in renamed}
    renamed.update(flat)
    outputs = tuple(_resolve(id(t), renamed) for t in model.outputs)
    return ClassifierGraph(id(model.inputs[0]), calls, outputs)


def _functional(model: Any) -> Any:
    """Returns the graph of a model, None where it has none; Keras 3 keeps a Sequential's inside."""
    graph = getattr(model, "_functional", None) or model
    return graph if isinstance(model, keras.Model) and hasattr(graph, "_nodes_by_depth") else None


def _calls(graph: Any, renamed: dict[int, int], seen: set[int]) -> Iterator[Call]:
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            layer = node.operation if compat.KERAS_3 else node.layer
            if node.is_input:
                continue
            nested = _functional(layer)
            if nested is None:
                inputs = tuple(dict.fromkeys(id(t) for t in _inputs_of(node)))
                outputs = tuple(id(t) for t in _flat(node.outputs))
                yield Call(layer, inputs, outputs, node, renamed)
                continue
            if id(nested) in seen:
                raise ValueError(f"the model {layer.name} is called more than once.")
            seen.add(id(nested))
            renamed.update(_pairs(nested.inputs, _inputs_of(node)))
            yield from _calls(nested, renamed, seen)
            renamed.update(_pairs(_flat(node.outputs), nested.outputs))


def _pairs(inside: Any, outside: Any) -> dict[int, int]:
    return {id(a): id(b) for a, b in zip(inside, outside, strict=True)}


def _resolve(tensor: int, renamed: Mapping[int, int]) -> int:
    while tensor in renamed:
        tensor = renamed[tensor]
    return tensor


def _inputs_of(node: Any) -> Any:
    return node.arguments.keras_tensors if compat.KERAS_3 else node.keras_inputs


def _flat(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
