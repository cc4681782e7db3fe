"""`deeplab train` from a checkout; deeplab_tf/programs/train.py is the program."""

from deeplab_tf.cli import run_program

if __name__ == "__main__":
    run_program("train")
