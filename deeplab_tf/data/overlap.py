"""Finds images that two splits share, such as training and validation."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 3


def overlap_warning(
    split: str, names: Sequence[str], other: str, other_names: Sequence[str]
) -> str | None:
    """Returns a warning about images that are in two splits, None where there are none.

    Splits of which one's name holds the other's, such as `train` and `trainval`, are meant to share
    images.

    Args:
        split: name of a split.
        names: of its examples.
        other: name of another split.
        other_names: of its examples.

    Example:
        >>> overlap_warning("train", ["a", "b"], "val", ["b"])[:40]
        "1 of the 2 images are in 'val' too: b. A"
    """
    if split != other and (split in other or other in split):
        return None
    known = set(other_names)
    shared = [name for name in names if name in known]
    if not shared:
        return None
    more = f" and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
    return (
        f"{len(shared)} of the {len(names)} images are in {other!r} too: "
        f"{', '.join(shared[:_SHOWN])}{more}. A network that has been trained on them looks better "
        "than it is when it is evaluated on them."
    )
