"""Collects what a report shows during an evaluation, then writes it."""

from __future__ import annotations

import bisect
import datetime
import os
import platform
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import add
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import file_hash, write_atomically
from deeplab_tf.data.own_files import REPORT, is_png_of, is_text_with
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.plotting import require_report_extra
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.split import Split, require_labels
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.report.compare import load_comparisons, split_stages
from deeplab_tf.evaluation.side_by_side import encode_side_by_side

_PAGE, _STRIP = "report.html", "report-{}-{}.png"


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
        self._spec, self._count = split.spec, examples
        self._compared = load_comparisons(compare, split.spec)
        self._matrices: list[ConfusionMatrix] = []  # one a stage
        self._kept: list[dict[str, Any]] = []  # the worst first

    def __call__(self, image: EvaluatedImage) -> None:
        """Counts an image and keeps it if it is one of the best or worst.

        They go by pixel accuracy, after the CRF if there is one. An image without a labelled
        pixel has none and is not shown.

        Args:
            image: with a label.
        """
        from deeplab_tf.evaluation.report.page import draw_images  # needs the extra

        assert image.label is not None  # the split has labels
        matrices = []
        for prediction in image.predictions:
            matrices.append(ConfusionMatrix(self._spec.num_classes, self._spec.ignore_label))
            matrices[-1].update(image.label, prediction)
        self._matrices = [*map(add, self._matrices, matrices)] if self._matrices else matrices
        example: dict[str, Any] = {
            "name": image.name,
            "accuracies": [matrix.pixel_accuracy() for matrix in matrices],
            "mean_ious": [matrix.mean_iou() for matrix in matrices],
        }
        if not matrices[-1].matrix.any():
            return
        bisect.insort(self._kept, example, key=lambda kept: kept["accuracies"][-1])
        is_full = len(self._kept) > 2 * self._count
        # What is in the middle is neither among the best nor among the worst.
        if not is_full or self._kept.pop(self._count) is not example:
            example["images"] = draw_images(image, self._spec)

    def owners(self, output: str | os.PathLike) -> dict[Path, Callable[[Path], bool]]:
        """Returns what `write` may write into a folder, as `check_outputs` takes it.

        Args:
            output: the folder.
        """
        output, places = user_path(output), range(1, self._count + 1)
        strips = [output / _STRIP.format(which, i) for which in ("best", "worst") for i in places]
        return {output / _PAGE: is_text_with(REPORT), **dict.fromkeys(strips, is_png_of(REPORT))}

    @property
    def examples(self) -> dict[str, list[dict[str, Any]]]:
        """The `best` and the `worst` images, from the outside in: accuracies, and images drawn."""
        half = len(self._kept) // 2  # of few images none is shown twice
        return {"best": self._kept[half:][::-1], "worst": self._kept[:half]}

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
        from deeplab_tf.evaluation.report.page import render_page

        output = user_path(output)
        for old in filter(is_png_of(REPORT), output.glob("report-*.png")):
            old.unlink()
        examples = self.examples
        for which, rows in examples.items():
            for place, example in enumerate(rows, start=1):
                strip = encode_side_by_side(example["images"].values(), REPORT)
                write_atomically(output / _STRIP.format(which, place), strip)
        columns = [*split_stages("this run", results), *self._compared]
        page = render_page(
            columns, self._matrices, self._spec, examples=examples, settings=settings
        )
        write_atomically(output / _PAGE, page.encode("utf-8", "xmlcharrefreplace"))
        return output / _PAGE


def describe_run(
    command: Sequence[str],
    model_file: str | os.PathLike,
    predictor: Predictor,
    spec: DatasetSpec,
    data_dir: str | os.PathLike,
) -> dict[str, str]:
    """Describes what an evaluation was run with, for the last section of a report.

    Args:
        command: program and arguments.
        model_file: the `.keras` file.
        predictor: made from it.
        spec: the data set.
        data_dir: where its images are.

    Returns:
        Text by name: command line, model and its SHA-256, data set, CRF parameters, versions.

    Raises:
        OSError: the model's file cannot be read.
    """
    network = predictor.model.get_config()
    crf = predictor.crf.parameters.to_dict() if predictor.crf else {}
    return {
        "date": datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        "command line": shlex.join(command),
        "model": str(model_file),
        "SHA-256 of the model": file_hash(model_file),
        "network": _listed(network, ("backbone", "head", "output_stride", "width", "scales")),
        "prediction": _listed(vars(predictor), ("scales", "flip", "fusion", "tile", "pad_to")),
        "data set": f"{spec.name}, {spec.num_classes} classes, {data_dir}",
        "CRF": _listed(crf, crf) or "none",
        "TensorFlow": tf.__version__,
        "Keras": keras.__version__,
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.platform()}",
    }


def _listed(values: Mapping[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {values[name]}" for name in names)
