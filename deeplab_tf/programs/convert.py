"""Turns an archive, or your annotations, into TFRecord shards, checked on the way.

    python tools/convert_dataset.py --dataset=voc12 --source=ARCHIVE --output=DATA
    python tools/convert_dataset.py --dataset=labelme --source=IMAGES --output=DATA --val_share=0.2

Running the same command again after an interruption goes on with the shards that are missing.
With --verify, the shards of --output are compared with their hashes and counts.
"""

from absl import flags

from deeplab_tf import cli
from deeplab_tf.cli.table_keys import table_keys

DATASET = flags.DEFINE_enum(
    "dataset",
    None,
    table_keys("deeplab_tf.data.sources", "SOURCES"),
    "What --source holds; docs/data_sets.md shows the layout of each.",
)
SOURCE = cli.define_path_flag(
    "source", "Folder where the archive was unpacked, or of your annotations.",
    missing="no such folder. Give the folder where the archive was unpacked",
)  # fmt: skip
OUTPUT = cli.define_path_flag("output", "Folder for the shards.", required=True)
PROCESSES = flags.DEFINE_integer(
    "processes", None, "How many work at once; as many as there are processors if left out.",
    lower_bound=1, upper_bound=1024,
)  # fmt: skip
VAL_SHARE = flags.DEFINE_float(
    "val_share", None, "Share of the training images that becomes the split val, such as 0.2."
)
SEED = flags.DEFINE_integer("seed", 0, "With --val_share: another seed chooses other images.")
GROUP_BY = flags.DEFINE_string(
    "group_by", None,
    "With --val_share: regular expression; images whose names agree in what it finds stay "
    "together, such as the frames of a video.",
)  # fmt: skip
LABEL_MAP = cli.define_path_flag(
    "label_map",
    "JSON file that renames and merges classes, or drops them to void: "
    '{"truck": "car", "background": null}.',
)
LINE_WIDTH = flags.DEFINE_float(
    "line_width", 10, "Width in pixels of lines and points in annotations.", lower_bound=1
)
VERIFY = flags.DEFINE_bool("verify", False, "Only check what --output holds; changes nothing.")


def main() -> None:
    from deeplab_tf.data.convert import convert
    from deeplab_tf.data.tfrecord_shards import verify_shards

    if VERIFY.value:
        shards = verify_shards(OUTPUT.value, lambda s: cli.progress_bar(s, unit="shard"))
        print(f"all {shards} shards are as dataset.json says: {OUTPUT.value}")
        return
    if VAL_SHARE.value is None and GROUP_BY.value is not None:
        raise ValueError("--group_by says how --val_share divides; give --val_share, too.")
    if DATASET.value is None or SOURCE.value is None:
        raise ValueError("Give --dataset and --source, or --verify to check what --output holds.")
    done = convert(
        DATASET.value,
        SOURCE.value,
        OUTPUT.value,
        PROCESSES.value,
        progress=cli.progress_bar,
        val_share=VAL_SHARE.value,
        seed=SEED.value,
        group_by=GROUP_BY.value,
        label_map=LABEL_MAP.value,
        line_width=LINE_WIDTH.value,
    )
    names = ", ".join(f"{i} {name}" for i, name in enumerate(done.spec.class_names))
    print(f"ids: {names}; void {done.spec.ignore_label}")
    for warning in done.warnings:
        cli.complain(f"warning: {warning}")
    if done.written:
        counts = ", ".join(f"{split} {count}" for split, count in done.spec.splits.items())
        print(f"{counts}: {done.written} shards written, {done.kept} kept: {OUTPUT.value}")
    else:
        print(f"nothing to do, all {done.kept} shards are up to date: {OUTPUT.value}")
