"""`deeplab demo` from a checkout; deeplab_tf/programs/demo.py is the program."""

from deeplab_tf.cli import run_program

if __name__ == "__main__":
    run_program("demo")
