"""The windows of convolutions and pools, and the zero paddings that belong to them."""

from __future__ import annotations

from typing import Any

from deeplab_tf.backbones.keras_classifiers.classifier_graph import Call, ClassifierGraph
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind, kind_of


def half(spans: tuple[int, int]) -> tuple[int, int]:
    """Returns what Keras' "same" has before the point of a window without stride."""
    return spans[0] // 2, spans[1] // 2


def window_spans(layer: Any) -> tuple[int, int]:
    """Returns the points from the first tap to the last of a convolution or pool."""
    taps = getattr(layer, "kernel_size", None) or layer.pool_size
    rows, columns = getattr(layer, "dilation_rate", (1, 1))
    return (taps[0] - 1) * rows, (taps[1] - 1) * columns


def absorbed_paddings(graph: ClassifierGraph) -> set[int]:
    """Returns the zero paddings that belong to the windows after them."""
    users: dict[int, list[Call]] = {}
    for call in graph.calls:
        for tensor in call.inputs:
            users.setdefault(tensor, []).append(call)
    return {
        call.outputs[0]
        for call in graph.calls
        if kind_of(call.layer) is Kind.PADDING
        and users.get(call.outputs[0])
        and all(_takes_over(user.layer, call.layer) for user in users[call.outputs[0]])
    }


def _takes_over(window: Any, padding: Any) -> bool:
    if kind_of(window) not in (Kind.CONV, Kind.POOL) or window.padding.lower() != "valid":
        return False
    return all(
        sum(m) <= span for m, span in zip(padding.padding, window_spans(window), strict=True)
    )
