"""The layers DeepLab is made of, one a file."""

from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.aspp_v3 import ASPPv3
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.dense_crf import DenseCRF
from deeplab_tf.layers.depthwise_conv import AtrousDepthwiseConv2D
from deeplab_tf.layers.dropout import ExampleDropout
from deeplab_tf.layers.encoder_decoder import EncoderDecoder, PyramidClassifier
from deeplab_tf.layers.frozen_batch_norm import FrozenBatchNormalization
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.large_fov import LargeFOV
from deeplab_tf.layers.multi_scale_features import MultiScaleFeatures
from deeplab_tf.layers.separable_conv_norm_act import SeparableConvNormAct

__all__ = [
    "ASPP",
    "ASPPv3",
    "AtrousConv2D",
    "AtrousDepthwiseConv2D",
    "CaffePool2D",
    "ConvNormAct",
    "DenseCRF",
    "EncoderDecoder",
    "ExampleDropout",
    "FrozenBatchNormalization",
    "ImagePooling",
    "LargeFOV",
    "MultiScaleFeatures",
    "PyramidClassifier",
    "SeparableConvNormAct",
]
