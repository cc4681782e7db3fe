"""The contract of a backbone: what `DeepLab`, heads, training and weights rely on."""

from __future__ import annotations

import abc
from collections.abc import Collection
from typing import Any, ClassVar

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments

# A regular expression for whole variable names, and the factor on their learning rate.
RateMultipliers = tuple[tuple[str, float], ...]


class Backbone(ConfigFromArguments, keras.layers.Layer, abc.ABC):
    """Extracts features from images at any output stride.

    A new backbone is a subclass in a file of its own and a row in `BACKBONES`. The subclass has the
    abstract members below and those attributes whose defaults do not fit.

    A variable is known as LAYER/WEIGHT, such as `conv1_1/kernel`: layer names are those of the
    published weights, differ from each other and are the same at every output stride.

    Args:
        output_stride: input pixels between two points of the last map: 1, 2, 4, 8, 16 or 32.
            Halving it quadruples cost and memory; the weights stay the same (`plan_stages`).
        width: factor on the number of channels.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Attributes:
        mean_rgb: the colour that `preprocess` maps to zero; images are padded with it.
        rate_multipliers: factors on the learning rate in the published solver.
        has_fc6: heads continue the fc6 and fc7 of the classification network (VGG), instead of
            classifying the features at once (ResNet).
        has_pool5a: `large_fov` average pools the features before fc6, as released with VGG.
        has_global_context: whether a feature depends on the whole image (squeeze and excitation);
            `receptive_field_radius` is then that of the convolutions alone.
        takes_multi_grid: whether the constructor has `multi_grid`, rates of the units of its last
            stage (DeepLab v3).
        multi_scale_endpoints: the maps that v1's multi-scale features add to the image; empty
            where there are no such networks.
        keras_applications: names of the networks whose weights `keras_layer_names` knows.
        keras_biases: whether their convolutions, called `_conv`, have biases before the
            normalisations, called `_bn`; those of this class have none.
    """

    mean_rgb: tuple[float, float, float]
    rate_multipliers: ClassVar[RateMultipliers] = ()
    has_fc6: ClassVar[bool] = False
    has_pool5a: ClassVar[bool] = False
    has_global_context: bool = False
    takes_multi_grid: ClassVar[bool] = False
    multi_scale_endpoints: ClassVar[tuple[str, ...]] = ()
    keras_applications: ClassVar[tuple[str, ...]] = ()
    keras_biases: ClassVar[bool] = False

    def __init__(
        self,
        output_stride: int,
        width: float,
        method: str,
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.output_stride = output_stride
        self.width = width
        self.method = method
        self.batch_norm = batch_norm

    @staticmethod
    @abc.abstractmethod
    def preprocess(images: tf.Tensor) -> tf.Tensor:
        """Turns RGB images 0..255 [B, H, W, 3] of any dtype into what `call` takes, float32."""

    @abc.abstractmethod
    def call(self, inputs: tf.Tensor, training: bool | None = False) -> dict[str, tf.Tensor]:
        """Maps preprocessed images to named features [B, ceil(H / s), ceil(W / s), C].

        Convolutions and pools pad all sides alike, so that point (i, j) of a map of stride s lies
        at pixel (i * s, j * s). `training` goes to every layer that takes it.
        """

    @property
    @abc.abstractmethod
    def native_strides(self) -> dict[str, int]:
        """Stride in the classification network of every map of `call`, in order, the last last."""

    @property
    @abc.abstractmethod
    def receptive_field_radius(self) -> int:
        """Input pixels that a point of the last map sees to each side."""

    @classmethod
    def keras_layer_names(cls, layers: Collection[str]) -> dict[str, str] | None:
        """Maps the layers of a Keras Applications file to those of this class.

        Args:
            layers: names of the layers with weights in the file.

        Returns:
            Name in the file -> name here; None where the file holds another network.
        """
        return None

    # === What follows from it ===

    @property
    def feature_strides(self) -> dict[str, int]:
        """Input pixels between two points of every map of `call`."""
        return {name: min(s, self.output_stride) for name, s in self.native_strides.items()}

    def endpoint_at(self, native_stride: int | None = None) -> str:
        """Returns the name of the last map with a stride.

        Args:
            native_stride: in the classification network, such as 4 for the details that a decoder
                adds. At a smaller output stride the same map is denser: see `feature_strides`.
                None takes the last map of all.

        Raises:
            ValueError: there is no such map.
        """
        strides = self.native_strides
        names = [name for name in strides if native_stride in (None, strides[name])]
        if not names:
            raise ValueError(
                f"{self.name} has no features of stride {native_stride}; its strides are "
                f"{sorted(set(strides.values()))}"
            )
        return names[-1]
