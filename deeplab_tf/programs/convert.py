"""Turns an archive into TFRecord shards, checked on the way.

    python tools/convert_dataset.py --dataset=voc12 --source=ARCHIVE --output=DATA

Running the same command again after an interruption goes on with the shards that are missing.
With --verify, the shards of --output are compared with their hashes and counts.
"""

import sys

from absl import flags

from deeplab_tf import cli
from deeplab_tf.data.sources import SOURCES

DATASET = flags.DEFINE_enum(
    "dataset",
    None,
    list(SOURCES),
    "What --source holds; docs/data_sets.md shows the layout of each.",
)
SOURCE = cli.define_path_flag("source", "Folder where the archive was unpacked.")
OUTPUT = cli.define_path_flag("output", "Folder for the shards.", required=True)
PROCESSES = flags.DEFINE_integer(
    "processes", None, "How many work at once; as many as there are processors if left out.",
    lower_bound=1,
)  # fmt: skip
VERIFY = flags.DEFINE_bool("verify", False, "Only check what --output holds; changes nothing.")


def main() -> None:
    from deeplab_tf.data.convert import convert
    from deeplab_tf.data.tfrecord_shards import verify_shards

    if VERIFY.value:
        shards = verify_shards(OUTPUT.value, lambda s: cli.progress_bar(s, unit="shard"))
        print(f"all {shards} shards are as dataset.json says: {OUTPUT.value}")
        return
    if DATASET.value is None or SOURCE.value is None:
        raise ValueError("Give --dataset and --source, or --verify to check what --output holds.")
    done = convert(
        DATASET.value, SOURCE.value, OUTPUT.value, PROCESSES.value, progress=cli.progress_bar
    )
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if done.written:
        counts = ", ".join(f"{split} {count}" for split, count in done.spec.splits.items())
        print(f"{counts}: {done.written} shards written, {done.kept} kept: {OUTPUT.value}")
    else:
        print(f"nothing to do, all {done.kept} shards are up to date: {OUTPUT.value}")
