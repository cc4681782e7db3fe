"""Flags that several programs take, and what they stand for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from absl import flags

from deeplab_tf.cli.flag_parsers import (
    CrfParser,
    DataDirParser,
    NetworkParser,
    PathParser,
    PlaceParser,
    ShardParser,
    TextParser,
)
from deeplab_tf.cli.program import progress_bar
from deeplab_tf.data.spec import SYNTHETIC
from deeplab_tf.precision import PRECISIONS, explain_precision

if TYPE_CHECKING:
    from deeplab_tf.evaluation.predictor import Predictor
    from deeplab_tf.models.deeplab import DeepLab

# Flags that are defined here belong to the program that asks for them: --help shows only its own.
flags.disclaim_key_flags()
_AS_TEXT: flags.ArgumentSerializer = flags.ArgumentSerializer()


def define_text_flag(
    name: str, default: str | None, help_string: str, required: bool = False
) -> flags.FlagHolder:
    """Defines a flag that takes a text that is no path, such as the name of a split.

    An empty one, which a script gives whose variable is not set, is refused.

    Args:
        name: of the flag.
        default: text without the flag.
        help_string: shown by --help.
        required: whether the program refuses to run without it.
    """
    return flags.DEFINE(
        TextParser(), name, default, help_string, serializer=_AS_TEXT, required=required
    )


def define_path_flag(
    name: str,
    help_string: str,
    required: bool = False,
    default: str | None = None,
    missing: str | None = None,
) -> flags.FlagHolder:
    """Defines a flag that takes a path; programs define them in no other way.

    `~` becomes the home folder; an address such as `gs://bucket` and an empty path are refused.

    Args:
        name: of the flag.
        help_string: shown by --help.
        required: whether the program refuses to run without it.
        default: path without the flag.
        missing: what is said, before TensorFlow is imported, of a path at which there is nothing;
            None takes any path. Patterns are not looked at.

    Returns:
        The flag; its value is the path.
    """
    return flags.DEFINE(
        PathParser(missing), name, default, help_string, serializer=_AS_TEXT, required=required
    )


def define_model_flag(
    help_string: str = "A .keras file, the work directory of a run, or preset:NAME.",
    required: bool = True,
) -> flags.FlagHolder:
    """Defines --model of a program that reads a trained network.

    Args:
        help_string: shown by --help.
        required: whether the program refuses to run without it.
    """
    missing = "no such file. tools/train.py writes WORKDIR/model.keras"
    return flags.DEFINE(
        NetworkParser(missing), "model", None, help_string, serializer=_AS_TEXT, required=required
    )


def define_input_flag(help_string: str) -> flags.FlagHolder:
    """Defines --input of a program that labels images.

    Args:
        help_string: shown by --help.
    """
    return define_path_flag("input", help_string, required=True, missing="no such file or folder")


def define_place_flag(name: str, help_string: str, required: bool = False) -> flags.FlagHolder:
    """Defines a flag that takes a path, or an address such as `gs://BUCKET/FOLDER`.

    It belongs to programs that can reach what it stands for.

    Args:
        name: of the flag.
        help_string: shown by --help.
        required: whether the program refuses to run without it.
    """
    return flags.DEFINE(
        PlaceParser(), name, None, help_string, serializer=_AS_TEXT, required=required
    )


def define_paths_flag(name: str, help_string: str) -> flags.FlagHolder:
    """Defines a flag that takes a path and may be repeated; its value is a list.

    Args:
        name: of the flag.
        help_string: shown by --help.
    """
    return flags.DEFINE_multi(PathParser(), _AS_TEXT, name, [], help_string)


def define_data_dir_flag(required: bool = True) -> flags.FlagHolder:
    """Defines --data_dir of a program that reads a data set.

    Args:
        required: whether the program refuses to run without it.
    """
    return flags.DEFINE(
        DataDirParser(f"no such folder. Give a data set's folder or {SYNTHETIC!r}."),
        "data_dir",
        None,
        "Folder in PASCAL VOC layout or of shards, or the word synthetic.",
        serializer=_AS_TEXT,
        required=required,
    )


def define_overwrite_flag() -> flags.FlagHolder:
    """Defines --overwrite of a program that writes files."""
    return flags.DEFINE_bool(
        "overwrite", False, "Also replace files that are there and this program did not write."
    )


def define_shard_flag() -> flags.FlagHolder:
    """Defines --shard of a program that works on one of several shards of a split."""
    flag = flags.Flag(
        ShardParser(),
        _AS_TEXT,
        "shard",
        default=None,
        help_string="2/8 takes the second of eight shards, which are images 2, 10, 18 and so on of "
        "the split (with --limit, of those); every image is in one shard.",
    )
    return flags.DEFINE_flag(flag)


def define_crf_flag() -> flags.FlagHolder:
    """Defines --crf, --nocrf and --crf=FILE.json as one flag."""
    flag = flags.Flag(
        CrfParser(),
        _AS_TEXT,
        "crf",
        default=False,
        help_string="Refine with the fully connected CRF: --crf takes the parameters that the "
        "model carries, --crf=FILE.json those of a file.",
        boolean=True,
    )
    return flags.DEFINE_flag(flag)


def define_prediction_flags(
    tiles: bool = True, precision: bool = True
) -> dict[str, flags.FlagHolder]:
    """Defines what `Predictor` takes besides the CRF.

    Args:
        tiles: whether --tile is one of them.
        precision: whether --precision is one of them.

    Returns:
        The flags by argument name.
    """
    defined = {
        "scales": flags.DEFINE_list(
            "scales",
            ["1"],
            "Factors on an image's sides at which the network sees it, such as 0.5,0.75,1.",
        ),
        "flip": flags.DEFINE_bool(
            "flip", False, "Also predict the mirrored image; twice the time."
        ),
        "fusion": flags.DEFINE_enum(
            "fusion",
            "mean",
            ["mean", "max"],
            "Mean of the scales' probabilities, or max of their logits.",
        ),
        "pad_to": flags.DEFINE_integer(
            "pad_to",
            1,
            "Side in pixels to which smaller images are padded with the mean colour at least; the "
            "released networks of v1 and v2 are tested at 513. 1 pads to the feature grid alone.",
            lower_bound=1,
        ),
    }
    if tiles:
        defined["tile"] = flags.DEFINE_integer(
            "tile",
            None,
            "Largest side in pixels computed at once; unset, images above 2 megapixels are tiled. "
            "With image pooling (v3, v3+) tiles change labels: give at least the training's crop.",
        )
    if precision:
        defined["precision"] = flags.DEFINE_enum(
            "precision",
            "float32",
            list(PRECISIONS),
            "Number format of the convolutions; auto is the fastest of this machine. Few labels "
            "differ; float32 gives the same on every machine.",
        )
    return defined


def build_predictor(
    model: DeepLab, crf: bool | str, prediction: dict[str, flags.FlagHolder]
) -> Predictor:
    """Builds the predictor that the flags ask for.

    Args:
        model: a DeepLab.
        crf: value of --crf.
        prediction: from `define_prediction_flags`.

    Raises:
        ValueError: a flag's value is wrong.
    """
    from deeplab_tf.evaluation.predictor import Predictor

    values = prediction_options(prediction)
    _log_precision(values.get("precision"))
    tile_bar = functools.partial(progress_bar, unit="tile")
    return Predictor(model, crf_parameters(crf, model), progress=tile_bar, **values)


def prediction_options(prediction: dict[str, flags.FlagHolder]) -> dict[str, Any]:
    """Returns the arguments of `Predictor` that flags stand for.

    Args:
        prediction: from `define_prediction_flags`.

    Raises:
        ValueError: --scales holds something else than numbers.
    """
    values = {name: flag.value for name, flag in prediction.items()}
    try:
        values["scales"] = tuple(float(scale) for scale in values["scales"])
    except ValueError as error:
        raise ValueError(f"--scales takes numbers such as 0.5,0.75,1 ({error}).") from error
    return values


def _log_precision(wanted: str | None) -> None:
    """Says what --precision=auto has chosen, or what it would gain."""
    if wanted == "auto":
        print(explain_precision(wanted))
    elif wanted == "float32":
        advise_precision("--precision=auto")


def advise_precision(setting: str) -> None:
    """Says that float32 is slower than another precision where it is.

    Args:
        setting: what a user has to give for the faster one.
    """
    better = explain_precision("auto")
    if better.name != "float32":
        print(f"{better.name} would be faster here, {better.reason}: {setting}")


def crf_parameters(flag_value: bool | str, model: DeepLab) -> dict | None:
    """Returns the parameters that a value of --crf stands for, None for no CRF.

    Args:
        flag_value: of --crf.
        model: a DeepLab.

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
