"""Compares the light formats: equal labels, bytes, time."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.timing import time_in_turn
from deeplab_tf.data.class_mapping import class_mapping
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.split import open_split
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.litert import LEAST_EQUAL_LABELS, LiteRtLabeller, export_litert
from deeplab_tf.export.onnx import OnnxLabeller, export_onnx

IMAGES = 20
COLUMNS = ("megabytes", "equal_labels", "miou", "milliseconds")
ROW = "{:<16}{:>10}{:>16}{:>10}{:>14}"


def run(model_path, model, data_dir, repeats: int, threads: int) -> dict:
    """Exports a model in every format and labels images of `val` with each, in turn.

    Args:
        model_path: its file.
        model: a DeepLab.
        data_dir: labelled images of one size.
        repeats: rounds of the timing; the median counts.
        threads: for LiteRT and ONNX Runtime.

    Returns:
        By format the values of `COLUMNS`: labels equal to the predictor's as a share, milliseconds
        an image.

    Raises:
        ValueError: images of several sizes, or other classes than the model's.
    """
    predictor, split = Predictor(model), open_split(data_dir, "val")
    mapping = class_mapping(model.spec, split.spec)
    examples = list(evaluation_dataset(split, IMAGES))
    images = [example["image"].numpy() for example in examples]
    truths = [example["label"].numpy() for example in examples]
    if len({image.shape for image in images}) > 1:
        raise ValueError(f"{data_dir}: images of one size are needed, for LiteRT.")
    with tempfile.TemporaryDirectory() as folder:
        paths = _export(predictor, Path(folder), images[0].shape[:2], data_dir)
        labellers = {name: _labeller(path, threads) for name, path in paths.items()}
        sizes = {name: os.path.getsize(path) / 1e6 for name, path in paths.items()}
    labellers = {"Python": lambda image: (predictor(image), None), **labellers}
    sizes = {"Python": os.path.getsize(model_path) / 1e6, **sizes}
    print(f"{len(images)} images, median time of {repeats} rounds, {threads} threads")
    print(ROW.format("", "MB", "equal labels", "mIoU", "ms an image"))
    predictions = {n: [label(image)[0] for image in images] for n, label in labellers.items()}
    calls = {name: partial(label, images[0]) for name, label in labellers.items()}
    seconds = time_in_turn(calls, repeats)
    results = {}
    for name, labels in predictions.items():
        confusion = ConfusionMatrix(model.num_classes, split.spec.ignore_label)
        for truth, prediction in zip(truths, labels, strict=True):
            confusion.update(truth, mapping[prediction])
        equal = float(np.mean(np.stack(labels) == np.stack(predictions["Python"])))
        miou = float(confusion.mean_iou())
        columns = sizes[name], equal, miou, 1000 * seconds[name]
        results[name] = dict(zip(COLUMNS, columns, strict=True))
        row = f"{sizes[name]:.1f}", f"{100 * equal:.3f} %", f"{100 * miou:.2f}"
        print(ROW.format(name, *row, f"{columns[-1]:.0f}"))
    return results


def _export(predictor: Predictor, folder: Path, size, data_dir) -> dict[str, Path]:
    paths = {}
    for precision in LEAST_EQUAL_LABELS:
        data = data_dir if precision == "int8" else None
        path = folder / f"{precision}.tflite"
        paths[f"LiteRT {precision}"] = export_litert(
            predictor, path, size, precision, data, least_equal_labels=0
        )
    paths["ONNX"] = export_onnx(predictor, folder / "any.onnx", least_equal_labels=0)
    paths["ONNX, one size"] = export_onnx(
        predictor, folder / "fixed.onnx", size, least_equal_labels=0
    )
    return paths


def _labeller(path: Path, threads: int):
    return (LiteRtLabeller if path.suffix == ".tflite" else OnnxLabeller)(path, threads)
