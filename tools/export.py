"""Exports a trained model as a SavedModel for TF Serving.

python tools/export.py --model=DIR/model.keras --output=EXPORT/1
"""

from absl import flags

from deeplab_tf import cli

MODEL = flags.DEFINE_string("model", None, "A .keras file.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Folder to write, MODEL/VERSION.", required=True)


def main():
    from deeplab_tf.export import export_saved_model
    from deeplab_tf.models.loading import load_model

    print(f"SavedModel: {export_saved_model(load_model(MODEL.value), OUTPUT.value)}")


if __name__ == "__main__":
    cli.run(main)
