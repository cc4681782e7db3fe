"""What went wrong with --config and its keys, in one line that names the nearest key."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from pathlib import Path

from ml_collections import ConfigDict

from deeplab_tf.data.paths import expand_path


def config_file(arguments) -> str | None:
    """Returns the path that --config gives, without the argument of `get_config` behind a colon."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in ("--config", "-config"):
            return (value if equals else following).split(":")[0]
    return None


def expanded_config(arguments) -> list[str]:
    """Returns the command line with the path that --config gives as `expand_path` has it.

    Raises:
        ValueError: as `expand_path` says.
    """
    expanded = list(arguments)
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in ("--config", "-config"):
            if equals:
                expanded[index] = f"{name}={expand_path(value)}"
            elif index + 1 < len(arguments):
                expanded[index + 1] = expand_path(arguments[index + 1])
    return expanded


def nearest_file(file: str) -> str:
    """Returns a hint at the file of the same folder whose name is nearest, or nothing."""
    names = [str(path) for path in Path(file).parent.glob("*.py")]
    nearest = difflib.get_close_matches(file, names, n=1)
    return f"; the nearest is {nearest[0]}" if nearest else ""


def flag_error(error: Exception, arguments, file: str | None) -> str:
    """Says in one line what was wrong.

    Args:
        error: what parsing the flags raised.
        arguments: the command line.
        file: from `config_file`.
    """
    text = _text(error)
    if file is None:
        hint = "; keys of a configuration need --config=FILE" if "'config." in text else ""
        return text + hint
    found = _raised_in(file, error)
    if found:
        original, line = found
        key = _missing_key(original)
        where = f"{file}, line {line}"
        return f"{where}: {_no_key(key, last_part=True) if key else _text(original)}"
    if isinstance(error, SyntaxError):
        where = file if error.lineno is None else f"{file}, line {error.lineno}"
        return f"{where}: {error.msg}"
    if "has no attribute 'get_config'" in text:
        return f"{file}: has no function get_config"
    if isinstance(error, (KeyError, AttributeError)):
        given = [a.lstrip("-").partition("=")[0] for a in arguments if a.startswith("-")]
        known = _known_keys()
        unknown = [g[7:] for g in given if g.startswith("config.") and g[7:] not in known]
        if unknown:
            return f"--config.{unknown[0]}: {_no_key(unknown[0])}"
    if text.startswith("flag --config=None:"):
        return _no_config(None, file)
    # Where get_config could not be called, the message is a traceback, whose end says why.
    return f"{file}: {text.split('; ')[-1]}" if "Traceback" in text else text


def require_config(config, file: str):
    """Checks that `get_config` returned a configuration.

    Args:
        config: what it returned.
        file: from `config_file`.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(config, ConfigDict):
        raise ValueError(_no_config(config, file))


def _no_config(found, file: str) -> str:
    return (
        f"{file}: get_config returned {found!r}, not a configuration. Does it end with "
        "'return config'?"
    )


def _text(error: Exception) -> str:
    """The message on one line; `ConfigDict` wraps one error into another."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return "; ".join(text.splitlines()) or type(error).__name__


def _raised_in(file: str, error: BaseException | None) -> tuple[Exception, int] | None:
    """Finds the error that a line of the file raised, behind those it was turned into."""
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f.lineno for f in frames if os.path.abspath(f.filename) == os.path.abspath(file)]
        if lines:
            return error, lines[-1]
        error = error.__context__
    return None


def _missing_key(error: Exception) -> str | None:
    """Returns the key that a `ConfigDict` does not have, if that is what the error says."""
    if not isinstance(error, (KeyError, AttributeError)):
        return None
    found = re.match(r"""Key "([^"]+)" does not exist|'([^']+)'(;|$)""", _text(error))
    return found and (found[1] or found[2])


def _no_key(key: str, last_part: bool = False) -> str:
    """Says that there is no such key and which is nearest, by its last part if that is all."""
    parts = {known: known.split(".")[-1] if last_part else known for known in _known_keys()}
    nearest = difflib.get_close_matches(key, parts.values(), n=1, cutoff=0)[0]
    names = " or ".join(known for known, part in parts.items() if part == nearest)
    return f"no such key {key!r}; the nearest is {names}"


def _known_keys() -> list[str]:
    from deeplab_tf.models.presets import PRESETS
    from deeplab_tf.training.config import base_config

    sections = base_config(next(iter(PRESETS))).to_dict()
    return [key for s, values in sections.items() for key in (s, *(f"{s}.{k}" for k in values))]
