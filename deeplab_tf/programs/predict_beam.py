"""Labels images on a cluster by Apache Beam: label PNGs, or shards of TFRecord or Parquet.

python tools/predict_beam.py --model=RUN/model.keras --input=IMAGES --output=OUT --crf
python tools/predict_beam.py --model=RUN/model.keras --input=LIST.txt --output=OUT/a \
  --format=parquet
python tools/predict_beam.py --model=RUN/model.keras --input=IMAGES --output=OUT -- \
  --direct_running_mode=multi_processing --direct_num_workers=2

Behind -- are the options of Beam and its runners, such as --runner=FlinkRunner; docs/beam.md has
more. Without any, one process of this machine does the work.
"""

from collections.abc import Sequence

from absl import flags

from deeplab_tf import cli

MODEL = cli.define_place_flag("model", "A .keras file, or preset:NAME.", required=True)
INPUT = cli.define_place_flag(
    "input",
    "Images: a file, a folder or a pattern; a text file with one path a line; or Parquet files "
    "with a column path or bytes, and maybe id.",
    required=True,
)
OUTPUT = cli.define_place_flag(
    "output",
    "Folder for label PNGs; of other formats how paths begin: DIR/labels-00000-of-00008.parquet.",
    required=True,
)
FORMAT = flags.DEFINE_enum(
    "format", "png", ["png", "tfrecord", "parquet"],
    "A label PNG for every image, or shards of run lengths, shares of classes and confidence.",
)  # fmt: skip
IMAGES_PER_SHARD = flags.DEFINE_integer(
    "images_per_shard", 128, "Images that one worker labels at a time, at most.", lower_bound=1
)
RESUME = flags.DEFINE_bool(
    "resume", False, "Leave out label PNGs, or shards, that an earlier run has finished."
)
OVERWRITE = cli.define_overwrite_flag()
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags()


def main(beam_words: Sequence[str] = ()) -> int:
    from deeplab_tf.evaluation.beam import storage
    from deeplab_tf.evaluation.beam.beam_options import pipeline_options
    from deeplab_tf.evaluation.beam.plan_run import plan_run
    from deeplab_tf.evaluation.beam.worker_predictor import WorkerPredictor
    from deeplab_tf.pretrained.open_network import open_network

    plan = plan_run(
        INPUT.value, OUTPUT.value, FORMAT.value, IMAGES_PER_SHARD.value, RESUME.value,
        OVERWRITE.value,
    )  # fmt: skip
    if beam_words:
        pipeline_options(beam_words)  # a mistake is told before the model is loaded
    with storage.local_copy(MODEL.value) as file:
        predictor = cli.build_predictor(open_network(file), CRF.value, PREDICTION)
    description = plan.describe(predictor)
    worker_predictor = WorkerPredictor(
        storage.place(MODEL.value),
        {
            **cli.prediction_options(PREDICTION),
            # Not what --precision=auto would be on every machine.
            "precision": predictor.model.backbone.compute_dtype,
            "crf": cli.crf_parameters(CRF.value, predictor.model),
        },
        description["predictor"],
    )
    options = pipeline_options(beam_words)
    plan.start(description)
    from deeplab_tf.evaluation.beam.beam_pipeline import run_pipeline

    print(f"{len(plan.images.names)} images in {len(plan.shards)} shards")
    totals = run_pipeline(
        plan.shards, worker_predictor, plan.files.for_workers(), options,
        resume=RESUME.value, description=description,
    )  # fmt: skip
    if totals is None:
        print(f"done: {OUTPUT.value}; the runner does not count what was labelled")
        return 0
    print(f"{totals}, {totals.pixels} pixels: {OUTPUT.value}")
    if totals.broken:
        print(f"{totals.broken} dead letters: {plan.files.all_dead_letters}")
    if totals.broken and not totals.labelled + totals.skipped:
        cli.complain("error: no image could be labelled; the dead letters say why")
        return 1
    return 0
