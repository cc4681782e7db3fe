"""Merges the metrics.json of the shards of a split into that of the whole split.

    python tools/evaluate.py --workdir=RUN --data_dir=DATA --split=val --shard=2/8
    python tools/merge_metrics.py --parts='RUN/eval-val-*-of-8/metrics.json' --output=RUN/eval-val

The shards may have been evaluated on different machines. The counts in the files are added, and
the metrics are those of an evaluation of the whole split.
"""

from pathlib import Path

from deeplab_tf import cli

PARTS = cli.define_paths_flag(
    "parts", "The metrics.json of a shard, or a pattern of several; may be repeated."
)
OUTPUT = cli.define_path_flag("output", "Folder for the merged metrics.json.", required=True)
OVERWRITE = cli.define_overwrite_flag()


def main() -> None:
    from deeplab_tf.data.own_files import check_outputs
    from deeplab_tf.evaluation.evaluate import format_table
    from deeplab_tf.evaluation.merged_metrics import merge_metrics
    from deeplab_tf.evaluation.metrics_file import (
        FILE_NAME,
        find_metrics_files,
        is_metrics_file,
        read_metrics,
        write_metrics,
    )

    if not PARTS.value:
        raise ValueError("Give the files to merge: --parts=FILE, a pattern, or several --parts.")
    output = Path(OUTPUT.value) / FILE_NAME
    check_outputs({output: is_metrics_file}, OVERWRITE.value)
    files = find_metrics_files(PARTS.value, output)
    merged = merge_metrics([read_metrics(file) for file in files], files)
    print(format_table(merged))
    write_metrics(merged, output)
    print(f"{len(files)} shards, {merged['images']} images: {output}")
