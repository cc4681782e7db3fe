"""Evaluates a trained model on a split, before and after the CRF in one pass.

    python tools/evaluate.py --workdir=DIR --data_dir=DATA --split=val --crf

With --report, also writes a page for people. With --submission, also writes the labels as a
benchmark's server takes them; a split without labels is then labelled and not evaluated. With
--shard=2/8, evaluates the second of eight parts of the split; merge_metrics.py merges them.
"""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags

from deeplab_tf import cli
from deeplab_tf.evaluation.confusion import ABSENT_RULES
from deeplab_tf.evaluation.trimap import TRIMAP_SOURCES

WORKDIR = cli.define_path_flag(
    "workdir", "Folder of a training run; takes its model.keras.",
    missing="no such folder. tools/train.py makes it",
)  # fmt: skip
MODEL = cli.define_model_flag(
    "A .keras file, a work directory or preset:NAME, instead of --workdir.", required=False
)
DATA_DIR = cli.define_data_dir_flag()
SPLIT = cli.define_text_flag("split", "val", "Name of the split.")
LIMIT = flags.DEFINE_integer("limit", None, "So many images only, spread evenly.", lower_bound=1)
SHARD = cli.define_shard_flag()
OUTPUT = cli.define_path_flag(
    "output",
    "Folder for metrics.json; if left out WORKDIR/eval-SPLIT, of a shard ...-SPLIT-2-of-8.",
)
OVERWRITE = cli.define_overwrite_flag()
SUBMISSION = flags.DEFINE_enum(
    "submission", None, ["voc", "cityscapes"],
    "Also write what the benchmark's server takes, below OUTPUT/results.",
)  # fmt: skip
TRIMAP_FROM = flags.DEFINE_enum(
    "trimap_from", None, TRIMAP_SOURCES,
    "Also evaluate the pixels within 1 to 40 pixels of void (as DeepLab's authors do on VOC) "
    "or of edges between labels.",
)  # fmt: skip
BOUNDARY = flags.DEFINE_bool("boundary", False, "Also measure the boundary IoU.")
ABSENT = flags.DEFINE_enum(
    "absent", "exclude", ABSENT_RULES,
    "What a class in neither labels nor predictions counts as in means; docs/evaluation.md.",
)  # fmt: skip
REPORT = flags.DEFINE_bool(
    "report", False, "Also write OUTPUT/report.html: metrics, charts, best and worst images."
)
CARD = cli.define_path_flag(
    "card",
    "Work directory of the training: also write OUTPUT/card.md, a model card, and its images.",
    missing="no such folder. tools/train.py makes it",
)
CARD_NOTES = cli.define_path_flag(
    "card_notes", "Markdown file for the end of the card: limits, licences.", missing="no such file"
)
COMPARE = cli.define_paths_flag(
    "compare", "A metrics.json to show beside this one in the report; may be repeated."
)
CRF = cli.define_crf_flag()
PREDICTION = cli.define_prediction_flags()


def main() -> None:
    from deeplab_tf.data import open_split
    from deeplab_tf.data.own_files import check_outputs
    from deeplab_tf.data.pipeline import spread_evenly
    from deeplab_tf.data.split_shard import items_of_shard
    from deeplab_tf.evaluation.evaluate import EvaluatedImage, evaluate, format_table
    from deeplab_tf.evaluation.metrics_file import FILE_NAME, is_metrics_file, write_metrics
    from deeplab_tf.evaluation.report import Report, describe_run
    from deeplab_tf.evaluation.submission import SubmissionWriter
    from deeplab_tf.models.model_step import newer_checkpoint
    from deeplab_tf.pretrained.open_network import network_file, open_network
    from deeplab_tf.pretrained.trained_presets import preset_of

    if COMPARE.value and not REPORT.value:
        raise ValueError("--compare adds to the report; give --report too.")
    if CARD_NOTES.value and not CARD.value:
        raise ValueError("--card_notes is for the end of a card; give --card too.")
    if (WORKDIR.value is None) == (MODEL.value is None):
        raise ValueError("Give either --workdir or --model.")
    model_file = MODEL.value or f"{WORKDIR.value}/model.keras"
    if preset_of(model_file) and not OUTPUT.value:
        raise ValueError(f"--model={model_file} lies in no folder of yours; give --output too.")
    newer = newer_checkpoint(WORKDIR.value) if WORKDIR.value else None
    if newer:
        raise ValueError(
            f"{WORKDIR.value}: {newer}. Run tools/train.py to the end, or give "
            f"--model={model_file} to evaluate the earlier model."
        )
    of_shard = "-{}-of-{}".format(*SHARD.value) if SHARD.value else ""
    beside = Path(model_file) if Path(model_file).is_dir() else Path(model_file).parent
    output = Path(OUTPUT.value or beside / f"eval-{SPLIT.value}{of_shard}")
    split = open_split(DATA_DIR.value, SPLIT.value)
    chosen = items_of_shard(spread_evenly(len(split), LIMIT.value), SHARD.value)
    metrics_file = output / FILE_NAME
    callbacks: list[Callable[[EvaluatedImage], object]] = []
    owners = {metrics_file: is_metrics_file}
    if SUBMISSION.value:
        submission = SubmissionWriter(SUBMISSION.value, split.spec, output)
        callbacks.append(submission)
        owners |= submission.owners(split.names[i] for i in chosen)
    report = Report(split, compare=COMPARE.value) if REPORT.value or CARD.value else None
    if report:
        callbacks.append(report)
    if report and REPORT.value:
        owners |= report.owners(output)
    if CARD.value:
        from deeplab_tf.evaluation.report import model_card  # needs the extra, which Report checks

        owners |= model_card.owners(output)
    check_outputs(owners, OVERWRITE.value)
    if CARD.value:
        training = model_card.read_training(CARD.value)
        notes = Path(CARD_NOTES.value).read_text(encoding="utf-8") if CARD_NOTES.value else ""
    split.check(LIMIT.value)
    predictor = cli.build_predictor(open_network(model_file), CRF.value, PREDICTION)
    results = evaluate(
        predictor, split, LIMIT.value, cli.progress_bar, callbacks, SHARD.value,
        trimap=TRIMAP_FROM.value, boundary=BOUNDARY.value, absent=ABSENT.value,
    )  # fmt: skip
    results = {"split": SPLIT.value, **results}
    if split.labelled:
        print(format_table(results))
    write_metrics(results, metrics_file)
    if report and REPORT.value:
        settings = describe_run(
            sys.argv, network_file(model_file), predictor, split.spec, DATA_DIR.value
        )
        page = report.write(results, settings, output)
        print(f"report: {page}")
    if report and CARD.value:
        card = model_card.write_card(
            results, report.examples, split.spec, training, output, shlex.join(sys.argv), notes
        )
        print(f"card: {card}")
    if SUBMISSION.value:
        print(f"submission: {submission.folder}")
    print(f"{results['images']} images in {results['seconds']:.0f} s: {metrics_file}")
