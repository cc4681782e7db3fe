"""Writes the embedded data set as a folder in PASCAL VOC layout, to look at it or to copy the form.

python tools/write_synthetic.py --output=DIR --train=16 --val=4
"""

from absl import flags

from deeplab_tf import cli

OUTPUT = cli.define_path_flag("output", "Folder of the data set.", required=True)
OVERWRITE = cli.define_overwrite_flag()
TRAIN = flags.DEFINE_integer(
    "train", 16, "Number of training images; 0 for no such split.", lower_bound=0
)
VAL = flags.DEFINE_integer(
    "val", 4, "Number of validation images; 0 for no such split.", lower_bound=0
)


def main():
    from deeplab_tf.data.synthetic import SyntheticSplit
    from deeplab_tf.data.voc_writer import write_voc_layout

    counts = {"train": TRAIN.value, "val": VAL.value}
    splits = {name: SyntheticSplit(name, count) for name, count in counts.items() if count}
    write_voc_layout(OUTPUT.value, splits, OVERWRITE.value)
    print(f"data set: {OUTPUT.value}")


if __name__ == "__main__":
    cli.run(main)
