"""What the programs in `tools/` share: one-line errors, flags for paths, --crf, progress bars."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable

from absl import app, flags, logging
from tqdm import tqdm

from deeplab_tf.config_errors import (
    config_file,
    expanded_config,
    flag_error,
    nearest_file,
    require_config,
)
from deeplab_tf.data.paths import expand_path

# TensorFlow's own start-up messages would bury the first line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Flags that are defined here belong to the program that asks for them: --help shows only its own.
flags.disclaim_key_flags()
_AS_TEXT = flags.ArgumentSerializer()
_HELP = {"help", "?", "helpfull", "helpshort", "helpxml"}


def run(main: Callable[[], int | None]):
    """Runs a program; what goes wrong becomes one line on stderr and exit status 1.

    What it prints appears line by line, also in a file or a pipe.

    Args:
        main: the program; returns its exit status, None for 0.
    """
    sys.stdout.reconfigure(line_buffering=True)

    def guarded(arguments) -> int | None:
        logging.set_verbosity(logging.WARNING)  # TensorFlow's notes about how it saves and reduces
        if len(arguments) > 1:
            return _fail(f"unexpected arguments {arguments[1:]}; every option is a --flag")
        try:
            return main()
        except Exception as error:
            message = _expected(error)
            if message is None:
                raise
            return _fail(message)

    app.run(guarded, flags_parser=_parse_flags)


def _parse_flags(arguments, values: flags.FlagValues = flags.FLAGS):
    try:
        arguments = expanded_config(arguments)
    except ValueError as error:
        sys.exit(_fail(f"--config: {error}"))
    file = config_file(arguments)
    if file is not None and not os.path.isfile(file):
        sys.exit(_fail(f"--config={file}: no such file{nearest_file(file)}"))
    try:
        words = values(arguments)
        if file is not None:
            require_config(values["config"].value, file)
        return words
    except SystemExit:
        if _HELP.isdisjoint(word.lstrip("-") for word in arguments):
            raise
        sys.exit(0)  # absl has shown the help, and leaves with the status of a failure
    except Exception as error:  # a config file is a program: it can raise anything
        sys.exit(_fail(flag_error(error, arguments, file)))


def _expected(error: Exception) -> str | None:
    """Says what was wrong, or nothing where the error is a bug of ours."""
    # Only now: no program needs TensorFlow to say which flag is wrong.
    import tensorflow as tf

    from deeplab_tf.data.files import plain_reason

    if isinstance(error, tf.errors.OpError):
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


def _fail(message) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def progress_bar(items, total: int | None = None, unit: str = "image"):
    """Wraps items so that a bar shows how many are done and the time left."""
    # A bar inside another one is removed at its end.
    options = {"mininterval": 1.0, "leave": None, "disable": None}
    return tqdm(items, total=total, unit=unit, **options)


def tell_labelled(problems: list[str], total: int, output: str) -> int:
    """Prints what could not be labelled and how many images were; returns the exit status.

    Args:
        problems: one line for every image that could not be.
        total: number of images.
        output: folder of the labels.
    """
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{total - len(problems)} of {total} images labelled: {output}")
    return 1 if problems else 0


class PathParser(flags.ArgumentParser):
    """Reads the path of a file or folder, or a pattern of paths; see `expand_path`."""

    def parse(self, argument):
        """Returns the path; a ValueError says what is wrong with it."""
        return expand_path(argument)


def define_path_flag(name: str, help_string: str, required: bool = False, default=None):
    """Defines a flag that takes a path; programs define them in no other way.

    `~` becomes the home folder; an address such as `gs://bucket` and an empty path are refused.
    """
    return flags.DEFINE(
        PathParser(), name, default, help_string, serializer=_AS_TEXT, required=required
    )


def define_paths_flag(name: str, help_string: str):
    """Defines a flag that takes a path and may be repeated; its value is a list."""
    return flags.DEFINE_multi(PathParser(), _AS_TEXT, name, [], help_string)


class _CrfParser(flags.ArgumentParser):
    """Turns the three spellings of --crf into False, True or a path."""

    syntactic_help = "a JSON file of CRF parameters, or nothing for the model's own"

    def parse(self, argument):
        words = {"true": True, "1": True, "false": False, "0": False}
        if isinstance(argument, bool):
            return argument
        word = words.get(argument.lower())
        return expand_path(argument) if word is None else word


def define_data_dir_flag():
    """Defines --data_dir of a program that reads a data set."""
    return define_path_flag(
        "data_dir",
        "Folder in PASCAL VOC layout or of shards, or the word synthetic.",
        required=True,
    )


def define_overwrite_flag():
    """Defines --overwrite of a program that writes files."""
    return flags.DEFINE_bool(
        "overwrite", False, "Also replace files that are there and this program did not write."
    )


def define_crf_flag():
    """Defines --crf, --nocrf and --crf=FILE.json as one flag."""
    flag = flags.Flag(
        _CrfParser(),
        _AS_TEXT,
        "crf",
        default=False,
        help_string="Refine with the fully connected CRF: --crf takes the parameters that the "
        "model carries, --crf=FILE.json those of a file.",
        boolean=True,
    )
    return flags.DEFINE_flag(flag)


def define_prediction_flags(tiles: bool = True) -> dict[str, flags.FlagHolder]:
    """Defines what `Predictor` takes besides the CRF.

    Args:
        tiles: whether --tile is one of them.

    Returns:
        The flags by argument name.
    """
    defined = {
        "scales": flags.DEFINE_list(
            "scales",
            ["1"],
            "Factors on an image's sides at which it is scored, such as 0.5,0.75,1.",
        ),
        "flip": flags.DEFINE_bool("flip", False, "Score the mirrored image too."),
        "fusion": flags.DEFINE_enum(
            "fusion",
            "mean",
            ["mean", "max"],
            "Mean of the scales' probabilities, or max of their logits.",
        ),
    }
    if tiles:
        defined["tile"] = flags.DEFINE_integer(
            "tile",
            None,
            "Largest side in pixels computed at once; unset, images above 2 megapixels are tiled.",
        )
    return defined


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
    tile_bar = functools.partial(progress_bar, unit="tile")
    return Predictor(model, crf_parameters(crf, model), progress=tile_bar, **values)


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
