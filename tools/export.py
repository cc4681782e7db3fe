"""Exports a trained model as a SavedModel for TF Serving, and checks that it answers alike.

python tools/export.py --model=DIR/model.keras --output=EXPORT/1 --crf
"""

from absl import flags

from deeplab_tf import cli

MODEL = flags.DEFINE_string("model", None, "A .keras file.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Folder to write, MODEL/VERSION.", required=True)
MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels",
    None,
    "Largest height times width of an encoded picture; larger ones are refused before they are "
    "decoded. Unset, 2 megapixels, divided by the square of the largest of --scales above 1.",
    lower_bound=1,
)
VERIFY_ON = flags.DEFINE_string(
    "verify_on",
    None,
    "Picture, folder or quoted pattern on which the SavedModel has to agree with the model; "
    "unset, five embedded pictures.",
)
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags(tiles=False)


def main():
    from deeplab_tf.export import export_saved_model
    from deeplab_tf.models.loading import load_model

    predictor = cli.build_predictor(load_model(MODEL.value), CRF.value, PREDICTION)
    folder = export_saved_model(predictor, OUTPUT.value, MAX_PIXELS.value, VERIFY_ON.value)
    print(f"SavedModel: {folder}")


if __name__ == "__main__":
    cli.run(main)
