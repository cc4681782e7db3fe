"""Runs a program: flags in, exit status out, what goes wrong as one line on stderr."""

from __future__ import annotations

import contextlib
import errno
import importlib
import inspect
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast

from absl import app, flags, logging
from tqdm import tqdm

from deeplab_tf import start_up
from deeplab_tf.cli.config_flag import config_error, expand_config, lines_in, require_config
from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.terminal_text import shortened, visible

_HELP = {"help", "?", "helpfull", "helpshort", "helpxml"}


def run_program(name: str) -> None:
    """Runs a program of `deeplab_tf.programs`.

    Args:
        name: its file, such as `train`.
    """
    program = importlib.import_module(f"deeplab_tf.programs.{name}")
    sys.modules["__main__"].__doc__ = program.__doc__  # what --help shows first
    for flag in flags.FLAGS.get_key_flags_for_module(program.__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    run(program.main)


def run(main: Callable[..., int | None]) -> None:
    """Runs a program; what goes wrong becomes one line on stderr and exit status 1, Ctrl-C 130.

    What it prints appears line by line, also in a file or a pipe, and cannot steer a terminal.

    Args:
        main: the program; returns its exit status, None for 0. One with a parameter gets the
            words behind `--`, which for others are an error.
    """
    takes_options = bool(inspect.signature(main).parameters)
    if hasattr(sys.stdout, "reconfigure"):
        # A name that the terminal's encoding lacks is no reason to stop.
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")

    def guarded(arguments: list[str]) -> int | None:
        words = arguments[1:]
        # What stands behind -- are options of another program; a word without dashes is a mistake.
        if words and not (takes_options and words[0].startswith("-")):
            return _fail(f"unexpected arguments {words}; every option is a --flag")
        start_up.import_rest()
        logging.set_verbosity(logging.WARNING)  # TensorFlow's notes about how it saves and reduces
        try:
            with contextlib.redirect_stdout(cast(TextIO, _VisibleText(sys.stdout))):
                return main(words) if takes_options else main()
        except KeyboardInterrupt:
            _fail("interrupted")
            return 128 + signal.SIGINT
        except Exception as error:
            message = _expected(error)
            if message is None:
                raise
            return _fail(message)

    app.run(guarded, flags_parser=_parse_flags)


def _parse_flags(arguments: list[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
    try:
        arguments, file = expand_config(arguments)
    except ValueError as error:
        text = str(error)
        sys.exit(_fail(text if text.startswith("--config") else f"--config: {text}"))
    try:
        if file is None:
            return values(arguments)
        words = _parse_with_config(arguments, values, file)
        require_config(values["config"].value, file)
        return words
    except SystemExit:
        if _HELP.isdisjoint(word.lstrip("-") for word in arguments):
            raise
        sys.exit(0)  # absl has shown the help, and leaves with the status of a failure
    except Exception as error:  # a config file is a program: it can raise anything
        sys.exit(_fail(config_error(error, file)))


def _parse_with_config(arguments: list[str], values: flags.FlagValues, file: str) -> list[str]:
    """Parses the flags, with those that change what the file of --config returns."""
    _parse_all_but_config(arguments, values)
    try:
        return values(arguments)
    except Exception as error:  # a config file is a program: it can raise anything
        if not (start_up.waits_for_flags() and lines_in(error, file)):
            raise
    # The file may use what packages leave out as yet.
    start_up.import_rest()
    values.unparse_flags()
    return values(arguments)


def _parse_all_but_config(arguments: list[str], values: flags.FlagValues) -> None:
    """Raises where a flag is wrong, before the file of --config is run, which may take seconds."""
    try:
        values([word for word in arguments if not word.lstrip("-").startswith("config")])
    except flags.IllegalFlagValueError as error:
        if "--config=" not in str(error):  # that it is missing here
            raise
    values.unparse_flags()


def _expected(error: Exception) -> str | None:
    """Returns what was wrong, or None where the error is a bug of ours."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and isinstance(error, tensorflow.errors.OpError):
        return f"{type(error).__name__}: {plain_reason(error)}"
    if isinstance(error, OSError):
        return _os_error(error)
    if isinstance(error, MemoryError):
        return f"not enough memory. {error}".strip()
    kinds = (ValueError, ImportError, FloatingPointError)
    return str(error) if isinstance(error, kinds) else None


def _os_error(error: OSError) -> str:
    if error.filename is not None and error.filename2 is None:
        return f"{error.filename}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EPIPE) and error.filename is None:
        # What the library writes has a name, see `data.files.naming_written`; print has none.
        return f"standard output: cannot be written: {error.strerror}"
    return str(error)


def _fail(message: str) -> int:
    complain(f"error: {message}")
    return 1


def complain(message: str) -> None:
    """Prints a line on stderr, whose names of files and classes may be those of strangers.

    Args:
        message: of what is wrong.
    """
    print(visible(shortened(message)), file=sys.stderr)


class _VisibleText:
    """A stream that prints escapes in place of what could steer a terminal."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(visible(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def progress_bar(items: Iterable, total: int | None = None, unit: str = "image") -> tqdm:
    """Wraps items so that a bar shows how many are done and the time left.

    Args:
        items: what is worked on.
        total: their number, where they have no length.
        unit: what one of them is.
    """
    # A bar inside another one is removed at its end.
    options = {"mininterval": 1.0, "leave": None, "disable": None}
    return tqdm(items, total=total, unit=unit, **options)


def print_labelled(problems: list[str], total: int, output: str, what: str = "images") -> int:
    """Prints which images could not be labelled and how many were; returns the exit status.

    Args:
        problems: one line for every image that could not be.
        total: number of images.
        output: folder of the labels.
        what: several of what was labelled.
    """
    for problem in problems:
        complain(f"error: {problem}")
    print(f"{total - len(problems)} of {total} {what} labelled: {output}")
    return 1 if problems else 0
