"""A shard of a split: every n-th of its images, for one of n machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def parse_shard(text: str) -> tuple[int, int]:
    """Reads a shard as a command line has it.

    Args:
        text: `2/8` is the second of eight.

    Returns:
        Its number, from 1, and the number of shards.

    Raises:
        ValueError: it is not a number of 1 to the number of shards.

    Example:
        >>> parse_shard("2/8")
        (2, 8)
    """
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text, re.ASCII)
    if not found:
        raise ValueError("must be NUMBER/SHARDS such as 2/8")
    return checked_shard((int(found[1]), int(found[2])))


def checked_shard(shard: tuple[int, int]) -> tuple[int, int]:
    """Returns a shard; raises a ValueError unless its number is 1 to the number of all."""
    number, shards = shard
    if not 1 <= number <= shards:
        raise ValueError(
            f"A shard is (number, shards), the number from 1 to shards. Received: {shard}."
        )
    return number, shards


def items_of_shard(items: Sequence[_Item], shard: tuple[int, int] | None) -> Sequence[_Item]:
    """Returns the items of a shard: every item is in exactly one.

    Args:
        items: of all shards.
        shard: number of the shard, from 1, and the number of shards; None for all items.

    Raises:
        ValueError: there is no such shard, or there are more shards than items.

    Example:
        >>> items_of_shard(["a", "b", "c", "d", "e"], (2, 3))
        ['b', 'e']
    """
    if shard is None:
        return items
    number, shards = checked_shard(shard)
    if shards > len(items):
        raise ValueError(
            f"{len(items)} images cannot be cut into {shards} shards; give at most {len(items)}."
        )
    return items[number - 1 :: shards]
