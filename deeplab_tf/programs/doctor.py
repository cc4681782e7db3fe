"""Looks at a data set as training will see it, before anyone wastes a night.

    python tools/doctor.py --data_dir=DATA --split=train --config=zoo/NAME.py --output=DIR

Prints what the labels hold and what looks suspicious, and writes doctor.json and
contact_sheet.png: the first crops of a training run under their labels. Files that are broken or
do not fit each other are listed instead, with exit status 1.

    python tools/doctor.py --data_dir=DATA --fix --output=NEW

writes the data set into a new folder, with labels rewritten whose meaning is clear: masks of 0 and
255, indices and RGB in the colours of dataset.json. What is wrong still is listed.
"""

import json
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from deeplab_tf import cli

DATA_DIR = cli.define_data_dir_flag()
SPLIT = cli.define_text_flag("split", "train", "Name of the split.")
OUTPUT = cli.define_path_flag("output", "Folder for what is written.", required=True)
OVERWRITE = cli.define_overwrite_flag()
LIMIT = flags.DEFINE_integer("limit", None, "So many images only, spread evenly.", lower_bound=1)
CONFIG = config_flags.DEFINE_config_file(
    "config", help_string="A file of zoo/; its augmentation and seed are shown."
)
CROP_SIZE = flags.DEFINE_integer(
    "crop_size", None, "Side of the crops without --config; 321 if left out.", lower_bound=1
)
CROPS = flags.DEFINE_integer("crops", 12, "Number of crops on the contact sheet.", 1, 1000)
FIX = flags.DEFINE_bool(
    "fix", False, "Rewrite labels of all splits that are clear; --output is a new folder for them."
)
IN_PLACE = flags.DEFINE_bool(
    "in_place",
    False,
    "With --fix, rewrite them where they are; originals go to SegmentationClass.before_fix, and a "
    "list of what was done to --output.",
)


def main() -> int | None:
    if FIX.value:
        return _fix()
    if IN_PLACE.value:
        raise ValueError("--in_place belongs to --fix.")
    _look()
    return None


def _fix() -> int:
    from deeplab_tf.data.folder_repair import repair_folder

    repair = repair_folder(DATA_DIR.value, OUTPUT.value, IN_PLACE.value, cli.progress_bar)
    for label, what in repair.done.items():
        print(f"{label}: {what}")
    for label, reason in repair.left.items():
        print(f"{label}: left as it is: {reason}")
    for problem in repair.problems:
        cli.complain(f"error: {problem}")
    print(f"{len(repair.done)} of {repair.labels} labels rewritten: {repair.folder}")
    return 1 if repair.problems else 0


def _look() -> None:
    from deeplab_tf.backbones import mean_color
    from deeplab_tf.data import open_split
    from deeplab_tf.data.augment import AugmentationPipeline, read_augmentation
    from deeplab_tf.data.contact_sheet import encode_contact_sheet
    from deeplab_tf.data.doctor import diagnose, format_diagnosis
    from deeplab_tf.data.files import write_atomically
    from deeplab_tf.data.label_statistics import count_labels
    from deeplab_tf.data.overlap import overlap_warning
    from deeplab_tf.data.own_files import CONTACT_SHEET, check_outputs, is_json_with, is_png_of
    from deeplab_tf.data.split import other_splits
    from deeplab_tf.models.presets import network_defaults
    from deeplab_tf.training.config_ranges import check_config

    config, output = CONFIG.value, Path(OUTPUT.value)
    sheet_file, diagnosis_file = output / "contact_sheet.png", output / "doctor.json"
    is_diagnosis = is_json_with("data_set", "split", "classes", "warnings")
    owners = {sheet_file: is_png_of(CONTACT_SHEET), diagnosis_file: is_diagnosis}
    check_outputs(owners, OVERWRITE.value)
    augmentation, seed = AugmentationPipeline(f"crop({CROP_SIZE.value or 321})|mirror"), 0
    if config:
        if CROP_SIZE.value:
            raise ValueError(
                "Give either --config, with --config.data.augmentation, or --crop_size."
            )
        check_config(config)
        augmentation, seed = read_augmentation(config.data), config.train.seed
    split = open_split(DATA_DIR.value, SPLIT.value)
    split.check(LIMIT.value)
    statistics = count_labels(split, LIMIT.value, cli.progress_bar)
    diagnosis = {"split": SPLIT.value, **diagnose(statistics, augmentation.crop_size)}
    for name in other_splits(DATA_DIR.value, SPLIT.value):
        names = open_split(DATA_DIR.value, name).names
        warning = overlap_warning(SPLIT.value, split.names, name, names)
        diagnosis["warnings"] += [warning] if warning else []
    print(format_diagnosis(diagnosis))
    write_atomically(diagnosis_file, (json.dumps(diagnosis, indent=2) + "\n").encode())
    network = config.model if config else network_defaults()
    mean_rgb = mean_color(network["backbone"])
    try:
        sheet = encode_contact_sheet(split, augmentation, mean_rgb, seed, CROPS.value)
    except ImportError as error:  # all else of the doctor needs no extra
        print(f"no {sheet_file.name}: {error}")
        return
    write_atomically(sheet_file, sheet)
    print(f"{augmentation.describe()}: {sheet_file}")
