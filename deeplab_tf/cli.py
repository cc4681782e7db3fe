"""What the programs in `tools/` share: one-line errors, the --crf flag, progress bars."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from absl import app, flags, logging
from tqdm import tqdm

# TensorFlow's own start-up messages would bury the first line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def run(main: Callable[[], int | None]):
    """Runs a program; what goes wrong becomes one line on stderr and exit status 1.

    Args:
        main: the program; returns its exit status, None for 0.
    """

    def guarded(arguments) -> int | None:
        logging.set_verbosity(logging.WARNING)  # TensorFlow's notes about how it saves and reduces
        if len(arguments) > 1:
            return _fail(f"unexpected arguments {arguments[1:]}; every option is a --flag")
        try:
            return main()
        except (ValueError, OSError, ImportError, FloatingPointError) as error:
            return _fail(error)

    app.run(guarded, flags_parser=_parse_flags)


def _parse_flags(arguments, values: flags.FlagValues = flags.FLAGS):
    file = _config_file(arguments)
    if file is not None and not os.path.isfile(file):
        sys.exit(_fail(f"--config={file}: no such file{_nearest_file(file)}"))
    try:
        return values(arguments)
    except Exception as error:  # a config file is a program: it can raise anything
        sys.exit(_fail(_flag_error(error, arguments, file)))


def _config_file(arguments) -> str | None:
    """Returns the path that --config gives, without the argument of `get_config` behind a colon."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in ("--config", "-config"):
            return (value if equals else following).split(":")[0]
    return None


def _nearest_file(file: str) -> str:
    names = [str(path) for path in Path(file).parent.glob("*.py")]
    nearest = difflib.get_close_matches(file, names, n=1)
    return f"; the nearest is {nearest[0]}" if nearest else ""


def _flag_error(error: Exception, arguments, file: str | None) -> str:
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
        return f"{file}, line {error.lineno}: {error.msg}"
    if "has no attribute 'get_config'" in text:
        return f"{file}: has no function get_config"
    if isinstance(error, (KeyError, AttributeError)):
        given = [a.lstrip("-").partition("=")[0] for a in arguments if a.startswith("-")]
        known = _known_keys()
        unknown = [g[7:] for g in given if g.startswith("config.") and g[7:] not in known]
        if unknown:
            return f"--config.{unknown[0]}: {_no_key(unknown[0])}"
    return text


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


def _fail(message) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def progress_bar(items, total: int | None = None, unit: str = "image"):
    """Wraps items so that a bar shows how many are done and the time left."""
    return tqdm(items, total=total, unit=unit, mininterval=1.0, disable=None)


class _CrfParser(flags.ArgumentParser):
    """Turns the three spellings of --crf into False, True or a path."""

    syntactic_help = "a JSON file of CRF parameters, or nothing for the model's own"

    def parse(self, argument):
        words = {"true": True, "1": True, "false": False, "0": False}
        if isinstance(argument, bool):
            return argument
        return words.get(argument.lower(), argument)


def define_crf_flag():
    """Defines --crf, --nocrf and --crf=FILE.json as one flag."""
    flag = flags.Flag(
        _CrfParser(),
        flags.ArgumentSerializer(),
        "crf",
        default=False,
        help_string="Refine with the fully connected CRF: --crf takes the parameters that the "
        "model carries, --crf=FILE.json those of a file.",
        boolean=True,
    )
    return flags.DEFINE_flag(flag)


def define_prediction_flags() -> dict[str, flags.FlagHolder]:
    """Defines what `Predictor` takes besides the CRF; returns the flags by argument name."""
    return {
        "scales": flags.DEFINE_list("scales", ["1"], "Sizes at which a photo is scored."),
        "flip": flags.DEFINE_bool("flip", False, "Score the mirrored photo too."),
        "tile": flags.DEFINE_integer("tile", None, "Side of the tiles for large photos."),
    }


def build_predictor(model, crf: bool | str, prediction: dict[str, flags.FlagHolder]):
    """Builds the predictor that the flags ask for.

    Args:
        model: a DeepLab.
        crf: value of --crf.
        prediction: from `define_prediction_flags`.

    Raises:
        ValueError: a flag's value is wrong.
    """
    from deeplab_tf.evaluation.predictor import Predictor

    values = {name: flag.value for name, flag in prediction.items()}
    try:
        values["scales"] = tuple(float(scale) for scale in values["scales"])
    except ValueError as error:
        raise ValueError(f"--scales takes numbers such as 0.5,0.75,1 ({error}).") from error
    return Predictor(model, crf_parameters(crf, model), **values)


def crf_parameters(flag_value: bool | str, model) -> dict | None:
    """Returns the parameters that a value of --crf stands for, None for no CRF.

    Raises:
        ValueError: the file is missing or wrong, or the model carries no parameters.
    """
    from deeplab_tf.crf import CrfParameters

    if flag_value is False:
        return None
    if flag_value is True:
        if not model.crf:
            raise ValueError("The model carries no CRF parameters; give them as --crf=FILE.json.")
        return dict(model.crf)
    return CrfParameters.load(flag_value).to_dict()
