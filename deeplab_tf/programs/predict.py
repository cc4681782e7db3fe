"""Labels images: writes an indexed PNG for every image, or other formats.

python tools/predict.py --model=DIR/model.keras --input=IMAGES --output=DIR --crf --overlay
python tools/predict.py --model=DIR/model.keras --input=IMAGES --output=DIR --format=color,coco
"""

import functools

from absl import flags

from deeplab_tf import cli

MODEL = cli.define_path_flag("model", "A .keras file.", required=True)
INPUT = cli.define_path_flag("input", "An image, a folder or a pattern.", required=True)
OUTPUT = cli.define_path_flag("output", "Folder for the label PNGs.", required=True)
OVERLAY = flags.DEFINE_bool("overlay", False, "Also write the image with its labels over it.")
FORMAT = flags.DEFINE_list(
    "format",
    None,
    "What is written, some of png,color,overlay,confidence,npz,coco,labelme; unset, png.",
)
CLASSES = flags.DEFINE_list(
    "classes", None, "Names of the classes to write; pixels of others become void. Unset, all."
)
RESUME = flags.DEFINE_bool("resume", False, "Leave out images whose outputs are there already.")
OVERWRITE = cli.define_overwrite_flag()
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags()


def main() -> int | None:
    from deeplab_tf.evaluation.predict_files import predict_files
    from deeplab_tf.evaluation.prediction_formats import check_formats
    from deeplab_tf.evaluation.prediction_jobs import jobs_to_do, plan_jobs
    from deeplab_tf.models.loading import load_model

    names = ["png"] if FORMAT.value is None else FORMAT.value
    formats = check_formats([*names, "overlay"] if OVERLAY.value else names)
    planned = plan_jobs(INPUT.value, OUTPUT.value, formats)
    jobs = jobs_to_do(planned, formats, RESUME.value, OVERWRITE.value)
    if RESUME.value:
        print(f"{len(planned) - len(jobs)} of {len(planned)} images were labelled before")
    model = load_model(MODEL.value)
    bar = functools.partial(cli.progress_bar, total=len(jobs))
    predictor = cli.build_predictor(model, CRF.value, PREDICTION)
    problems = predict_files(predictor, model.spec, jobs, formats, bar, CLASSES.value, RESUME.value)
    return cli.print_labelled(problems, len(jobs), OUTPUT.value)
