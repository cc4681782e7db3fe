"""Times this library and its peers side by side, in turn, in one run.

python tools/benchmark.py --suite=crf --threads=2 --output=crf.json

--suite=crf takes images of scikit-image, and with --model and --data_dir also images of a
validation split with that network's logits. --suite=input reads the training split of --data_dir,
a folder in PASCAL VOC layout, and with --shards also the same as TFRecords. --suite=evaluate
takes the validation split of --data_dir and the network of --model. --suite=predict takes an image
of scikit-image from JPEG to label PNG through ResNet-101 ASPP-L and the CRF. --suite=tiles compares
tiles with whole images made of --data_dir's images under --model, and measures memory.
--suite=formats exports --model to LiteRT and ONNX and labels images of --data_dir with each.
--suite=serving exports --model, serves it to concurrent clients that send images of --data_dir,
and times what the way through SavedModel and server costs; needs the extra `serving`.
--suite=forward and --suite=train run --networks, with random weights, in float32 and bfloat16 on
images of --side pixels, --batch at once; --suite=train says the memory of a step too.
--suite=winograd compares a prototype of another convolution with TensorFlow's, --suite=operations
single operations with those that take their place in bfloat16. --suite=scaling counts what several
machines have to exchange in a step of every config of the zoo. --suite=memory follows the memory of
processes that label 300 images, each of another size.

`tools/benchmark_tables.py` puts the files of --output into docs/benchmarks.md.
"""

import itertools
import json
import sys
import tempfile
from pathlib import Path

from absl import flags

from deeplab_tf import cli

sys.path.append(str(Path(__file__).resolve().parents[1]))  # `benchmarks` is not installed
CAMVID = "../shared/data/camvid"
OUTPUT = cli.define_path_flag("output", "JSON file for the figures.")
OVERWRITE = cli.define_overwrite_flag()
THREADS = flags.DEFINE_integer("threads", 2, "Threads for TensorFlow and PyTorch.", lower_bound=1)
MODEL = cli.define_path_flag("model", "A .keras file.")
DATA_DIR = cli.define_path_flag(
    "data_dir",
    f"Data set that the model was made for; for --suite=input {CAMVID} if left out, which is "
    "converted to shards first where --shards is left out too.",
)
SHARDS = cli.define_path_flag("shards", "The data set of --suite=input as TFRecord shards.")
REQUESTS = flags.DEFINE_integer("requests", 500, "Requests of --suite=serving.", lower_bound=1)
NETWORKS = flags.DEFINE_list(
    "networks",
    "vgg16_large_fov,resnet101_aspp_l,resnet50_v1_5_v3plus,mobilenet_v2_v3plus",
    "Networks of --suite=forward and train, rows of benchmarks/precision_cases.py.",
)
SIDES = flags.DEFINE_multi_integer("side", [321, 513], "Side of images; may be repeated.", 1)
BATCHES = flags.DEFINE_multi_integer("batch", [1, 2, 4], "Images at once; may be repeated.", 1)
REPEATS = flags.DEFINE_integer("repeats", 5, "Runs of which the median counts.", lower_bound=1)


def main():
    import tensorflow as tf

    from benchmarks.machine import describe_machine
    from deeplab_tf.data.files import write_atomically
    from deeplab_tf.data.own_files import check_outputs, is_json_with

    if OUTPUT.value:
        check_outputs({Path(OUTPUT.value): is_json_with("suite")}, OVERWRITE.value)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS.value)
    figures = SUITES[SUITE.value]()
    results = {"suite": SUITE.value, "machine": describe_machine(), **figures}
    if OUTPUT.value:
        write_atomically(Path(OUTPUT.value), (json.dumps(results, indent=2) + "\n").encode())


def time_crf() -> dict:
    from benchmarks import crf, crf_cases
    from deeplab_tf.models.loading import load_model

    if (MODEL.value is None) != (DATA_DIR.value is None):
        raise ValueError("Give --model and --data_dir together.")
    cases = crf_cases.image_cases()
    if MODEL.value:
        trained = crf_cases.network_cases(load_model(MODEL.value), DATA_DIR.value)
        cases = itertools.chain(cases, trained)
    return crf.run(cases, REPEATS.value, THREADS.value)


def time_forward() -> dict:
    from benchmarks import forward

    return forward.run(NETWORKS.value, SIDES.value, BATCHES.value, REPEATS.value, THREADS.value)


def time_train() -> dict:
    from benchmarks import train_step

    return train_step.run(NETWORKS.value, SIDES.value, BATCHES.value, REPEATS.value, THREADS.value)


def time_input() -> dict:
    from benchmarks import input as input_benchmark
    from deeplab_tf.data.convert import convert

    if DATA_DIR.value or SHARDS.value:
        return input_benchmark.run(DATA_DIR.value or CAMVID, SHARDS.value, REPEATS.value)
    with tempfile.TemporaryDirectory() as shards:
        convert("camvid", CAMVID, shards, THREADS.value)
        return input_benchmark.run(CAMVID, shards, REPEATS.value)


def time_evaluate() -> dict:
    from benchmarks import evaluation

    model, split = _model_and_split()
    return evaluation.run(model, split, REPEATS.value)


def time_predict() -> dict:
    from benchmarks import image_to_labels

    return image_to_labels.run(REPEATS.value, THREADS.value)


def compare_tiles() -> dict:
    from benchmarks import large_images

    _model_and_split()  # the first figures take minutes
    return large_images.run(MODEL.value, DATA_DIR.value)


def compare_formats() -> dict:
    from benchmarks import formats

    model, _ = _model_and_split()
    return formats.run(MODEL.value, model, DATA_DIR.value, REPEATS.value, THREADS.value)


def time_serving() -> dict:
    from benchmarks import serving

    model, split = _model_and_split()
    return serving.run(model, split, REPEATS.value, REQUESTS.value)


def _require_model_and_data():
    if MODEL.value is None or DATA_DIR.value is None:
        raise ValueError(f"--suite={SUITE.value} needs --model and --data_dir.")


def _model_and_split():
    from deeplab_tf.data import open_split
    from deeplab_tf.models.loading import load_model

    _require_model_and_data()
    split = open_split(DATA_DIR.value, "val")
    return load_model(MODEL.value), split


def time_winograd() -> dict:
    from benchmarks import winograd

    return winograd.run(REPEATS.value)


def time_operations() -> dict:
    from benchmarks import operations

    return operations.run(REPEATS.value)


def count_scaling() -> dict:
    from benchmarks import scaling

    return scaling.run()


def follow_memory() -> dict:
    from benchmarks import memory

    return memory.run()


SUITES = {
    "crf": time_crf,
    "forward": time_forward,
    "train": time_train,
    "input": time_input,
    "evaluate": time_evaluate,
    "predict": time_predict,
    "tiles": compare_tiles,
    "formats": compare_formats,
    "serving": time_serving,
    "winograd": time_winograd,
    "operations": time_operations,
    "scaling": count_scaling,
    "memory": follow_memory,
}
SUITE = flags.DEFINE_enum("suite", None, list(SUITES), "What to time.", required=True)

if __name__ == "__main__":
    cli.run(main)
