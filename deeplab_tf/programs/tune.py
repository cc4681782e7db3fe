"""Finds the CRF's parameters for a trained model: w1, sigma alpha, sigma beta.

    python tools/tune_crf.py --model=RUN/model.keras --data_dir=DATA --output=crf.json

searches for the best mIoU on some images of a split, and evaluates the result on others. OUTPUT is
what --crf=FILE.json takes; all candidates and metrics are in crf.report.json beside it. After a
kill the same command goes on from crf.search/, which can be removed at the end.
"""

import os
from pathlib import Path

from absl import flags

from deeplab_tf import cli
from deeplab_tf.tuning.search import GRIDS

MODEL = cli.define_model_flag()
DATA_DIR = cli.define_data_dir_flag()
SPLIT = cli.define_text_flag("split", "val", "Name of the split to tune on.")
LIMIT = flags.DEFINE_integer("limit", 100, "Tune on so many images, spread evenly.", lower_bound=1)
CANDIDATES = flags.DEFINE_integer("candidates", 64, "Try so many candidates.", lower_bound=1)
OUTPUT = cli.define_path_flag("output", "JSON file for the parameters.", required=True)
OVERWRITE = cli.define_overwrite_flag()
GRID = flags.DEFINE_enum("grid", "v2", list(GRIDS), "Ranges to search: those of v1 or v2.")
HELD_OUT = flags.DEFINE_integer(
    "held_out", None,
    "Keep so many images out of the tuning and evaluate the result on them; unset, what --limit "
    "leaves, up to as many as are tuned on.",
    lower_bound=1,
)  # fmt: skip
HELD_OUT_SPLIT = cli.define_text_flag(
    "held_out_split", None, "Take the images to be held out from this split instead."
)
WORKERS = flags.DEFINE_integer(
    "workers", os.cpu_count() or 1, "Refine so many images at a time; fewer take less memory.",
    lower_bound=1,
)  # fmt: skip
START = cli.define_path_flag(
    "start", "JSON file of CRF parameters to start from; unset, those that the model carries."
)


def main() -> None:
    import tensorflow as tf

    from deeplab_tf.crf import CrfParameters
    from deeplab_tf.data import open_split
    from deeplab_tf.data.own_files import check_outputs
    from deeplab_tf.pretrained.open_network import network_file, open_network
    from deeplab_tf.tuning.cached_logits import CachedLogits
    from deeplab_tf.tuning.resumable_search import search_folder
    from deeplab_tf.tuning.run import choose_images, tune, tuning_owners
    from deeplab_tf.tuning.summary import format_tuning

    output = Path(OUTPUT.value)
    if output.suffix != ".json":
        raise ValueError(f"--output={output}: the file's name must end in .json.")
    check_outputs(tuning_owners(output), OVERWRITE.value)
    # Images are computed side by side, see CandidateEvaluator.
    threads = max(1, (os.cpu_count() or 1) // WORKERS.value)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    names = SPLIT.value, HELD_OUT_SPLIT.value or SPLIT.value
    splits = [open_split(DATA_DIR.value, name) for name in names]
    for split in {split.split: split for split in splits}.values():
        split.check(LIMIT.value)
    chosen = choose_images(splits[0], LIMIT.value, splits[1], HELD_OUT.value)
    model = open_network(MODEL.value)
    given = START.value
    start = CrfParameters.load(given) if given else CrfParameters.from_dict(model.crf or {})
    folder = search_folder(
        output, network_file(MODEL.value), DATA_DIR.value, splits[0], chosen[0], start
    )
    tuning, held_out = (
        CachedLogits(model, split, indices, folder, cli.progress_bar, WORKERS.value)
        for split, indices in zip(splits, chosen, strict=True)
    )
    report = tune(
        output, tuning, held_out, start, folder, cli.progress_bar, WORKERS.value,
        grid=GRID.value, budget=CANDIDATES.value,
    )  # fmt: skip
    print(format_tuning(report))
    print(f"{len(report['candidates'])} candidates in {report['seconds']:.0f} s: {output}")
