"""What users of Keras expect of a model: its summary, layers by name, frozen layers in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.layers.frozen_batch_norm import FrozenBatchNormalization

_FROZEN = "frozen_layers"


# To type checkers a mixin of Any: `DeepLab` brings the methods of keras.Model.
_Mixin: Any = object


class KerasHabits(_Mixin):
    """Mixin of `DeepLab` with methods of `keras.Model` that its own would do worse.

    Keras prints no shapes for a subclassed model, knows the outermost layers only by name, and
    forgets in files which layers were not trainable: the optimizer's state would not fit any more.
    """

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints the layers with the shapes of their outputs and their numbers of parameters.

        Args:
            line_length: characters of a line.
            positions: without effect; Keras has it.
            print_fn: receives every line; None prints.
            expand_nested: whether the layers inside backbone and head have lines too.
            show_trainable: whether a column says which layers are trained.
            layer_range: without effect; Keras has it.

        Example:
            >>> lines = []
            >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
            >>> model.summary(line_length=64, print_fn=lines.append)
            >>> for line in lines[4:6]:
            ...     print(line)
            vgg16 (VGG16)  (None, H/8, W/8, 26)  38,067
            large_fov (LargeFOV)  (None, H/8, W/8, 3)  14,793
        """
        for line in _lines(self, line_length or 88, expand_nested, show_trainable):
            (print_fn or print)(line)

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.layers.Layer:
        """Returns a layer by its name, at any depth, or by its index in `layers`.

        Args:
            name: such as `vgg16`, or `conv1_1` inside it. Of several with one name, such as a
                convolution inside of its block, it is the outermost.
            index: in `layers`.

        Raises:
            ValueError: there is no such layer.
        """
        known = {layer.name for layer in self.layers}
        if index is None and name not in known:
            for path, layer in _by_path(self):
                if path.rsplit("/", 1)[-1] == name:
                    return layer
        return super().get_layer(name, index)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns Keras' own entries and which layers are not trainable, None if not compiled."""
        config = super().get_compile_config()
        frozen = [path for path, layer in _by_path(self) if _is_set_frozen(layer)]
        return {**config, _FROZEN: frozen} if config and frozen else config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as the saved model was, for the variables that were trainable in it."""
        layers = dict(_by_path(self))
        for path in config.get(_FROZEN, ()):
            if path in layers:
                layers[path].trainable = False
        super().compile_from_config({k: v for k, v in config.items() if k != _FROZEN})


def _by_path(parent: keras.layers.Layer, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the layers at every depth under paths such as `vgg16/conv1_1`, outer ones first."""
    children = [(f"{prefix}{layer.name}", layer) for layer in compat.sub_layers(parent)]
    yield from children
    for path, layer in children:
        yield from _by_path(layer, f"{path}/")


def _is_set_frozen(layer: keras.layers.Layer) -> bool:
    return not layer.trainable and not isinstance(layer, FrozenBatchNormalization)


def _lines(model: Any, length: int, nested: bool, trainable: bool) -> Iterator[str]:
    widths = [int(0.46 * length), int(0.3 * length), int(0.14 * length), int(0.1 * length)]
    row = "".join(f"{{:{side}{width}}}" for side, width in zip("<<>>", widths, strict=True))
    shapes = _shapes(model)
    yield f'Model: "{model.name}"'
    yield "=" * length
    yield row.format("Layer (type)", "Output shape", "Params", "Trained" if trainable else "")
    yield "-" * length
    top = [(layer.name, layer) for layer in model.layers]
    for path, layer in list(_tree(top)) if nested else top:
        depth = path.count("/")
        name = f"{'  ' * depth}{layer.name} ({type(layer).__name__})"
        shape = shapes.get(layer.name, "") if depth < 2 else ""
        count, trained = _count(layer.weights), "yes" if layer.trainable_weights else "no"
        shown = trained if trainable and layer.weights else ""
        yield row.format(name[: widths[0] - 1], shape, f"{count:,}", shown).rstrip()
    yield "=" * length
    yield f"Input: images (None, H, W, 3), RGB 0..255; output: logits {shapes['']}"
    parts = (model.weights, model.trainable_weights, model.non_trainable_weights)
    for text, weights in zip(("Total", "Trainable", "Non-trainable"), parts, strict=True):
        yield f"{text} params: {_count(weights):,}"


def _tree(layers: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yields layers and all inside them, every layer followed by its own."""
    for path, layer in layers:
        yield path, layer
        inside = [(f"{path}/{child.name}", child) for child in compat.sub_layers(layer)]
        yield from _tree(inside)


def _shapes(model: Any) -> dict[str, str]:
    """Returns the shapes of the outputs by the layers' names; of the model itself under ''."""
    features = model.backbone(tf.zeros([1, 1, 1, 3]))
    strides = model.backbone.feature_strides
    shapes = {name: _shape(strides[name], map.shape[-1]) for name, map in features.items()}
    shapes[model.backbone.name] = shapes[model.backbone.endpoint_at()]
    logits = _shape(model.logit_stride, model.num_classes)
    shapes |= {layer.name: logits for layer in model.layers if layer is not model.backbone}
    return {**shapes, "": _shape(1, model.num_classes)}


def _shape(stride: int, channels: int) -> str:
    height, width = ("H", "W") if stride == 1 else (f"H/{stride}", f"W/{stride}")
    return f"(None, {height}, {width}, {channels})"


def _count(weights: list[Any]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in weights)
