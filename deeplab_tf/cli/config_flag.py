"""The flag --config: what it may name, and what is wrong with it in one line."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from deeplab_tf.data.paths import expand_path
from deeplab_tf.pretrained.zoo_files import zoo_config


def expand_config(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Replaces what --config names by the path of its file.

    Args:
        arguments: the command line; --config takes a path, `~` allowed, or `zoo:NAME`.

    Returns:
        The command line with the path, and the path, None without --config.

    Raises:
        ValueError: there is no such file (the message names the nearest one), or --config is
            there twice.
    """
    expanded, file = list(arguments), None
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name.lstrip("-") != "config" or not name.startswith("-"):
            continue
        if file is not None:  # ml_collections would take parts of both
            raise ValueError("--config is given twice; which one counts? Leave one out.")
        if equals:
            file = _config_file(value)
            expanded[index] = f"{name}={file}"
        elif index + 1 < len(arguments):
            file = expanded[index + 1] = _config_file(arguments[index + 1])
    return expanded, file


def _config_file(value: str) -> str:
    """Returns the path that a value of --config stands for."""
    name, colon, argument = value.partition(":")
    if name == "zoo" and colon:
        file, shown, colon, argument = str(zoo_config(argument)), "zoo:{}", "", ""
    else:
        file, shown = expand_path(value).removesuffix(f"{colon}{argument}"), ""
    if not os.path.isfile(file):
        names = {str(path): path.stem for path in Path(file).parent.glob("*.py")}
        nearest = difflib.get_close_matches(file, names, n=1)
        hint = "".join(f"; the nearest is {shown.format(names[n]) or n}" for n in nearest)
        raise ValueError(f"--config={value if shown else file}: no such file{hint}")
    return f"{file}{colon}{argument}"  # the argument is that of get_config


# What absl and Python call a value of the wrong kind -> what it should have been.
_PLAIN_WORDS = {
    r"\('Non-boolean argument to boolean flag', .*\)": "neither true nor false",
    r"invalid literal for int\(\) with base 10: .*": "not a whole number",
    r"could not convert string to float: .*": "not a number",
}


def config_error(error: Exception, file: str | None) -> str:
    """Formats in one line what parsing the flags raised, in the words of absl and ml_collections.

    Args:
        error: the exception.
        file: the file of --config; it is named, and its line where that raised the error.
    """
    cause: object = error
    while (
        isinstance(cause, (AttributeError, KeyError)) and cause.args
    ):  # ml_collections puts one in the other
        cause = cause.args[0]
    text = str(cause) or type(cause).__name__
    if "Traceback" in text:  # ml_collections quotes all of it
        text = text.strip().splitlines()[-1]
    text = "; ".join(text.split(". Other fields")[0].splitlines()).strip('"')
    for pattern, plain in _PLAIN_WORDS.items():
        text = re.sub(pattern, plain, text)
    text = re.sub(r"^'(\w+)'(?=$|;)", r"no such key '\1'", text).replace("; Did", "; did")
    text = re.sub(r'; did you mean "(\w+)" instead of "(\w+)"\?', _near_hint, text)
    if file is None:
        return text + ("; keys of a configuration need --config=FILE" if "'config." in text else "")
    lines = lines_in(error, file)
    if isinstance(error, SyntaxError) and error.lineno:
        text = error.msg
    where = f"{file}, line {lines[-1]}" if lines else file
    # What is wrong with the command line has nothing to do with the file.
    is_flag = re.match(r"[Ff]lag --(?!config[= ])|Unknown command line flag", text)
    return text if is_flag else f"{where}: {text}"


def _near_hint(hint: re.Match) -> str:
    """Returns a hint of ml_collections, or nothing where the names have little in common."""
    return hint[0] if difflib.SequenceMatcher(None, hint[1], hint[2]).ratio() >= 0.6 else ""


def lines_in(error: Exception, file: str) -> list[int]:
    """Returns the lines of a file that were being run when an exception was raised.

    Args:
        error: the exception; a SyntaxError is that of the file.
        file: a Python file.
    """
    if isinstance(error, SyntaxError) and error.lineno:
        return [error.lineno]
    path = os.path.abspath(file)
    return [frame.lineno or 0 for frame in _frames(error) if frame.filename == path]


def _frames(error: BaseException | None) -> list[traceback.FrameSummary]:
    frames: list[traceback.FrameSummary] = []
    while error is not None:
        frames += traceback.extract_tb(error.__traceback__)
        error = error.__context__
    return frames


def require_config(config: object, file: str) -> None:
    """Checks that `get_config` returned a configuration.

    Args:
        config: what it returned.
        file: where it is defined.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(config, ConfigDict):
        raise ValueError(
            f"{file}: get_config returned {config!r}, not a configuration. Does it end with "
            "'return config'?"
        )
