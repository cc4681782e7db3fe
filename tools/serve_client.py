"""`deeplab serve-client` from a checkout; deeplab_tf/programs/serve_client.py is the program."""

from deeplab_tf.cli import run_program

if __name__ == "__main__":
    run_program("serve_client")
