"""Trains a network.

    python tools/train.py --config=zoo/camvid_vgg16_large_fov.py --data_dir=DATA --workdir=DIR

Running the same command again after an interruption continues from the newest whole checkpoint.
Any value of the configuration can be changed: --config.train.steps=100
"""

from __future__ import annotations

from absl import flags
from ml_collections import config_flags

from deeplab_tf import cli

CONFIG = config_flags.DEFINE_config_file("config", help_string="A file of zoo/.")
flags.mark_flag_as_required("config")
DATA_DIR = cli.define_data_dir_flag()
WORKDIR = cli.define_place_flag(
    "workdir",
    "Folder for all that the run writes, or its address in an object store, gs://BUCKET/FOLDER.",
    required=True,
)
STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    ["auto", "one", "mirrored", "multi_worker"],
    "auto: multi_worker where TF_CONFIG or Slurm has several workers, mirrored where there are "
    "several GPUs, else one. multi_worker: the machines of the environment variable TF_CONFIG or "
    "the tasks of a Slurm step; docs/distributed.md shows how to start them.",
)
LOGICAL_DEVICES = flags.DEFINE_integer(
    "logical_devices", 1, "Splits the CPU into so many devices, to try mirrored without GPUs.",
    lower_bound=1, upper_bound=64,
)  # fmt: skip
FAIL_ON_SIGNAL = flags.DEFINE_boolean(
    "fail_on_signal", False,
    "Where SIGTERM or SIGINT ends the run, whose checkpoint is saved: exits with 128 plus its "
    "number, such as 143, for schedulers that start again what failed; else with 0.",
)  # fmt: skip


def main() -> int:
    import keras

    from deeplab_tf.data import open_split, require_labels
    from deeplab_tf.data.augment import read_augmentation
    from deeplab_tf.data.doctor import SAMPLE, quick_look
    from deeplab_tf.data.overlap import overlap_warning
    from deeplab_tf.data.paths import expand_path
    from deeplab_tf.evaluation.split_evaluation import SplitEvaluation
    from deeplab_tf.models.loading import is_workdir
    from deeplab_tf.training.cluster import count_workers
    from deeplab_tf.training.config_ranges import check_config
    from deeplab_tf.training.interruption import RunInterruptedError
    from deeplab_tf.training.loop import Trainer
    from deeplab_tf.training.remote_workdir import open_workdir
    from deeplab_tf.training.strategies import build_strategy
    from deeplab_tf.training.workdir import check_workdir
    from deeplab_tf.training.workers import is_chief
    from deeplab_tf.weights.sources import check_source

    config = CONFIG.value
    # What is refused is refused before any work.
    check_config(config)
    workdir = open_workdir(WORKDIR.value)
    if not is_workdir(check_workdir(workdir)):  # a run that goes on has its weights
        check_source(expand_path(config.model.weights))
    if STRATEGY.value == "multi_worker" or (STRATEGY.value == "auto" and count_workers() > 1):
        print("waiting until all workers have started")
    strategy = build_strategy(STRATEGY.value, LOGICAL_DEVICES.value)
    writes = is_chief(strategy)
    splits = [
        open_split(DATA_DIR.value, n) for n in (config.data.train_split, config.data.eval_split)
    ]
    for split in splits:
        require_labels(split)
        split.check(None if config.data.check else SAMPLE)
    if writes:
        quick_look(splits[0], config.data.train_split, read_augmentation(config.data).crop_size)
        quick_look(splits[1], config.data.eval_split)
        warning = overlap_warning(
            config.data.train_split, splits[0].names, config.data.eval_split, splits[1].names
        )
        if warning:
            print(f"{config.data.train_split}: warning: {warning}")
        if config.train.precision == "float32":
            cli.advise_precision("--config.train.precision=auto")
    else:
        print("the chief, which is the first worker, prints and writes")
    keras.utils.set_random_seed(config.train.seed)  # for the weights that start at random
    trainer = Trainer(config, splits[0], workdir, strategy)

    limit, panels = config.train.eval_limit, config.train.log_images
    validation = SplitEvaluation(
        splits[1], config.data.eval_split, limit, panels, progress=cli.progress_bar
    )
    try:
        trainer.run(validation)
    except RunInterruptedError as interruption:
        print(interruption)
        return 128 + interruption.number if FAIL_ON_SIGNAL.value else 0
    if writes:
        print(f"model: {workdir}/model.keras")
    return 0
