"""Labels images, videos and GeoTIFF files: writes an indexed PNG for every image, or other formats.

python tools/predict.py --model=DIR/model.keras --input=IMAGES --output=DIR --crf --overlay
python tools/predict.py --model=DIR/model.keras --input=IMAGES --output=DIR --format=color,coco
python tools/predict.py --model=DIR/model.keras --input=VIDEO.mp4 --output=DIR
python tools/predict.py --model=DIR/model.keras --input=AERIAL.tif --output=DIR --bands=3,2,1
"""

from absl import flags

from deeplab_tf import cli

MODEL = cli.define_model_flag()
INPUT = cli.define_input_flag("An image, a video, a GeoTIFF, a folder or a pattern.")
OUTPUT = cli.define_path_flag("output", "Folder for what is written.", required=True)
OVERLAY = flags.DEFINE_bool("overlay", False, "Also write the image with its labels over it.")
FORMAT = flags.DEFINE_list(
    "format",
    None,
    "What is written, some of png,color,overlay,confidence,npz,coco,labelme; unset, png. Of "
    "videos overlay or color, unset overlay; of GeoTIFF files geotiff.",
)
CLASSES = flags.DEFINE_list(
    "classes", None, "Names of the classes to write; pixels of others become void. Unset, all."
)
BANDS = flags.DEFINE_list(
    "bands", None, "Bands of a GeoTIFF for red, green and blue, from 1, such as 3,2,1."
)
RESUME = flags.DEFINE_bool("resume", False, "Leave out images whose outputs are there already.")
OVERWRITE = cli.define_overwrite_flag()
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags()


def main() -> int | None:
    from deeplab_tf.evaluation.geotiffs.geotiff_formats import parse_bands
    from deeplab_tf.evaluation.media import media_with
    from deeplab_tf.evaluation.predict_media import check_bands, name_of_all, predict_media
    from deeplab_tf.evaluation.prediction_jobs import jobs_to_do, plan_media
    from deeplab_tf.pretrained.open_network import open_network

    bands = parse_bands(BANDS.value)
    plans, planned = [], 0
    for plan in plan_media(
        INPUT.value,
        OUTPUT.value,
        lambda medium: medium.choose(FORMAT.value, OVERLAY.value),
        media_with(bands),
    ):
        jobs = jobs_to_do(plan.jobs, plan.formats, RESUME.value, OVERWRITE.value)
        plans.append(plan._replace(jobs=jobs))
        planned += len(plan.jobs)
    check_bands(bands, plans)
    left = sum(len(plan.jobs) for plan in plans)
    what = name_of_all(plans)
    if RESUME.value:
        print(f"{planned - left} of {planned} {what} were labelled before")
    model = open_network(MODEL.value)
    predictor = cli.build_predictor(model, CRF.value, PREDICTION)
    problems = predict_media(
        predictor, model.spec, plans, CLASSES.value, RESUME.value, bands, cli.progress_bar
    )
    return cli.print_labelled(problems, left, OUTPUT.value, what)
