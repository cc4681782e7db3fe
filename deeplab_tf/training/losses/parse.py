"""Reads the text of `train.loss`, such as `cross_entropy(class_weights=(1, 2)) + 0.5*dice`."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from deeplab_tf.training.losses.base import Loss
from deeplab_tf.training.losses.total import Term, TotalLoss
from deeplab_tf.training.ranges import LARGEST_FLOAT

LONGEST = 2000  # characters; 256 classes have their weights in it
_FORM = "such as 'focal(gamma=2)' or 'cross_entropy + 0.5*dice'"


def parse_sum(text: str, losses: Mapping[str, type[Loss]]) -> TotalLoss:
    """Reads a sum of losses; nothing of the text is run.

    Args:
        text: `LOSS`, `LOSS(NAME=VALUE, ...)`, `FACTOR*LOSS` or several of them with `+` between.
            A value is a number, a tuple of numbers or a word without quotes.
        losses: what there is by name.

    Raises:
        ValueError: the text is something else, or a loss does not take an argument; the message
            names the part that was wrong and what there is.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a loss has at most {LONGEST} characters. Received: {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return TotalLoss(tuple(_read_term(node, losses) for node in _summands(tree)))
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a sum of losses {_FORM} ({error})") from error


def _summands(node: ast.expr) -> Iterator[ast.expr]:
    """Yields the parts of a sum from left to right."""
    parts = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(node.right)
        node = node.left
    yield from [node, *reversed(parts)]


def _read_term(node: ast.expr, losses: Mapping[str, type[Loss]]) -> Term:
    factor = 1.0
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        factor, node = _read_factor(node.left), node.right
    name: ast.expr = node
    keywords: list[ast.keyword] = []
    if isinstance(node, ast.Call):
        name, keywords = node.func, node.keywords
        if node.args or any(keyword.arg is None for keyword in keywords):
            raise ValueError(f"{ast.unparse(node)!r}: arguments need their names, {_FORM}")
    if not isinstance(name, ast.Name):
        raise ValueError(f"{ast.unparse(node)!r} is not a loss {_FORM}")
    if name.id not in losses:
        raise ValueError(f"there is no loss {name.id!r}; there are {', '.join(sorted(losses))}")
    arguments = {str(keyword.arg): _read_value(keyword) for keyword in keywords}
    return Term(factor, name.id, _build(name.id, losses[name.id], arguments))


def _read_factor(node: ast.expr) -> float:
    value: Any = node.value if isinstance(node, ast.Constant) else None
    if type(value) not in (int, float) or not 0 < value <= LARGEST_FLOAT:
        raise ValueError(
            f"a factor must be a number above 0, {_FORM}. Received: {ast.unparse(node)}"
        )
    return float(value)


def _read_value(keyword: ast.keyword) -> object:
    if isinstance(keyword.value, ast.Name):
        return keyword.value.id
    try:
        value = ast.literal_eval(keyword.value)
    except (ValueError, TypeError, RecursionError) as error:
        text = ast.unparse(keyword)
        raise ValueError(f"{text!r}: a value is a number, a tuple of numbers or a word") from error
    return tuple(value) if isinstance(value, list) else value


def _build(name: str, kind: type[Loss], arguments: dict[str, object]) -> Loss:
    known = [field.name for field in dataclasses.fields(kind)]
    for argument, value in arguments.items():
        if argument not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no arguments"
            raise ValueError(f"{name} {takes}. Received: {argument}={value!r}")
    try:
        return kind(**arguments)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
