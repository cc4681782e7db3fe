"""ResNet-50, 101 and 152 as dense feature extractors."""

from __future__ import annotations

import keras
import tensorflow as tf

from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.frozen_batch_norm import FrozenBatchNormalization
from deeplab_tf.layers.receptive_field import chain_radius

# Residual units in stages res2 to res5.
UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
STAGE_CHANNELS = (64, 128, 256, 512)
EXPANSION = 4


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ConvNorm(ConfigFromArguments, keras.layers.Layer):
    """A convolution without bias, frozen batch normalisation and, if wanted, a ReLU.

    The statistics are never updated and the affine part is not trained, as in the released
    networks, whose batches of one crop are too small to estimate them. So the normalisation is a
    factor and a shift a channel, which kernel and bias take up: the features are passed over once.

    Args:
        filters: number of output channels.
        kernel_size: taps along a side.
        norm_name: Caffe name of the normalisation; the convolution has the layer's own name.
        strides: subsampling.
        dilation_rate: distance of two taps in pixels.
        method: implementation of atrous convolution.
        relu: whether a ReLU follows.
        **kwargs: name and dtype of the layer.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        norm_name,
        strides=1,
        dilation_rate=1,
        method="native",
        relu=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.norm_name = norm_name
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.method = method
        self.relu = relu
        self.conv = AtrousConv2D(
            filters,
            kernel_size,
            dilation_rate=dilation_rate,
            method=method,
            strides=strides,
            activation="relu" if relu else None,
            use_bias=False,
            name=self.name,
            dtype=self.dtype_policy,
        )
        self.norm = FrozenBatchNormalization(
            momentum=0.999, epsilon=1e-5, name=norm_name, dtype=self.dtype_policy
        )

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return self.conv.receptive_field_radius

    def build(self, input_shape):
        """Creates the weights of both layers."""
        self.conv.build(input_shape)
        self.norm.build((None, None, None, self.filters))
        self.built = True

    def fold(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the kernel and the bias that take up the normalisation, float32."""
        norm = self.norm
        # Inside `call` mixed precision has cast the kernel already.
        kernel = tf.cast(tf.convert_to_tensor(self.conv.kernel), self.compute_dtype)
        gamma, beta, mean, variance, kernel = (
            tf.cast(tf.convert_to_tensor(variable), tf.float32)
            for variable in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance, kernel)
        )
        factor = gamma * tf.math.rsqrt(variance + norm.epsilon)
        return kernel * factor, beta - mean * factor

    def call(self, inputs):
        """Returns a tensor [B, H / strides, W / strides, filters]."""
        kernel, bias = self.fold()
        return self.conv.convolve(
            inputs, tf.cast(kernel, inputs.dtype), tf.cast(bias, inputs.dtype)
        )


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Bottleneck(ConfigFromArguments, keras.layers.Layer):
    """A residual unit 1x1, 3x3, 1x1 with the stride on its first 1x1, as in Caffe's ResNets.

    Args:
        channels: channels of the 3x3 convolution; the output has four times as many.
        strides: subsampling.
        dilation_rate: rate of the 3x3 convolution.
        project: whether the shortcut is a 1x1 convolution (first unit of a stage).
        method: implementation of atrous convolution.
        **kwargs: dtype and Caffe name of the unit, such as `res4b12`.
    """

    def __init__(
        self, channels, strides=1, dilation_rate=1, project=False, method="native", **kwargs
    ):
        super().__init__(**kwargs)
        self.channels = channels
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.project = project
        self.method = method

        def conv_norm(branch, filters, kernel_size=1, **options):
            conv_name = f"{self.name}_branch{branch}"
            return ConvNorm(
                filters,
                kernel_size,
                norm_name=conv_name.replace("res", "bn"),
                method=method,
                name=conv_name,
                dtype=self.dtype_policy,
                **options,
            )

        outputs = channels * EXPANSION
        self.shortcut = conv_norm("1", outputs, strides=strides, relu=False) if project else None
        self.reduce = conv_norm("2a", channels, strides=strides)
        self.spatial = conv_norm("2b", channels, kernel_size=3, dilation_rate=dilation_rate)
        self.expand = conv_norm("2c", outputs, relu=False)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return chain_radius([self.reduce, self.spatial, self.expand])

    def call(self, inputs):
        """Returns a tensor [B, H / strides, W / strides, 4 * channels]."""
        shortcut = inputs if self.shortcut is None else self.shortcut(inputs)
        residual = self.expand(self.spatial(self.reduce(inputs)))
        return keras.activations.relu(shortcut + residual)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ResNet(ConfigFromArguments, keras.layers.Layer):
    """The ResNet backbone of the released networks at any output stride.

    At the published output stride of 8 all 3x3 convolutions of res4 have rate 2 and those of res5
    rate 4. Batch normalisation is frozen.

    Args:
        depth: 50, 101 or 152.
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: factor on the number of channels.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `conv1`, `pool1`, `res2a`, ... `res5c` to feature maps; the last one feeds the
        head.

    Raises:
        ValueError: another depth.

    Source: released DeepLab v2 ResNet-101 test.prototxt; Chen et al. 2016, section 4.1.2.
    """

    def __init__(self, depth=101, output_stride=8, width=1.0, method="native", **kwargs):
        super().__init__(**kwargs)
        if depth not in UNITS:
            raise ValueError(f"depth must be one of {sorted(UNITS)}. Received: depth={depth}")
        self.depth = depth
        self.output_stride = output_stride
        self.width = width
        self.method = method
        # Stages with a stride: conv1, pool1, res3, res4, res5 (res2 follows pool1 directly).
        stem, pool, *later = plan_stages([2] * 5, output_stride)
        self.stem = ConvNorm(
            self._channels(64),
            kernel_size=7,
            norm_name="bn_conv1",
            strides=stem.stride,
            name="conv1",
            dtype=self.dtype_policy,
        )
        self.pool = CaffePool2D(
            "max",
            strides=pool.stride,
            dilation_rate=pool.rate,
            name="pool1",
            dtype=self.dtype_policy,
        )
        strides_and_rates = [(1, pool.next_rate)] + [(p.stride, p.next_rate) for p in later]
        self.units = []
        for stage, (units, channels, (stride, rate)) in enumerate(
            zip(UNITS[depth], STAGE_CHANNELS, strides_and_rates, strict=True), 2
        ):
            self.units += self._stage(stage, units, channels, stride, rate)

    def _channels(self, channels: int) -> int:
        return max(1, round(channels * self.width))

    def _stage(self, stage, units, channels, stride, rate) -> list[Bottleneck]:
        return [
            Bottleneck(
                self._channels(channels),
                name=_unit_name(depth=self.depth, stage=stage, index=i),
                strides=stride if i == 0 else 1,
                dilation_rate=rate,
                project=i == 0,
                method=self.method,
                dtype=self.dtype_policy,
            )
            for i in range(units)
        ]

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side."""
        return chain_radius([self.stem, self.pool, *self.units])

    def call(self, inputs):
        """Extracts features from preprocessed images [B, H, W, 3]."""
        features = {"conv1": self.stem(inputs)}
        x = features["pool1"] = self.pool(features["conv1"])
        for unit in self.units:
            x = features[unit.name] = unit(x)
        return features


def _unit_name(depth: int, stage: int, index: int) -> str:
    """Caffe counts the units of short stages a, b, c and those of long ones a, b1, b2."""
    if depth == 50 or stage in (2, 5):
        return f"res{stage}{'abcdef'[index]}"
    return f"res{stage}a" if index == 0 else f"res{stage}b{index}"
