"""`deeplab predict-beam` from a checkout; deeplab_tf/programs/predict_beam.py is the program."""

from deeplab_tf.cli import run_program

if __name__ == "__main__":
    run_program("predict_beam")
