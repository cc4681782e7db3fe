"""`deeplab merge-metrics` from a checkout; deeplab_tf/programs/merge_metrics.py is the program."""

from deeplab_tf.cli import run_program

if __name__ == "__main__":
    run_program("merge_metrics")
