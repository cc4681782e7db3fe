"""Splits the examples of a data set that has no validation split."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import defaultdict

from deeplab_tf.data.sources.archive import Source
from deeplab_tf.data.spec import DataError

TRAIN, VAL = "train", "val"


def hold_out(
    source: Source, val_share: float, seed: int = 0, group_by: str | None = None
) -> Source:
    r"""Moves a share of the training examples to a split ``val``, the same on every machine.

    Groups go to one side as a whole. They are taken in an order that depends on their names and
    the seed alone, so that a new image moves few others.

    Args:
        source: a data set with a split ``train`` and none ``val``.
        val_share: between 0 and 1, of the examples.
        seed: another one gives another choice.
        group_by: regular expression: examples whose names agree in its group (or groups), or else
            in what it matches, belong together, such as the frames of a video. Each is a group of
            its own if left out.

    Returns:
        The data set with both splits; examples keep their order.

    Raises:
        DataError: there is nothing to split, or the expression does not fit every name.
        ValueError: an argument is wrong.

    Example:
        >>> _key(re.compile(r"^(video\d+)_"), "video7_0001")
        'video7'
    """
    if not 0 < val_share < 1:
        raise ValueError(f"val_share must lie between 0 and 1, received {val_share}.")
    items = source.splits.get(TRAIN, ())
    if VAL in source.splits or not items:
        found = ", ".join(source.splits)
        raise DataError(
            f"--val_share divides a split {TRAIN!r} where there is no {VAL!r}; this data set has: "
            f"{found}. Leave --val_share out."
        )
    groups = _groups([item.name for item in items], group_by)
    chosen = _choose({name: len(members) for name, members in groups.items()}, val_share, seed)
    held_out = {index for name in chosen for index in groups[name]}
    both = {
        TRAIN: [item for i, item in enumerate(items) if i not in held_out],
        VAL: [item for i, item in enumerate(items) if i in held_out],
    }
    others = {name: found for name, found in source.splits.items() if name != TRAIN}
    return dataclasses.replace(source, splits=both | others)


def _groups(names: list[str], group_by: str | None) -> dict[str, list[int]]:
    """Returns the positions of the names of every group."""
    try:
        pattern = re.compile(group_by) if group_by else None
    except re.error as error:
        raise ValueError(f"--group_by={group_by}: no regular expression ({error}).") from None
    groups, without = defaultdict(list), []
    for index, name in enumerate(names):
        key = _key(pattern, name) if pattern else name
        if key is None:
            without.append(name)
        else:
            groups[key].append(index)
    if without:
        raise DataError(
            f"--group_by={group_by} fits {len(without)} of {len(names)} names not, the first is "
            f"{without[0]!r}. Every example needs a group."
        )
    if len(groups) < 2:
        raise DataError(f"All {len(names)} examples are one group, {next(iter(groups))!r}: "
                        "there is nothing to divide.")  # fmt: skip
    return groups


def _key(pattern: re.Pattern, name: str) -> str | None:
    found = pattern.search(name)
    if found is None:
        return None
    return "\0".join(g or "" for g in found.groups()) if pattern.groups else found[0]


def _choose(sizes: dict[str, int], val_share: float, seed: int) -> list[str]:
    """Returns the groups to hold out: as many as fit into the share, at least one, never all."""
    total = sum(sizes.values())
    room = min(max(round(val_share * total), 1), total - 1)
    chosen = []
    ordered = sorted(sizes, key=lambda n: hashlib.sha256(f"{seed} {n}".encode()).digest())
    for name in ordered:
        if sizes[name] <= room:
            chosen.append(name)
            room -= sizes[name]
    return chosen or [min(ordered, key=sizes.__getitem__)]
