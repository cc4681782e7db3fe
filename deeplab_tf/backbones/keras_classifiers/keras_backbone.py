"""A classifier of keras.applications as a backbone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.keras_classifiers.classifier_graph import read_graph
from deeplab_tf.backbones.keras_classifiers.families import build_application, family_of
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind
from deeplab_tf.backbones.keras_classifiers.pixel_statistics import take_up_statistics
from deeplab_tf.backbones.keras_classifiers.rate_plan import plan_rates
from deeplab_tf.backbones.keras_classifiers.rewrite import Rewriter

PREFIX = "keras:"


@keras.saving.register_keras_serializable(package="deeplab_tf")
class KerasBackbone(Backbone):
    """A classifier of keras.applications at any output stride, with random weights.

    All windows are padded alike on all sides (`atrous(padding="centred")`). Input pixels are scaled
    by `preprocess`, not inside the network. Dropout and stochastic depth are left out. Layers keep
    Keras' names; those without a name of their own are numbered in order.

    Args:
        application: name of the network in keras.applications, such as `EfficientNetV2B0`.
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: 1.0; the widths of a family are networks of their own.
        method: `native`; Keras' convolutions have no other implementation.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Attributes:
        has_global_context: whether the network computes something from all points at once, such as
            in squeeze-and-excitation; `receptive_field_radius` leaves that out.

    Returns:
        Dict from the names of the last maps of every stride to these maps; the last one feeds the
        head.

    Raises:
        ValueError: there is no such network, or an argument that it does not take.

    Source: Chen et al. 2016 (arXiv 1606.00915), section 3.1, for the rates.
    """

    def __init__(
        self,
        application: str = "ResNet50",
        output_stride: int = 8,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(output_stride, width, method, batch_norm, **kwargs)
        family = family_of(application)
        if width != 1 or method != "native":
            raise ValueError(
                f"the backbone {PREFIX}{application} has width 1.0 and method 'native' only; "
                f"another network of its family may be narrower. Received: width={width}, "
                f"method={method!r}"
            )
        self.application = application
        self.mean_rgb = family.scaling.mean
        self._scaling = family.scaling
        classifier = build_application(application)
        graph = read_graph(classifier)
        plan = plan_rates(graph, output_stride, "centred", stable_names=True)
        self._native_strides = plan.native_strides
        self._radius = plan.receptive_field_radius
        self.has_global_context = plan.has_global_context
        rewriter = Rewriter(batch_norm, self.dtype_policy, as_backbone=True)
        self.network, _ = rewriter.network(graph, plan, 3, application)

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:  # type: ignore[override]
        """Scales RGB images 0..255 [B, H, W, 3] as the family's `preprocess_input` does."""
        return self._scaling(images)

    @property
    def native_strides(self) -> dict[str, int]:
        """Stride of every map in the classification network."""
        return dict(self._native_strides)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side."""
        return self._radius

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> dict[str, tf.Tensor]:
        """Extracts features from preprocessed images [B, H, W, 3]."""
        features = self.network(inputs, training=training)
        return {name: features[name] for name in self._native_strides}

    def weights_of(self, classifier: keras.Model) -> dict[str, np.ndarray]:
        """Returns the weights of a classifier of the same kind by the names that they have here.

        Args:
            classifier: as `build_application` builds it, with or without its last layers.

        Returns:
            Its weights, for pixels that `preprocess` has scaled.
        """
        graph = read_graph(classifier)
        plan = plan_rates(graph, self.output_stride, "centred", stable_names=True)
        arrays = {
            f"{step.name}/{compat.weight_name(variable)}": np.asarray(variable)
            for step in plan.steps
            if step.placed.kind is not Kind.SCALING
            for variable in getattr(step.placed.call.layer, "weights", ())
        }
        return take_up_statistics(arrays, classifier, self._scaling)
