"""Shards: the images that a worker labels at a time."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from deeplab_tf.evaluation.beam.image_ref import ImagesPart, InputImages


class Shard(NamedTuple):
    """Images that one worker labels.

    Attributes:
        number: of the shard, from 0.
        part: its images.
        images: their number.
    """

    number: int
    part: ImagesPart
    images: int


def cut_into_shards(images: InputImages, images_per_shard: int) -> list[Shard]:
    """Cuts images into as few shards as hold at most so many, all about as large.

    Args:
        images: all of them, in their order.
        images_per_shard: at most.
    """
    count = len(images.names)
    shards = -(-count // images_per_shard)
    bounds = [number * count // shards for number in range(shards + 1)]
    return [
        Shard(number, images.part(start, stop), stop - start)
        for number, (start, stop) in enumerate(itertools.pairwise(bounds))
    ]
