"""From an output stride to the strides and rates of every stage, for all backbones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

OUTPUT_STRIDES = (1, 2, 4, 8, 16, 32)


class StagePlan(NamedTuple):
    """How one subsampling stage is computed.

    Attributes:
        stride: what is left of the stage's own stride.
        rate: dilation of operations before the stage's subsampling, its own window included.
        next_rate: dilation of operations after it.
    """

    stride: int
    rate: int
    next_rate: int


def plan_stages(native_strides: Sequence[int], output_stride: int) -> list[StagePlan]:
    """Turns strides into dilation as soon as the output stride is reached.

    Removing a stride makes everything after it see the map `stride` times finer, so later taps
    are set `stride` times farther apart: the features of a denser network, subsampled, are those
    of the coarser one, with the same weights.

    Args:
        native_strides: stride of every stage in the classification network.
        output_stride: input pixels between two features; halving it quadruples cost and memory.

    Returns:
        One StagePlan a stage.

    Raises:
        ValueError: an output stride that the backbone cannot have.

    Source: Chen et al. 2016, section 3.1.

    Example:
        >>> [tuple(stage) for stage in plan_stages([2, 2, 2, 2], 4)]
        [(2, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4)]
    """
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(
            f"output_stride must be one of {OUTPUT_STRIDES}. Received: {output_stride}"
        )
    largest = math.prod(native_strides)
    if output_stride > largest:
        raise ValueError(
            f"output_stride of this backbone must be at most {largest}. Received: {output_stride}"
        )
    plans, reached, rate = [], 1, 1
    for native in native_strides:
        if reached < output_stride:
            plans.append(StagePlan(native, rate, rate))
            reached *= native
        else:
            plans.append(StagePlan(1, rate, rate * native))
            rate *= native
    return plans
