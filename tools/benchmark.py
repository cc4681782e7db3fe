"""Times this library and its peers side by side, in turn, in one run.

python tools/benchmark.py --suite=crf --threads=2 --output=crf.json
"""

import json
from pathlib import Path

from absl import flags

from deeplab_tf import cli

SUITE = flags.DEFINE_enum("suite", None, ["crf"], "What to time.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "JSON file for the figures.")
THREADS = flags.DEFINE_integer("threads", 2, "Threads for TensorFlow.", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 5, "Runs of which the median counts.", lower_bound=1)


def main():
    import tensorflow as tf

    from deeplab_tf.benchmarks import crf
    from deeplab_tf.data.files import write_atomically

    tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS.value)
    results = crf.run(REPEATS.value)
    if OUTPUT.value:
        text = json.dumps({"threads": THREADS.value, **results}, indent=2) + "\n"
        write_atomically(Path(OUTPUT.value), text.encode())


if __name__ == "__main__":
    cli.run(main)
