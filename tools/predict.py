"""Labels photos: writes an indexed PNG for every picture.

python tools/predict.py --model=DIR/model.keras --input=PHOTOS --output=DIR --crf --overlay
"""

import functools

from absl import flags

from deeplab_tf import cli

MODEL = flags.DEFINE_string("model", None, "A .keras file.", required=True)
INPUT = flags.DEFINE_string("input", None, "A picture, a folder or a pattern.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Folder for the label PNGs.", required=True)
OVERLAY = flags.DEFINE_bool("overlay", False, "Also write the picture with its labels over it.")
RESUME = flags.DEFINE_bool("resume", False, "Leave out pictures whose outputs are there already.")
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags()


def main():
    from deeplab_tf.evaluation.predict import plan_jobs, predict_files
    from deeplab_tf.models.loading import load_model

    jobs = plan_jobs(INPUT.value, OUTPUT.value)
    if RESUME.value:
        found, jobs = len(jobs), [job for job in jobs if not job.is_finished(OVERLAY.value)]
        print(f"{found - len(jobs)} of {found} pictures were labelled before")
    model = load_model(MODEL.value)
    bar = functools.partial(cli.progress_bar, total=len(jobs))
    predictor = cli.build_predictor(model, CRF.value, PREDICTION)
    problems = predict_files(predictor, model.spec, jobs, OVERLAY.value, bar)
    return cli.tell_labelled(problems, len(jobs), OUTPUT.value)


if __name__ == "__main__":
    cli.run(main)
