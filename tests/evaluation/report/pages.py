"""Reads report pages, which are well-formed XML too, and makes what they are written from."""

from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np

from deeplab_tf.data.majority_baseline import majority_baseline
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.metrics import Metrics
from deeplab_tf.evaluation.report import Report

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a & b &amp; ü", "absent")
SETTINGS = {"command line": "evaluate.py '--model=<u>a</u>'", "NumPy": "2.0"}


def text(node):
    return "".join(node.itertext())


def table(page, caption_start):
    """The cells' texts of the table with this caption, head first."""
    captioned = [t for t in page.iter("table") if t.find("caption") is not None]
    (found,) = (t for t in captioned if text(t.find("caption")).startswith(caption_start))
    return [[" ".join(text(cell).split()) for cell in row] for row in found.iter("tr")]


def make_split(class_names=HOSTILE, labelled=True):
    spec = DatasetSpec("<i>pets</i>", tuple(class_names))
    return SimpleNamespace(spec=spec, labelled=labelled, split="val")


def make_images(count, stages=2, classes=3, shape=(12, 17)):
    """Images with void pixels, each with a share of wrong pixels of its own."""
    generator = np.random.default_rng(0)
    images = []
    for index in range(count):
        label = generator.integers(0, classes, shape).astype(np.uint8)
        right, label[:2] = label.copy(), 255
        predictions = []
        for _ in range(stages):
            wrong = generator.random(shape) < generator.random()
            predictions.append(np.where(wrong, (right + 1) % classes, right).astype(np.uint8))
        slope = np.linspace(0, 200, shape[1]) + generator.integers(0, 50, [shape[0], 1])
        image = slope[..., None].repeat(3, axis=-1).astype(np.uint8)
        images.append(EvaluatedImage(f"folder/<b>{index}</b>", image, label, predictions))
    return images


def make_results(spec, images, **measures):
    """What `evaluate` returns for these images."""
    stages = [Metrics(spec, **measures) for _ in images[0].predictions]
    for image in images:
        for metrics, prediction in zip(stages, image.predictions, strict=True):
            metrics.update(image.label, prediction)
    first, *others = [metrics.results(counts=True) for metrics in stages]
    constant = majority_baseline(stages[0].confusion.matrix.sum(1), spec.class_names)
    crf = {"crf": others[0]} if others else {}
    counts = {"split": "val", "images": len(images), "seconds": 3.25}
    return {**counts, **first, **crf, "best_constant": constant}


def write(folder, images, names=HOSTILE, compare=(), **measures):
    """Writes a report; returns the root of its page, and the results in it."""
    split = make_split(names)
    report = Report(split, compare=compare)
    for image in images:
        report(image)
    results = make_results(split.spec, images, **measures)
    return ElementTree.parse(report.write(results, SETTINGS, folder)).getroot(), results
