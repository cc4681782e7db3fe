"""`deeplab import-weights` from a checkout; the program is in deeplab_tf/programs/."""

from deeplab_tf.cli import run_program

if __name__ == "__main__":
    run_program("import_weights")
