"""A `.keras` file of ours from a file of weights that another program wrote."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import keras
import ml_collections

from deeplab_tf.data.files import whole_file
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import expand_path, user_path
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.finite import first_not_finite
from deeplab_tf.weights.apply import assign_arrays
from deeplab_tf.weights.tensor_report import WeightReport
from deeplab_tf.weights.weight_formats import FORMATS
from deeplab_tf.weights.weight_source import Source

# The comment of the zip that a .keras file is: a file of a training has none, and is not replaced.
_MARK = b"deeplab_tf import_weights"


def import_model(
    config: ml_collections.ConfigDict,
    spec: DatasetSpec,
    source: str | os.PathLike,
    output: str | os.PathLike,
    form: str | None = None,
    overwrite: bool = False,
) -> WeightReport:
    """Writes the network of a configuration with the weights of a file as a `.keras` file.

    Args:
        config: from `training.config.base_config`, such as a file of `zoo/` returns.
        spec: the data set that the weights were trained on, in the order of their classes; the
            network carries it.
        source: the file of weights.
        output: the `.keras` file.
        form: row of `FORMATS`; None takes the one that has the ending of `source`.
        overwrite: also replace a file that is there and was not written by this function.

    Returns:
        The report, tensor by tensor. What is neither loaded nor frozen starts at random.

    Raises:
        ValueError: the ending of a file is wrong, `output` is there, the source cannot be read, or
            nothing of it fits the network, or a loaded number is not finite.
        OSError: `output` cannot be written.
    """
    output = user_path(output)
    if output.suffix != ".keras":
        raise ValueError(f"output={output}: the file's name must end in .keras")
    reader = _reader(expand_path(source), form)
    check_outputs({output: _is_own}, overwrite)
    reader.check(expand_path(source))
    keras.utils.set_random_seed(config.train.seed)  # for what the source lacks
    model = build_model(config, spec)
    label, arrays = reader.read(expand_path(source), model)
    report = assign_arrays(model, arrays, label)
    variables = model.variables_by_name()
    broken = first_not_finite((name, variables[name]) for name in report.names("loaded"))
    if broken:
        raise ValueError(
            f"{source}: its numbers for {broken!r} are not finite (NaN or infinity); nothing is"
            " written. Copy the file anew, or take weights of an earlier step"
        )
    with whole_file(output, ending=".partial.keras") as temporary:  # Keras looks at the ending
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.comment = _MARK
    return report


def _reader(source: str, form: str | None) -> Source:
    if form is not None:
        if form not in FORMATS:
            raise ValueError(f"format must be one of {list(FORMATS)}. Received: {form!r}")
        return FORMATS[form]
    for reader in FORMATS.values():
        if reader.accepts(source):
            return reader
    raise ValueError(
        f"{source}: its ending says no format; give --format={'|'.join(FORMATS)} (form=...)"
    )


def _is_own(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.comment == _MARK
    except (OSError, zipfile.BadZipFile):
        return False
