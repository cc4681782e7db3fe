"""The strides and rates of every layer of a classifier at an output stride."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from deeplab_tf.backbones.keras_classifiers.classifier_graph import ClassifierGraph
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind, sees_all_points
from deeplab_tf.backbones.keras_classifiers.layer_names import layer_names
from deeplab_tf.backbones.keras_classifiers.place_maps import NoMap, Placed, place_maps
from deeplab_tf.backbones.keras_classifiers.placed_map import PlacedMap
from deeplab_tf.backbones.stride import StagePlan, plan_stages

_NO_FEATURES = (Kind.PADDING, Kind.CROPPING, Kind.SCALING, Kind.SKIPPED)


class Step(NamedTuple):
    """A call of the dense network.

    Attributes:
        placed: the call in the classifier.
        name: of its layer.
        stride: what is left of its own stride.
        rate: distance of two points of its input that are neighbours in the classifier.
    """

    placed: Placed
    name: str
    stride: int
    rate: int


class RatePlan(NamedTuple):
    """A classifier up to its last map, as a dense network.

    Attributes:
        steps: its calls in order.
        maps: tensors through which all later ones are computed, by name: the last one of every
            stride, the last map of all included.
        native_strides: their strides in the classifier.
        receptive_field_radius: input pixels that a point of the last map sees to its farther side,
            what is the same for all points left out.
        has_global_context: whether something is computed from all points at once, such as in
            squeeze-and-excitation.
    """

    steps: tuple[Step, ...]
    maps: dict[str, int]
    native_strides: dict[str, int]
    receptive_field_radius: int
    has_global_context: bool


def plan_rates(
    graph: ClassifierGraph, output_stride: int, padding: str, stable_names: bool
) -> RatePlan:
    """Plans a dense network with the weights of a classifier.

    Args:
        graph: the classifier.
        output_stride: input pixels between two points of its last map.
        padding: `keras` or `centred`, see `atrous`.
        stable_names: names layers that Keras has named itself, such as `conv2d_7`, by their order
            in the network instead of the order in which the process has made them.

    Raises:
        ValueError: an output stride that the classifier cannot have, or a layer that cannot be
            made atrous.
    """
    placed = place_maps(graph, padding)
    last = _last_map(graph, placed)
    placed = _needed_for(last, placed)
    names = layer_names([p.call for p in placed], stable_names)
    result = next(p.result for p in placed if last in p.call.outputs)
    assert isinstance(result, PlacedMap)
    stages = plan_stages([2] * int(math.log2(result.stride)), output_stride)
    steps = tuple(_step(p, name, stages) for p, name in zip(placed, names, strict=True))
    maps, strides = _named_maps(graph, steps)
    return RatePlan(
        steps,
        maps,
        strides,
        result.radius,
        any(p.kind is Kind.GLOBAL or sees_all_points(p.call.layer) for p in placed),
    )


def _step(placed: Placed, name: str, stages: Sequence[StagePlan]) -> Step:
    if placed.source is None:
        return Step(placed, name, 1, 1)
    first = int(math.log2(placed.source.stride))
    rate = stages[first - 1].next_rate if first else 1
    if not isinstance(placed.result, PlacedMap):
        return Step(placed, name, 1, rate)
    own = stages[first : int(math.log2(placed.result.stride))]
    return Step(placed, name, math.prod(stage.stride for stage in own), rate)


def _last_map(graph: ClassifierGraph, placed: Sequence[Placed]) -> int:
    """Returns the last map on the way to the outputs: what is pooled, or flattened, at the end."""
    makers = {tensor: p for p in placed for tensor in p.call.outputs}
    order = {tensor: i for i, p in enumerate(placed) for tensor in p.call.outputs}
    waiting, maps = list(graph.outputs), set()
    while waiting:
        tensor = waiting.pop()
        if tensor not in makers:
            continue
        if isinstance(makers[tensor].result, NoMap):
            waiting += makers[tensor].call.inputs
        else:
            maps.add(tensor)
    if not maps:
        raise ValueError("the model has no convolution or pool whose map could be made dense.")
    return max(maps, key=order.__getitem__)


def _needed_for(tensor: int, placed: Sequence[Placed]) -> list[Placed]:
    needed, kept = {tensor}, []
    for p in reversed(placed):
        if needed.intersection(p.call.outputs):
            needed.update(p.call.inputs)
            kept.append(p)
    return kept[::-1]


def _named_maps(
    graph: ClassifierGraph, steps: Sequence[Step]
) -> tuple[dict[str, int], dict[str, int]]:
    last_use = {t: i for i, step in enumerate(steps) for t in step.placed.call.inputs}
    reach = last_use[graph.input]
    found: dict[int, tuple[str, int]] = {}
    for i, (placed, name, *_) in enumerate(steps):
        # Nothing before this call is used after it.
        result = placed.result
        is_alone = reach <= i and placed.kind not in _NO_FEATURES
        if is_alone and isinstance(result, PlacedMap):
            found[result.stride] = name, placed.call.outputs[0]
        reach = max([reach, *(last_use.get(tensor, i) for tensor in placed.call.outputs)])
    maps = dict(found.values())
    return maps, {name: stride for stride, (name, _) in found.items()}


def check_called_once(steps: Sequence[Step]) -> None:
    """Raises an error if a window is used at two rates, as two layers would share their weights.

    Raises:
        ValueError: a layer with a window is called more than once.
    """
    windows: Any = [s for s in steps if s.placed.kind in (Kind.CONV, Kind.POOL)]
    times = Counter(id(step.placed.call.layer) for step in windows)
    for step in windows:
        if times[id(step.placed.call.layer)] > 1:
            raise ValueError(
                f"the layer {step.name} is called {times[id(step.placed.call.layer)]} times; "
                "give a classifier that calls every convolution and pool once."
            )
