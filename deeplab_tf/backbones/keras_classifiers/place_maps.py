"""Follows the maps through a classifier: which stride they have, and what they see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from deeplab_tf.backbones.keras_classifiers.classifier_graph import Call, ClassifierGraph
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind, kind_of
from deeplab_tf.backbones.keras_classifiers.placed_map import PlacedMap, union
from deeplab_tf.backbones.keras_classifiers.windows import absorbed_paddings, half, window_spans

PADDINGS = ("keras", "centred")


class NoMap(NamedTuple):
    """A tensor without rows and columns of the image.

    Attributes:
        lost_at: layer that took the points from their places; None where the tensor is one value
            for all points.
    """

    lost_at: str | None = None


class Placed(NamedTuple):
    """A call, and where its tensors lie.

    Attributes:
        call: the call.
        kind: what its layer does.
        source: the map that it gets; None where it gets none.
        result: what it returns.
        spans: of a window: native points from the first tap to the last, for rows and columns.
        before: of a window: those before its point; None leaves it to Keras' own padding.
        zeros_outside: of a pool: whether zeros lie outside of the map, not nothing.
    """

    call: Call
    kind: Kind
    source: PlacedMap | None
    result: PlacedMap | NoMap
    spans: tuple[int, int] = (0, 0)
    before: tuple[int, int] | None = None
    zeros_outside: bool = False


def place_maps(graph: ClassifierGraph, padding: str) -> list[Placed]:
    """Follows the maps from the input to the outputs.

    Args:
        graph: the classifier.
        padding: `keras` or `centred`, see `atrous`.

    Returns:
        The calls in order.

    Raises:
        ValueError: a layer does what no output stride can be given for; the message names it.
    """
    places: dict[int, PlacedMap | NoMap] = {graph.input: PlacedMap()}
    absorbed = absorbed_paddings(graph) if padding == "centred" else set()
    placed = []
    for call in graph.calls:
        source = _common_map(call, places)
        kind = kind_of(call.layer)
        zeros = any(tensor in absorbed for tensor in call.inputs)
        if source is not None and absorbed.intersection(call.outputs):
            kind = Kind.SKIPPED
        if source is not None:
            step = _follow(call, kind, source, padding == "centred", zeros)
        else:
            step = Placed(call, kind, None, _without_map(call, kind, places))
        placed.append(step)
        places.update(dict.fromkeys(call.outputs, step.result))
    return placed


def _common_map(call: Call, places: Mapping[int, PlacedMap | NoMap]) -> PlacedMap | None:
    found = [places[tensor] for tensor in call.inputs]
    maps = [place for place in found if isinstance(place, PlacedMap)]
    lost = [place.lost_at for place in found if isinstance(place, NoMap) and place.lost_at]
    if maps and lost:
        raise _refusal(call, f"joins a map and what {lost[0]} made of one")
    if len({place.stride for place in maps}) > 1:
        raise _refusal(call, f"joins maps of strides {sorted({m.stride for m in maps})}")
    return union(maps) if maps else None


def _without_map(call: Call, kind: Kind, places: Mapping[int, PlacedMap | NoMap]) -> NoMap:
    found = [places[tensor] for tensor in call.inputs]
    lost = next((p.lost_at for p in found if isinstance(p, NoMap) and p.lost_at), None)
    if lost and kind in (Kind.CONV, Kind.POOL, Kind.PADDING, Kind.CROPPING, Kind.GLOBAL):
        raise _refusal(call, f"works on places in the image, which {lost} took away before")
    return NoMap(lost)


def _follow(call: Call, kind: Kind, source: PlacedMap, centred: bool, zeros: bool) -> Placed:
    layer = call.layer
    if getattr(layer, "data_format", None) == "channels_first":
        raise _refusal(call, "has the channels first; only channels_last can be made atrous")
    if kind in (Kind.CONV, Kind.POOL):
        return _follow_window(call, kind, source, centred, zeros)
    if kind in (Kind.PADDING, Kind.CROPPING):
        (top, _), (left, _) = _margins(layer)
        sign = -1 if kind is Kind.PADDING else 1
        return Placed(call, kind, source, source.moved((sign * top, sign * left)))
    if kind is Kind.GLOBAL:
        return Placed(call, kind, source, NoMap())
    if kind is Kind.RESHAPE:
        return Placed(call, kind, source, NoMap(layer.name))
    if kind is Kind.OTHER:
        raise _refusal(call, "may look at other points or have a stride, which cannot be known")
    if kind is Kind.SKIPPED:
        return Placed(call, kind, source, source)
    axis = getattr(layer, "axis", -1)
    if not set(axis if isinstance(axis, (list, tuple)) else [axis]) <= {-1, 3}:
        raise _refusal(call, f"works along axis {axis}; only the channels (-1) can be made atrous")
    return Placed(call, kind, source, source)


def _follow_window(call: Call, kind: Kind, source: PlacedMap, centred: bool, zeros: bool) -> Placed:
    layer = call.layer
    strides = tuple(layer.strides)
    if strides[0] != strides[1] or strides[0] & (strides[0] - 1):
        raise _refusal(call, f"has the strides {strides}; only equal powers of 2 become rates")
    spans = window_spans(layer)
    before = source.centred(spans) if centred else None
    own = half(spans) if layer.padding.lower() == "same" else (0, 0)
    result = source.window(spans, before or own, strides[0])
    return Placed(call, kind, source, result, spans, before, zeros)


def _margins(layer: Any) -> Any:
    return layer.padding if hasattr(layer, "padding") else layer.cropping


def _refusal(call: Call, reason: str) -> ValueError:
    return ValueError(
        f"the layer {call.layer.name} ({type(call.layer).__name__}) {reason}, so that the "
        "classifier cannot be made atrous."
    )
