r"""Makes a model of a file of weights that another program wrote, such as the authors' Caffe nets.

python tools/import_weights.py --source=train_iter_20000.caffemodel --dataset=voc12 \
    --config=zoo/voc12_resnet101_aspp_l.py --output=resnet101.keras

The configuration says which network the weights are for. What became of every tensor is printed;
--config.model.weights=FILE starts a training from the same file.
"""

from absl import flags
from ml_collections import config_flags

from deeplab_tf import cli
from deeplab_tf.cli.table_keys import table_keys

CONFIG = config_flags.DEFINE_config_file(
    "config", help_string="A file of zoo/ with the network that the weights are for."
)
flags.mark_flag_as_required("config")
SOURCE = cli.define_path_flag(
    "source", "File of weights.", required=True, missing="no such file. Give a file of weights"
)
FORMAT = flags.DEFINE_enum(
    "format", None, table_keys("deeplab_tf.weights.weight_formats", "FORMATS"),
    "What wrote --source; unset, what its ending says. docs/import_weights.md has what each reads.",
)  # fmt: skip
DATASET = flags.DEFINE_enum(
    "dataset", None, table_keys("deeplab_tf.data.archive_specs", "SPECS"),
    "Data set of the weights' classes; no files of it are needed.",
)  # fmt: skip
DATA_DIR = cli.define_data_dir_flag(required=False)
OUTPUT = cli.define_path_flag("output", "The .keras file.", required=True)
OVERWRITE = cli.define_overwrite_flag()


def main() -> None:
    from deeplab_tf.data import open_spec
    from deeplab_tf.data.archive_specs import SPECS
    from deeplab_tf.models.imported_model import import_model
    from deeplab_tf.training.config_ranges import check_config

    config = CONFIG.value
    check_config(config)
    if (DATASET.value is None) == (DATA_DIR.value is None):
        raise ValueError(
            "Give the classes of the weights: either --dataset=voc12, or --data_dir=FOLDER with a"
            " dataset.json."
        )
    spec = SPECS[DATASET.value] if DATASET.value else open_spec(DATA_DIR.value)
    report = import_model(config, spec, SOURCE.value, OUTPUT.value, FORMAT.value, OVERWRITE.value)
    print(report)
    if random := report.at_random():
        more = f" and {len(random) - 3} more" if len(random) > 3 else ""
        cli.complain(
            f"warning: {', '.join(random[:3])}{more} got nothing from the source and start at"
            " random; train the model before it labels images"
        )
    print(f"model: {OUTPUT.value}")
