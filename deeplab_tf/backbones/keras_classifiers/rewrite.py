"""Builds the dense network of a plan: the layers of a classifier, other strides and rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from deeplab_tf.backbones.keras_classifiers.classifier_graph import ClassifierGraph
from deeplab_tf.backbones.keras_classifiers.input_scaling import input_scaling
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind
from deeplab_tf.backbones.keras_classifiers.padded_pool import PaddedPool2D
from deeplab_tf.backbones.keras_classifiers.padded_window import (
    PaddedConv2D,
    PaddedDepthwiseConv2D,
    PaddedSeparableConv2D,
)
from deeplab_tf.backbones.keras_classifiers.rate_plan import RatePlan, Step
from deeplab_tf.backbones.keras_classifiers.windows import half
from deeplab_tf.layers.conv_norm_act import BATCH_NORMS

_PADDED: tuple[tuple[type, Any], ...] = (
    (keras.layers.DepthwiseConv2D, PaddedDepthwiseConv2D),
    (keras.layers.SeparableConv2D, PaddedSeparableConv2D),
    (keras.layers.Conv2D, PaddedConv2D),
)


class Rewriter:
    """Builds the layers of a dense network.

    Args:
        batch_norm: `frozen`, `train` or `sync` for all normalisations; None leaves them as they
            are.
        dtype: dtype policy of all layers; None leaves theirs.
        as_backbone: leaves out the scaling of input pixels, which the backbone does itself, and
            dropout and stochastic depth, which would not depend on the example alone.
    """

    def __init__(self, batch_norm: str | None = None, dtype: Any = None, as_backbone: bool = False):
        self.batch_norm = batch_norm
        self.dtype = dtype
        self.as_backbone = as_backbone

    def network(
        self, graph: ClassifierGraph, plan: RatePlan, channels: int, name: str
    ) -> tuple[keras.Model, dict[int, Any]]:
        """Builds the network.

        Args:
            graph: the classifier.
            plan: its strides and rates.
            channels: of the images.
            name: of the network.

        Returns:
            The network, from images [B, H, W, channels] to the maps of the plan by name; and for
            every layer of the classifier, by its `id`, the one that takes its weights.
        """
        image = keras.Input((None, None, channels), name="image")
        values: dict[int, Any] = {graph.input: image}
        layers: dict[int, Any] = {}
        for step in plan.steps:
            call = step.placed.call
            if self._is_left_out(step):
                results = [values[call.inputs[0]]]
            else:
                layer = layers.get(id(call.layer)) or self._layer(step)
                layers[id(call.layer)] = layer
                arguments, options = call.arguments(self._inputs(step, values))
                results = layer(*arguments, **options)
            results = results if isinstance(results, (list, tuple)) else [results]
            values.update(zip(call.outputs, results, strict=True))
        outputs = {key: values[tensor] for key, tensor in plan.maps.items()}
        return keras.Model(image, outputs, name=name), layers

    def _inputs(self, step: Step, values: Mapping[int, Any]) -> Mapping[int, Any]:
        """Has a global pool see the points that it sees in the classifier."""
        if step.placed.kind is not Kind.GLOBAL or step.placed.source is None or step.rate == 1:
            return values
        tensor = step.placed.call.inputs[0]
        name = f"{step.name}_points"
        points = keras.layers.AveragePooling2D(1, step.rate, name=name, dtype=self.dtype)
        return {**values, tensor: points(values[tensor])}

    def _is_left_out(self, step: Step) -> bool:
        kind = step.placed.kind
        if kind is Kind.SKIPPED:
            return True
        return self.as_backbone and kind in (Kind.DROPOUT, Kind.SCALING)

    def _layer(self, step: Step) -> Any:
        placed, layer = step.placed, step.placed.call.layer
        if not isinstance(layer, keras.layers.Layer):
            return layer  # an operation without weights, such as `x + y`
        if placed.source is not None:
            if placed.kind is Kind.SCALING:
                return input_scaling(layer, step.name, self.dtype or layer.dtype_policy)
            if placed.kind in (Kind.CONV, Kind.POOL):
                return self._window(step, layer)
            if placed.kind in (Kind.PADDING, Kind.CROPPING):
                return self._margins(step, layer)
        if placed.kind is Kind.NORM and self.batch_norm is not None:
            norm_class, fixed = BATCH_NORMS[self.batch_norm]
            return norm_class(**self._config(step, layer, **fixed))
        return type(layer).from_config(self._config(step, layer))

    def _config(self, step: Step, layer: Any, **changes: Any) -> dict[str, Any]:
        config = {**layer.get_config(), "name": step.name, **changes}
        if self.dtype is not None:
            config["dtype"] = self.dtype
        return config

    def _margins(self, step: Step, layer: Any) -> Any:
        key = "padding" if step.placed.kind is Kind.PADDING else "cropping"
        margins = [[step.rate * n for n in pair] for pair in getattr(layer, key)]
        return type(layer).from_config(self._config(step, layer, **{key: margins}))

    def _window(self, step: Step, layer: Any) -> Any:
        placed, native = step.placed, layer.strides[0]
        is_one_point = max(placed.spans) == 0  # which has no holes and no padding
        rate = 1 if is_one_point else step.rate
        is_same = layer.padding.lower() == "same"
        is_changed = rate > 1 or step.stride != native or _is_depthwise(layer)
        if placed.before is not None and not is_one_point:
            is_changed |= not is_same or native > 1 or placed.before != half(placed.spans)
        if not is_changed:
            return type(layer).from_config(self._config(step, layer))
        pads = (placed.before is not None or is_same) and not is_one_point
        dilations = [rate * n for n in getattr(layer, "dilation_rate", (1, 1))]
        changes: dict[str, Any] = {"strides": [step.stride] * 2, "dilation_rate": dilations}
        place: dict[str, Any] = {"before": placed.before, "rate": rate, "native_strides": native}
        if placed.kind is Kind.POOL:
            outside = "zeros" if placed.zeros_outside else "ignored"
            return PaddedPool2D(
                "max" if isinstance(layer, keras.layers.MaxPooling2D) else "average",
                layer.pool_size,
                **changes,
                **place,
                outside=outside if pads else "forbidden",
                name=step.name,
                dtype=self.dtype or layer.dtype_policy,
            )
        if not pads:
            return type(layer).from_config(self._config(step, layer, **changes))
        padded = next(ours for theirs, ours in _PADDED if isinstance(layer, theirs))
        return padded.from_config(self._config(step, layer, **changes, **place))


def _is_depthwise(layer: Any) -> bool:
    """Returns whether a `Conv2D` has a group for every channel, as ConvNeXt's."""
    return getattr(layer, "groups", 1) > 1 and layer.kernel.shape[2] == 1


def copy_weights(layers: Mapping[int, Any], plan: RatePlan) -> None:
    """Gives a network the weights of the classifier that it was planned for.

    Args:
        layers: as `Rewriter.network` returns them.
        plan: the plan.
    """
    for step in plan.steps:
        source = step.placed.call.layer
        if id(source) in layers and step.placed.kind is not Kind.SCALING:
            target = layers[id(source)]
            if target is not source and source.weights:
                target.set_weights(source.get_weights())
