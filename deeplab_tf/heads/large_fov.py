"""Heads by name: what `DeepLab(head=...)` means on each family of backbones."""

from __future__ import annotations

from deeplab_tf.layers.aspp import ASPP
from deeplab_tf.layers.large_fov import LargeFOV

# Rates are given for this output stride and scaled for others.
RATE_OUTPUT_STRIDE = 8

ASPP_RATES = {"aspp_s": (2, 4, 8, 12), "aspp_l": (6, 12, 18, 24)}
HEADS = ("fc", "large_fov", *ASPP_RATES)


def scaled_rate(rate: int, output_stride: int) -> int:
    """Returns the rate that spans the same input pixels at another output stride."""
    return max(1, round(rate * RATE_OUTPUT_STRIDE / output_stride))


def build_head(
    head: str,
    num_classes: int,
    output_stride: int,
    fc6_kernel: int,
    fc6_rate: int,
    fc6_filters: int | None,
    **options,
):
    """Builds a head.

    Args:
        head: one of `HEADS`.
        num_classes: channels of the logits.
        output_stride: of the features; scales the rates.
        fc6_kernel: taps along a side of the atrous convolution.
        fc6_rate: its rate in `large_fov`, for an output stride of 8.
        fc6_filters: channels of fc6 and fc7 (VGG form), or None (ResNet form).
        **options: dropout, method and dtype, handed on.

    Raises:
        ValueError: an unknown head.
    """
    if head == "fc":
        return LargeFOV(num_classes, 1, rate=1, filters=None, name=head, **options)
    if head == "large_fov":
        # The released VGG networks average pool5 before fc6 (pool5a), the ResNets do not.
        pool_rate = scaled_rate(1, output_stride) if fc6_filters else None
        return LargeFOV(
            num_classes,
            fc6_kernel,
            rate=scaled_rate(fc6_rate, output_stride),
            filters=fc6_filters,
            pool_rate=pool_rate,
            name=head,
            **options,
        )
    if head in ASPP_RATES:
        rates = [scaled_rate(rate, output_stride) for rate in ASPP_RATES[head]]
        return ASPP(num_classes, rates, fc6_kernel, filters=fc6_filters, name=head, **options)
    raise ValueError(f"head must be one of {HEADS}. Received: head={head!r}")
