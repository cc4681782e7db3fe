"""Exports a trained model as a SavedModel for TF Serving.

python tools/export.py --model=DIR/model.keras --output=EXPORT/1 --crf
"""

from absl import flags

from deeplab_tf import cli

MODEL = flags.DEFINE_string("model", None, "A .keras file.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Folder to write, MODEL/VERSION.", required=True)
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags(tiles=False)


def main():
    from deeplab_tf.export import export_saved_model
    from deeplab_tf.models.loading import load_model

    predictor = cli.build_predictor(load_model(MODEL.value), CRF.value, PREDICTION)
    print(f"SavedModel: {export_saved_model(predictor, OUTPUT.value)}")


if __name__ == "__main__":
    cli.run(main)
