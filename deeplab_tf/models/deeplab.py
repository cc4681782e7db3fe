"""DeepLab: backbone, head, logits of several scales, upsampling."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.backbones import BACKBONES, backbone_class, build_backbone
from deeplab_tf.backbones.backbone import RateMultipliers
from deeplab_tf.data.class_mapping import unnamed_classes
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.heads import HeadOptions, build_head, head_class
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import set_momentum
from deeplab_tf.layers.multi_scale_features import MultiScaleFeatures
from deeplab_tf.layers.resize import resize
from deeplab_tf.models.arguments import (
    check_numbers,
    check_policy,
    checked_batch_norm,
    checked_crf,
    checked_image_pooling,
    checked_input_scales,
    checked_msc_start,
    checked_multi_grid,
    checked_trained_precision,
    dataset_spec,
    number_of_classes,
)
from deeplab_tf.models.inference import pad, rescale, zoom_and_crop
from deeplab_tf.models.keras_habits import KerasHabits
from deeplab_tf.models.old_names import OldNames
from deeplab_tf.models.rate_multipliers import rate_multipliers
from deeplab_tf.models.scaling import grid_multiple
from deeplab_tf.weights.apply import load_into


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DeepLab(OldNames, KerasHabits, ConfigFromArguments, keras.Model):
    """Semantic segmentation with atrous convolution: DeepLab v1, v2, v3 and v3+.

    Images are padded below and to the right with the mean colour until the feature grid fits
    exactly; their logits on that grid are zoomed by the exact factor and cropped.

    Args:
        backbone: row of `BACKBONES`, such as `vgg16`, `resnet50`, `resnet101`, `resnet101_beta`
            (the form that v3 was released with), `resnet101_v1_5` (that of torchvision),
            `mobilenet_v2`, `mobilenet_v3_large`, `efficientnet_lite0` or `xception65`; or `keras:`
            and a name of keras.applications, such as `keras:EfficientNetV2B0`.
        head: row of `HEADS`: `fc` (one 1x1 convolution), `large_fov`, `aspp_s`, `aspp_l`,
            `aspp_v3`, `aspp_v3_1x1` (without 3x3 branches) or `v3plus`.
        num_classes: channels of the logits; may be left out when `dataset` is given.
        output_stride: input pixels between two features, and two logits unless the head is a
            decoder: 1, 2, 4, 8, 16 or 32. Halving it quadruples cost and memory and resolves
            smaller things; weights fit any stride.
        scales: sizes at which the network sees the image, with shared weights, fused by the
            maximum; (1.0, 0.75, 0.5) is the paper's.
        width: factor on the channels of backbone and head; 1.0 is the paper's.
        fc6_kernel: taps along a side of fc6 (VGG) or of the head's convolutions (ResNet); for
            `large_fov` and `aspp_*`.
        fc6_rate: rate of fc6 in `large_fov`, for an output stride of 8.
        fc6_filters: channels of fc6 and fc7 (VGG only); for `large_fov` and `aspp_*`.
        msc_features: adds v1's multi-scale features (VGG only), on the feature grid in training
            and at every pixel in prediction, as released.
        msc_start: their weights before training: `he_normal`, or `released`, the small ones that
            the released networks add to a trained LargeFOV.
        dropout: share of dropped activations in the head when training.
        method: implementation of atrous convolution, `native` or `interlace`.
        batch_norm: `frozen`, `train` or `sync`, of backbone and head, see `ConvNormAct`; None takes
            what the head states: `frozen` for those of v1 and v2, `train` for those of v3 and v3+,
            as published.
        batch_norm_momentum: share of its old moving statistics that every normalisation keeps in a
            step of training, 0 to 1; None is as published, up to 0.9997. Statistics follow the
            last 1 / (1 - momentum) steps, so a run of a thousand steps wants 0.9 to 0.99.
        multi_grid: factors on the rates of the units of the last stage (ResNets) or of the
            convolutions of the last block (Xception); (1, 2, 4) is that of v3.
        separable: whether the 3x3 convolutions of a v3 or v3+ head are depthwise separable.
        image_pooling: what a v3 or v3+ head averages beside its branches: "global" all features,
            a number those in a window of so many pixels a side, "none" nothing.
        dataset: a DatasetSpec, or its dict, that the model carries for prediction and export.
        image_scale: factor on the sides of an image at which the model wants to see it, and which
            it carries for `Predictor`; a call takes images that have that scale.
        crf: dict of CRF parameters that the model carries.
        trained_precision: number format in which the weights were trained, a row of
            `precision.POLICIES`; the model carries it and computes in that of its `dtype`.
        weights: first weights, as `weights.load_into` takes them: `imagenet`, `hed`, `deep_sort`,
            `efficientnet_lite0`, `preset:NAME`, or the path of a file; None and `random` leave the
            random ones. The model does not carry this argument.
        **kwargs: name and dtype of the model.

    Call arguments:
        images: RGB 0..255, uint8 or float, [B, H, W, 3], any size from 1x1.
        training: if True, dropout is on, and normalisations that are not frozen learn.
        seeds: int32 [B, 2], see `ExampleDropout`.

    Returns:
        float32 logits [B, H, W, num_classes].

    Raises:
        ValueError: an unknown backbone or head, a number outside its range, or arguments that
            contradict each other.

    Source: Chen et al. 2015 (arXiv 1412.7062), 2016 (arXiv 1606.00915), 2017 (arXiv 1706.05587) and
        2018 (arXiv 1802.02611).

    Example:
        >>> model = DeepLab(backbone="vgg16", head="large_fov", num_classes=21, width=0.05)
        >>> model(tf.zeros([1, 50, 37, 3], tf.uint8)).shape
        TensorShape([1, 50, 37, 21])
    """

    def __init__(
        self,
        backbone: str = "vgg16",
        head: str = "large_fov",
        num_classes: int | None = None,
        output_stride: int = 8,
        scales: Sequence[float] = (1.0,),
        width: float = 1.0,
        fc6_kernel: int = 3,
        fc6_rate: int = 12,
        fc6_filters: int = 1024,
        msc_features: bool = False,
        msc_start: str = "he_normal",
        dropout: float = 0.5,
        method: str = "native",
        batch_norm: str | None = None,
        batch_norm_momentum: float | None = None,
        multi_grid: Sequence[int] = (1, 1, 1),
        separable: bool = False,
        image_pooling: str | int = "global",
        dataset: DatasetSpec | Mapping[str, Any] | None = None,
        image_scale: float = 1.0,
        crf: Mapping[str, Any] | None = None,
        trained_precision: str = "float32",
        weights: str | os.PathLike | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # === Arguments ===
        check_policy(self.dtype_policy.name)
        if msc_features and not backbone_class(backbone).multi_scale_endpoints:
            able = [row for row, (kind, _) in BACKBONES.items() if kind.multi_scale_endpoints]
            raise ValueError(f"msc_features are for {able}. Received: backbone={backbone!r}")
        self.backbone_name = backbone
        self.head_name = head
        self.dataset = None if dataset is None else dataset_spec(dataset).to_dict()
        self.num_classes = number_of_classes(num_classes, self.dataset)
        self.output_stride = output_stride
        self.scales = checked_input_scales(scales)
        self.width = width
        self.fc6_kernel = fc6_kernel
        self.fc6_rate = fc6_rate
        self.fc6_filters = fc6_filters
        self.msc_features = msc_features
        self.msc_start = checked_msc_start(msc_start)
        self.dropout = dropout
        self.method = method
        self.batch_norm = checked_batch_norm(batch_norm) or head_class(head).batch_norm
        self.batch_norm_momentum = batch_norm_momentum
        self.multi_grid = checked_multi_grid(multi_grid)
        self.separable = separable
        self.image_pooling = checked_image_pooling(image_pooling)
        self.image_scale = image_scale
        self.crf = checked_crf(crf)
        self.trained_precision = checked_trained_precision(trained_precision)
        check_numbers(vars(self))

        # === Layers ===
        options = {
            "width": width, "method": method, "batch_norm": self.batch_norm,
            "dtype": self.dtype_policy,
        }  # fmt: skip
        multi_grid_options = self._multi_grid_options()
        self.backbone = build_backbone(
            backbone, output_stride=output_stride, **multi_grid_options, **options
        )
        head_options = HeadOptions(
            head,
            fc6_kernel=fc6_kernel,
            fc6_rate=fc6_rate,
            fc6_filters=fc6_filters,
            dropout=dropout,
            separable=separable,
            image_pooling=self.image_pooling,
            **options,
        )
        self._head = build_head(self.backbone, self.num_classes, head_options)
        self.head = self._head.layer
        self.multi_scale = self._build_multi_scale() if msc_features else None
        if batch_norm_momentum is not None:
            set_momentum(self, batch_norm_momentum)
        # Variables exist from the start, so that weights can be loaded at once.
        self(tf.zeros([1, 1, 1, 3]))
        if weights is not None:
            load_into(self, weights)

    def _multi_grid_options(self) -> dict[str, Any]:
        if backbone_class(self.backbone_name).takes_multi_grid:
            return {"multi_grid": self.multi_grid}
        if set(self.multi_grid) != {1}:
            able = [row for row, (kind, _) in BACKBONES.items() if kind.takes_multi_grid]
            raise ValueError(f"multi_grid is for {able}. Received: backbone={self.backbone_name!r}")
        return {}

    def _build_multi_scale(self) -> MultiScaleFeatures:
        if self.logit_stride != self.output_stride:
            raise ValueError(
                f"msc_features need a head with a logit every {self.output_stride} pixels. "
                f"Received: head={self.head_name!r} with one every {self.logit_stride}"
            )
        feature_strides = self.backbone.feature_strides
        strides = [1, *(feature_strides[name] for name in self.backbone.multi_scale_endpoints)]
        return MultiScaleFeatures(
            self.num_classes,
            strides=[self.output_stride // stride for stride in strides],
            filters=max(1, round(128 * self.width)),
            dropout=self.dropout,
            start=self.msc_start,
            name="msc",
            dtype=self.dtype_policy,
        )

    # === Facts about inputs and outputs ===

    @property
    def logit_stride(self) -> int:
        """Input pixels between two fused logits before they are zoomed; the head states it."""
        return self._head.logit_stride

    @property
    def size_multiple(self) -> int:
        """Sides are padded to a multiple of this plus one: 8, or 32 with the paper's scales."""
        return grid_multiple(math.lcm(self.output_stride, self.logit_stride), self.scales)

    @property
    def logit_strides(self) -> list[int]:
        """Input pixels between two points of each map that `logit_maps` returns."""
        if self.scales == (1.0,):
            return [self.logit_stride]
        own_grid = [int(1 / s) if (1 / s).is_integer() else 1 for s in self.scales]
        return [self.logit_stride * factor for factor in (1, *own_grid)]

    @property
    def receptive_field_radius(self) -> int:
        """Pixels that a logit at scale 1 sees to each side by convolutions and pools.

        That is half of the receptive field, unless `has_global_context`.
        """
        # Early maps, such as those of the multi-scale features, see less than the last.
        return self.backbone.receptive_field_radius + self._head.receptive_field_radius

    @property
    def has_global_context(self) -> bool:
        """Whether every logit depends on all of the image: on averages over it.

        They are those of v3's and v3+'s image pooling, or of a backbone's squeeze and excitation.
        """
        return self.backbone.has_global_context or self._head.has_global_context

    @property
    def spec(self) -> DatasetSpec:
        """The data set that the model was made for; unnamed classes if it carries none."""
        if self.dataset:
            return DatasetSpec.from_dict(self.dataset)
        return DatasetSpec("unknown", unnamed_classes(self.num_classes))

    @property
    def mean_rgb(self) -> tuple[float, float, float]:
        """Colour that the network does not see: the value of padding."""
        return self.backbone.mean_rgb

    @property
    def rate_multipliers(self) -> RateMultipliers:
        """Factors on the learning rate, as `rate_multipliers` gives them for its parts."""
        return rate_multipliers(self.backbone_name, self.head_name)

    # === From images to logits ===

    def call(
        self, images: tf.Tensor, training: bool = False, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns logits at the size of the images."""
        fused = self.logit_maps(images, training=training, seeds=seeds)[0]
        logits = self.zoom(fused, *tf.unstack(tf.shape(images)[1:3]))
        return tf.ensure_shape(logits, [*images.shape[:3], self.num_classes])

    def zoom(self, logits: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
        """Brings fused logits [B, h, w, C] of `logit_maps` to the size of the images."""
        return zoom_and_crop(logits, self.size_multiple, height, width)

    def logit_maps(
        self, images: tf.Tensor, training: bool = False, seeds: tf.Tensor | None = None
    ) -> list[tf.Tensor]:
        """Computes logits on the feature grid, fused and scale by scale.

        Args:
            images: RGB 0..255 [B, H, W, 3].
            training: dropout is on if True.
            seeds: see `ExampleDropout`.

        Returns:
            The fused logits [B, h, w, C] first: on the feature grid or, with `msc_features` and
            without `training`, as large as the padded image. With several scales the logits of each
            follow, largest scale first: zoomed to the grid of the first scale, or left on their own
            grid where that grid is a regular part of it (0.5: every second point). These are the
            maps that the released networks are trained on.

        Source: Chen et al. 2016, section 3.2; released ResNet-101 train.prototxt.
        """
        inputs = self.backbone.preprocess(pad(images, self.size_multiple, self.mean_rgb))
        if self.scales == (1.0,):
            return [self._logits_of_scale(inputs, training, seeds)]
        logits = [self._logits_of_scale(rescale(inputs, s), training, seeds) for s in self.scales]
        grid = tf.unstack(tf.shape(logits[0])[1:3])
        zoomed = [logits[0]] + [resize(s, grid) for s in logits[1:]]
        fused = tf.reduce_max(tf.stack(zoomed), axis=0)
        trained = [
            own if (1 / scale).is_integer() else full
            for scale, own, full in zip(self.scales, logits, zoomed, strict=True)
        ]
        return [fused, *trained]

    def _logits_of_scale(
        self, inputs: tf.Tensor, training: bool, seeds: tf.Tensor | None
    ) -> tf.Tensor:
        features = self.backbone(inputs, training=training)
        logits = self._head(features, training=training, seeds=seeds)
        if self.multi_scale is not None:
            maps = [inputs, *(features[name] for name in self.backbone.multi_scale_endpoints)]
            if training:
                return logits + self.multi_scale(maps, training=training, seeds=seeds)
            size = tf.unstack(tf.shape(inputs)[1:3])
            return resize(logits, size) + self.multi_scale(maps, zoom_to=size)
        return logits

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments; `backbone` and `head` by name, as the constructor takes them."""
        config = {**super().get_config(), "backbone": self.backbone_name, "head": self.head_name}
        del config["weights"]
        return config

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the logits."""
        return (*input_shape[:3], self.num_classes)

    # === Names ===

    def variables_by_name(self) -> dict[str, Any]:
        """Returns every variable under its layer's name, such as `conv1_1/kernel`.

        Layers of the published networks have the names that they have in Caffe.

        Raises:
            ValueError: two layers of a backbone or a head have the same name.
        """
        owners = {id(v): layer.name for layer in compat.leaf_layers(self) for v in layer.weights}
        names = [f"{owners[id(v)]}/{compat.weight_name(v)}" for v in self.weights]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"layers of {self.name} share a name: {', '.join(twice[:8])}")
        return dict(zip(names, self.weights, strict=True))
