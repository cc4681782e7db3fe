"""Collects what a report shows during an evaluation, then writes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.formatting import percent
from deeplab_tf.data.own_files import REPORT, is_png_of, is_text_with
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.plotting import require_report_extra
from deeplab_tf.data.split import Split, require_labels
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.report.best_and_worst import BestAndWorst
from deeplab_tf.evaluation.report.compare import load_comparisons, split_stages
from deeplab_tf.evaluation.report.examples import draw_example, encode_strip, stage_names

FILE_NAME = "report.html"


class Report:
    """A callback of `evaluate` that writes its results as an HTML page.

    Memory does not grow with the split: the matrices and twice `examples` drawn images. Needs the
    extra `report`.

    Args:
        split: what is evaluated.
        examples: how many of the best and of the worst images are shown.
        compare: `metrics.json` files of other evaluations to show beside this one.

    Raises:
        DataError: the split has no labels, or a file of `compare` is missing, broken or of other
            classes.
        ImportError: the extra `report` is not installed.

    Example:
        >>> import tempfile
        >>> from deeplab_tf.data import SyntheticSplit
        >>> from deeplab_tf.evaluation import evaluate
        >>> split = SyntheticSplit("val", examples=2)
        >>> report = Report(split)
        >>> predictor = deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
        >>> results = evaluate(predictor, split, callbacks=[report])
        >>> report.write(results, {"model": "untrained"}, tempfile.mkdtemp()).name
        'report.html'
    """

    def __init__(self, split: Split, examples: int = 5, compare: Sequence[str] = ()) -> None:
        require_report_extra("The report")
        require_labels(split)
        self._spec = split.spec
        self._compared = load_comparisons(compare, split.spec)
        self._examples, self._count = BestAndWorst(examples), examples
        self._matrices: dict[str, ConfusionMatrix] = {}

    def __call__(self, image: EvaluatedImage) -> None:
        """Counts an image and keeps it if it is one of the best or worst.

        They go by pixel accuracy, after the CRF if there is one. An image without a labelled
        pixel has none and is not shown.

        Args:
            image: with a label.
        """
        assert image.label is not None  # the split has labels
        matrices = {}
        for stage, prediction in zip(
            stage_names(len(image.predictions)), image.predictions, strict=True
        ):
            matrices[stage] = ConfusionMatrix(self._spec.num_classes, self._spec.ignore_label)
            matrices[stage].update(image.label, prediction)
            total = self._matrices.get(stage)
            self._matrices[stage] = matrices[stage] if total is None else total + matrices[stage]
        last = list(matrices.values())[-1]
        if last.matrix.any():
            self._examples.offer(
                last.pixel_accuracy(),
                lambda: draw_example(image, _metrics_text(matrices), self._spec),
            )

    def owners(self, output: str | os.PathLike) -> dict[Path, Callable[[Path], bool]]:
        """Returns what `write` may write into a folder, as `check_outputs` takes it.

        Args:
            output: the folder.
        """
        output = user_path(output)
        places = [(which, i) for which in ("best", "worst") for i in range(1, self._count + 1)]
        images = {_strip_file(output, *place): is_png_of(REPORT) for place in places}
        return {output / FILE_NAME: is_text_with(REPORT), **images}

    def write(
        self, results: Mapping[str, Any], settings: Mapping[str, str], output: str | os.PathLike
    ) -> Path:
        """Writes `report.html` and a PNG of every row of images.

        Args:
            results: the content of `metrics.json`.
            settings: what was run with what, by name; see `describe_run`.
            output: folder; images of an earlier report in it are removed.

        Returns:
            The page.
        """
        from deeplab_tf.evaluation.report.page import render_page  # needs the extra

        output = user_path(output)
        for old in filter(is_png_of(REPORT), output.glob("report-*.png")):
            old.unlink()
        examples = {"best": self._examples.best(), "worst": self._examples.worst()}
        for which, rows in examples.items():
            for place, example in enumerate(rows, start=1):
                write_atomically(_strip_file(output, which, place), encode_strip(example))
        page = render_page(
            [*split_stages("this run", results), *self._compared],
            self._matrices,
            {which.capitalize(): rows for which, rows in examples.items()},
            self._spec,
            settings,
        )
        write_atomically(output / FILE_NAME, page.encode("utf-8", "xmlcharrefreplace"))
        return output / FILE_NAME


def _strip_file(folder: Path, which: str, place: int) -> Path:
    return folder / f"report-{which}-{place}.png"


def _metrics_text(matrices: Mapping[str, ConfusionMatrix]) -> str:
    """Formats the metrics of one image, before and after the CRF."""
    accuracies = " → ".join(percent(matrix.pixel_accuracy()) for matrix in matrices.values())
    means = " → ".join(percent(matrix.mean_iou()) for matrix in matrices.values())
    return f"pixel accuracy {accuracies} %, mIoU of the image {means} %"
