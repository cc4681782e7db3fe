"""Reads the arguments of a call in a configuration's text; nothing of the text is run."""

from __future__ import annotations

import ast


def parse_call_arguments(text: str, example: str) -> tuple[list[object], dict[str, object]]:
    """Reads what stands between the parentheses of a call.

    Args:
        text: Python literals with or without names, such as `"'log.csv', append=True"`.
        example: such a text, for the message of an error.

    Returns:
        The values without a name, and those with one.

    Raises:
        ValueError: the text is something else.

    Example:
        >>> parse_call_arguments("'log.csv', append=True", example="append=True")
        (['log.csv'], {'append': True})
    """
    try:
        call = ast.parse(f"call({text})", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("parentheses do not match")
        names = [keyword.arg for keyword in call.keywords]
        if None in names:
            raise ValueError("a value without a name")
        if len(set(names)) < len(names):
            raise ValueError("a name occurs twice")
        values = [_literal(node) for node in (*call.args, *(k.value for k in call.keywords))]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"arguments look like {example!r} ({error})") from error
    unnamed = len(call.args)
    return values[:unnamed], dict(zip(map(str, names), values[unnamed:], strict=True))


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{ast.unparse(node)} is no number, text or the like") from error
