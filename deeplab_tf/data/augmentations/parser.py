"""Reads the text of an augmentation: operations between ``|``, each with its arguments."""

from __future__ import annotations

import re

from deeplab_tf.data.augmentations import OPERATIONS
from deeplab_tf.data.augmentations.operation import Operation

_OPERATION = re.compile(r"(\w+)\s*(?:\(([^()]*)\))?")
_EXAMPLE = "'scale(0.5|1)|crop(321)|mirror'"


def parse_operations(text: str) -> tuple[Operation, ...]:
    """Reads operations from a text.

    Args:
        text: operations between ``|``, in their order. ``|`` inside of parentheses stands between
            choices, ``..`` between the ends of a range, ``,`` between arguments. Spaces do not
            matter.

    Raises:
        ValueError: the message names the operation and what it takes, or the operations there are.

    Example:
        >>> [str(operation) for operation in parse_operations("scale(0.50|1) | crop(321)|mirror")]
        ['scale(0.5|1)', 'crop(321)', 'mirror']
    """
    if not isinstance(text, str):
        raise ValueError(f"An augmentation must be a text such as {_EXAMPLE}. Received: {text!r}")
    return tuple(_parse_operation(part) for part in _split(text))


def _split(text: str) -> list[str]:
    """Splits at every ``|`` outside of parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _parse_operation(text: str) -> Operation:
    found = _OPERATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"Each operation must be NAME or NAME(ARGUMENTS), with | between them, such as "
            f"{_EXAMPLE}. Received: {text.strip()!r}"
        )
    name, inside = found.groups()
    if name not in OPERATIONS:
        raise ValueError(
            f"There is no operation {name!r}; there are: {', '.join(OPERATIONS)}. "
            f"Received: {text.strip()!r}"
        )
    kind = OPERATIONS[name]
    given = inside.split(",") if inside and inside.strip() else []
    least = sum(not argument.optional for argument in kind.arguments)
    if not least <= len(given) <= len(kind.arguments):
        names = ", ".join(a.name + " (optional)" * a.optional for a in kind.arguments)
        form = f"{name}({names})" if names else name
        raise ValueError(f"Write {form}. Received: {text.strip()!r}")
    try:
        return kind(
            *(argument.read(one) for argument, one in zip(kind.arguments, given, strict=False))
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error} in {text.strip()!r}") from None
