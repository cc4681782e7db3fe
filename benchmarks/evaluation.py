"""What the evaluation of a split costs on top of labelling its images."""

from __future__ import annotations

import statistics
import tempfile

from benchmarks.timing import seconds_of
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.evaluate import evaluate
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.submission import SubmissionWriter

IMAGES = 15
ROW = "{:<14}{:>12}{:>14}{:>12}"


def run(model, split: Split, repeats: int) -> dict:
    """Times `evaluate` with all logits and writing against bare calls, in turn.

    The bare calls get images that lie decoded in memory; `evaluate` reads them from the disk,
    logits with trimaps and boundary IoU and writes a PNG of every prediction.

    Args:
        model: a DeepLab.
        split: labelled images of the model's data set.
        repeats: rounds; the median of their ratios counts.

    Returns:
        For no CRF and the default CRF: seconds an image of both and `overhead`, a share.
    """
    images = [example["image"].numpy() for example in evaluation_dataset(split, IMAGES)]
    print(f"{len(images)} images, median of {repeats} rounds")
    print(ROW.format("", "bare, s", "evaluate, s", "overhead"))
    results = {}
    for name, crf in (("without CRF", None), ("with CRF", {})):
        predictor = Predictor(model, crf=crf)
        for image in images[:2]:  # the first call traces, the second may still allocate
            predictor.predict_stages(image)
        pairs = [_time_round(predictor, split, images) for _ in range(repeats)]
        bare, whole = (statistics.median(times) / len(images) for times in zip(*pairs, strict=True))
        overhead = statistics.median(second / first for first, second in pairs) - 1
        results[name] = {"bare": bare, "evaluate": whole, "overhead": overhead}
        print(ROW.format(name, f"{bare:.3f}", f"{whole:.3f}", f"{100 * overhead:+.1f} %"))
    return results


def _time_round(predictor: Predictor, split: Split, images: list) -> tuple[float, float]:
    """Returns the seconds of the bare calls and of `evaluate`.

    The bare calls are halved around `evaluate`, so that a drift of the machine hits both alike.
    """
    half = len(images) // 2
    with tempfile.TemporaryDirectory() as folder:
        write = SubmissionWriter("voc", split.spec, folder)
        logits = {"trimap": "label_edges", "boundary": True}
        first = seconds_of(lambda: [predictor.predict_stages(image) for image in images[:half]])
        whole = seconds_of(
            lambda: evaluate(predictor, split, len(images), callbacks=[write], **logits)
        )
        last = seconds_of(lambda: [predictor.predict_stages(image) for image in images[half:]])
    return first + last, whole
