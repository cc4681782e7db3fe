r"""Exports a trained model: for TF Serving, for LiteRT or as ONNX; checks that its labels agree.

python tools/export.py --model=DIR/model.keras --output=EXPORT/1 --crf
python tools/export.py --model=DIR/model.keras --output=model.onnx --format=onnx
python tools/export.py --model=DIR/model.keras --output=model.tflite --format=litert \
  --size=360x480 --precision=int8 --calibrate_on=DATA
python tools/export.py --model=DIR/model.keras --output=NAME.weights.h5 --format=weights
"""

import re

from absl import flags

from deeplab_tf import cli
from deeplab_tf.cli.table_keys import table_keys

MODEL = cli.define_model_flag()
OUTPUT = cli.define_path_flag(
    "output",
    "What is written: for saved_model a folder, MODEL/VERSION; else a file with the format's "
    "ending, .tflite, .onnx or .weights.h5.",
    required=True,
)
FORMAT = flags.DEFINE_enum(
    "format", "saved_model", table_keys("deeplab_tf.export.formats", "FORMATS"), "What to write."
)
# Argument of the functions in FORMATS -> its flag.
OPTIONS = {
    "max_pixels": flags.DEFINE_integer(
        "max_pixels",
        None,
        "Largest height times width of an encoded image; larger ones are refused before they "
        "are decoded. Unset, 2 megapixels over the square of the largest of --scales above 1.",
        lower_bound=1,
    ),
    "size": cli.define_text_flag(
        "size", None, "HEIGHTxWIDTH of all images; needed for litert, unset onnx takes any."
    ),
    "precision": flags.DEFINE_enum(
        "precision",
        "float32",
        ["float32", "float16", "bfloat16", "int8"],
        "bfloat16 (saved_model) computes in it, fast on processors that do; of litert it is the "
        "format of the weights: float16, or int8 in whole numbers, which needs --calibrate_on.",
    ),
    "calibrate_on": cli.define_path_flag(
        "calibrate_on",
        "Data set, or the word synthetic, whose training images show int8 the range of values.",
    ),
    "verify_on": cli.define_path_flag(
        "verify_on",
        "Image, folder or quoted pattern on which the export has to agree with the model; "
        "unset, five images of --calibrate_on's split val, or embedded ones.",
    ),
    "least_equal_labels": flags.DEFINE_float(
        "min_agreement",
        None,
        "Share of labels that has to be equal; unset, the format's own.",
        lower_bound=0,
        upper_bound=1,
    ),
    "overwrite": cli.define_overwrite_flag(),
}
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags(tiles=False, precision=False)


def main() -> None:
    from deeplab_tf.export.formats import FORMATS
    from deeplab_tf.pretrained.open_network import open_network

    options = _given_options()
    predictor = cli.build_predictor(open_network(MODEL.value), CRF.value, PREDICTION)
    kind = FORMATS[FORMAT.value]
    print(f"{kind.title}: {kind.write(predictor, OUTPUT.value, **options)}")


def _given_options() -> dict:
    from deeplab_tf.export.formats import FORMATS

    options = {name: flag.value for name, flag in OPTIONS.items() if flag.present}
    taken = FORMATS[FORMAT.value].options
    for name in options:
        if name not in taken:
            fitting = [kind for kind in FORMATS if name in FORMATS[kind].options]
            raise ValueError(f"--{OPTIONS[name].name} belongs to --format={' and '.join(fitting)}.")
    if "size" in options:
        sides = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", options["size"])
        if not sides:
            raise ValueError(f"--size={options['size']} is not HEIGHTxWIDTH, such as 360x480.")
        options["size"] = tuple(map(int, sides.groups()))
    elif taken.get("size"):
        raise ValueError(f"--format={FORMAT.value} needs --size=HEIGHTxWIDTH, such as 360x480.")
    return options
