"""Reads the text of `train.callbacks`, such as `CSVLogger('log.csv')|wandb(project='streets')`."""

from __future__ import annotations

import importlib
import inspect
import io
import os
import re
import sys
import tokenize
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from deeplab_tf.training.call_arguments import parse_call_arguments
from deeplab_tf.training.callbacks.keras_names import (
    check_arguments,
    keras_callback,
    keras_callback_names,
    refuse_what_cannot_work,
)
from deeplab_tf.training.callbacks.tracker import ExperimentTracker

_EXAMPLE = "\"CSVLogger('log.csv')|my_module:MyCallback(patience=3)\""
_CALL = re.compile(r"([A-Za-z_]\w*|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)\s*(?:\((.*)\))?", re.DOTALL)
# Stands in texts for the run's folder.
_WORKDIR = "{workdir}"


class CallbackCall(NamedTuple):
    """A callback as the configuration has it.

    Attributes:
        text: its part of the text.
        name: a row of `CALLBACKS`, a class of keras.callbacks, or `MODULE:CLASS`.
        unnamed: arguments without a name.
        named: arguments by name.
    """

    text: str
    name: str
    unnamed: list[object]
    named: dict[str, object]


def read_calls(text: str, table: Mapping[str, type[ExperimentTracker]]) -> list[CallbackCall]:
    """Reads callbacks and checks what can be checked without importing anything.

    Args:
        text: `NAME`, `NAME(ARGUMENTS)` or several of them with `|` between. Arguments are Python
            literals.
        table: our own callbacks by name.

    Raises:
        ValueError: the text is something else, there is no such callback, it does not take an
            argument, or the package that it needs is not installed.
    """
    calls = [_read_call(part) for part in _split(text)]
    for call in calls:
        try:
            _check(call, table)
        except ValueError as error:
            raise ValueError(f"{call.text!r}: {error}") from error
    names = [call.name for call in calls if call.name in table]
    if len(set(names)) < len(names):
        raise ValueError(f"{names[0]} can be there once. Received: {text!r}")
    return calls


def build_callback(
    call: CallbackCall, table: Mapping[str, type[ExperimentTracker]], workdir: str | os.PathLike
) -> keras.callbacks.Callback:
    """Builds a callback, importing the class of a user.

    Args:
        call: from `read_calls`.
        table: as there.
        workdir: what `{workdir}` stands for in texts.

    Raises:
        ValueError: the class cannot be found, is no callback, or does not take the arguments.
    """

    def filled(value: Any) -> Any:
        return value.replace(_WORKDIR, str(workdir)) if isinstance(value, str) else value

    unnamed = [filled(value) for value in call.unnamed]
    named = {name: filled(value) for name, value in call.named.items()}
    try:
        kind = _known_class(call.name, table) or _import_class(call.name)
        callback = kind(*unnamed, **named)
        refuse_what_cannot_work(callback)
    except (TypeError, ValueError) as error:
        raise ValueError(f"train.callbacks: {call.text!r}: {error}") from error
    return callback


def _split(text: str) -> list[str]:
    """Splits at every `|` outside of quotes; arguments that are literals have it nowhere else."""
    text = text.replace("\n", " ").strip()
    parts, start = [], 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.string == "|":
                parts.append(text[start : token.start[1]].strip())
                start = token.end[1]
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"parentheses or quotes do not match. Received: {text!r}") from error
    return [*parts, text[start:].strip()] if text else []


def _read_call(part: str) -> CallbackCall:
    found = _CALL.fullmatch(part)
    if found is None:
        raise ValueError(
            "each callback must be NAME, NAME(ARGUMENTS) or MODULE:CLASS(ARGUMENTS), with | "
            f"between them, such as {_EXAMPLE}. Received: {part!r}"
        )
    name, inside = found.groups()
    try:
        return CallbackCall(
            part, name, *parse_call_arguments(inside or "", "'log.csv', append=True")
        )
    except ValueError as error:
        raise ValueError(f"{part!r}: {error}") from error


def _check(call: CallbackCall, table: Mapping[str, type[ExperimentTracker]]) -> None:
    if ":" in call.name:
        return  # importing runs code of the user's
    kind = _known_class(call.name, table)
    assert kind is not None
    signature = inspect.signature(kind)
    try:
        bound = signature.bind(*call.unnamed, **call.named)
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "no arguments"
        raise ValueError(f"{error}; it takes {takes}") from error
    bound.apply_defaults()
    if call.name in table:
        table[call.name].require_package()
    else:
        check_arguments(kind.__name__, bound.arguments)


def _known_class(
    name: str, table: Mapping[str, type[ExperimentTracker]]
) -> type[keras.callbacks.Callback] | None:
    if ":" in name:
        return None
    found = table.get(name) or keras_callback(name)
    if found is None:
        known = ", ".join([*table, *keras_callback_names()])
        raise ValueError(
            f"there is no callback {name!r}; there are {known}, and your own as MODULE:CLASS"
        )
    return found


def _import_class(name: str) -> type[keras.callbacks.Callback]:
    module, _, path = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # `deeplab train` has the folder of the command there only
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # a package that the user's module imports
        raise ValueError(
            f"there is no module {error.name!r}. It is looked for in the current folder and where "
            "Python looks (PYTHONPATH)"
        ) from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, keras.callbacks.Callback)):
        raise ValueError(f"{module} has no class {path!r} that is a keras.callbacks.Callback")
    return found
