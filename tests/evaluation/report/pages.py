"""Reads report pages with Python's own parser, and makes what they are written from."""

from collections import namedtuple
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np

from deeplab_tf.data.majority_baseline import majority_baseline
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.metrics import Metrics

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a & b &amp; ü", "absent")
VOID_ELEMENTS = {"br", "img", "meta"}

Node = namedtuple("Node", "tag attributes parent pieces")


class Page(HTMLParser):
    """The elements of a page in order, and the texts in them."""

    def __init__(self, text):
        super().__init__()
        self.root = self._open = Node("", {}, None, [])
        self.nodes = []
        self.feed(text)
        self.close()
        assert self._open is self.root, f"{self._open.tag} is not closed"

    def handle_starttag(self, tag, attributes):
        node = Node(tag, dict(attributes), self._open, [])
        self._open.pieces.append(node)
        self.nodes.append(node)
        if tag not in VOID_ELEMENTS:
            self._open = node

    def handle_endtag(self, tag):
        assert tag == self._open.tag
        self._open = self._open.parent

    def handle_data(self, data):
        self._open.pieces.append(data)

    def all(self, tag, inside=None):
        nodes = self.nodes if inside is None else descendants(inside)
        return [node for node in nodes if node.tag == tag]

    def table(self, caption_start):
        """The cells' texts of the table with this caption, head first."""
        (caption,) = (n for n in self.all("caption") if text(n).startswith(caption_start))
        rows = self.all("tr", inside=caption.parent)
        return [[" ".join(text(c).split()) for c in row.pieces if c != "\n"] for row in rows]


def descendants(node):
    for piece in node.pieces:
        if isinstance(piece, Node):
            yield piece
            yield from descendants(piece)


def text(node):
    return "".join(p if isinstance(p, str) else text(p) for p in node.pieces)


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


def make_results(spec, images, trimap=None, boundary=False):
    """What `evaluate` returns for these images."""
    stage_metrics = [Metrics(spec, trimap, boundary) for _ in images[0].predictions]
    for image in images:
        for metrics, prediction in zip(stage_metrics, image.predictions, strict=True):
            metrics.update(image.label, prediction)
    first, *others = [metrics.results() for metrics in stage_metrics]
    constant = majority_baseline(stage_metrics[0].confusion.matrix.sum(1), spec.class_names)
    stages = {"crf": others[0]} if others else {}
    return {
        "split": "val", "images": len(images), **first, **stages, "best_constant": constant,
        "seconds": 3.25,
    }  # fmt: skip
