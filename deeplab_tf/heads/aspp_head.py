"""Atrous spatial pyramid pooling of DeepLab v2."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.heads.head import HeadOptions, scaled_rate
from deeplab_tf.heads.large_fov_head import LargeFovHead, hidden_filters
from deeplab_tf.layers.aspp import ASPP


class AsppHead(LargeFovHead):
    """Parallel branches of `large_fov` at several rates. Chen et al. 2016, table 3.

    Args:
        backbone: see `Head`.
        num_classes: see `Head`.
        options: see `Head`.
        rates: one a branch, for an output stride of 8.
    """

    def __init__(
        self, backbone: Backbone, num_classes: int, options: HeadOptions, rates: Sequence[int]
    ):
        self.rates = tuple(rates)
        super().__init__(backbone, num_classes, options)

    def build(self, num_classes: int, options: HeadOptions) -> keras.layers.Layer:
        """Builds one branch a rate."""
        return ASPP(
            num_classes,
            [scaled_rate(rate, self.backbone.output_stride) for rate in self.rates],
            options.fc6_kernel,
            filters=hidden_filters(self.backbone, options),
            dropout=options.dropout,
            method=options.method,
            name=options.name,
            dtype=options.dtype,
        )
