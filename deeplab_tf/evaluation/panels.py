"""Some images of an evaluation with label and prediction, to see a network learn."""

from __future__ import annotations

import numpy as np

from deeplab_tf.data.overlay import overlay_labels
from deeplab_tf.data.pipeline import spread_evenly
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.side_by_side import GAP, encode_side_by_side, shrink

# In pixels, of a whole panel.
_WIDTH, _HEIGHT = 1200, 1200


class Panels:
    """A callback of `evaluate` that draws some of the images: image, label and prediction in a row.

    They are the same images in every evaluation. Labels are painted over the image in the data
    set's palette; where the label is void, the image alone is seen. The prediction is the last one:
    that after the CRF if there is one.

    Args:
        split: what is evaluated.
        count: number of images, spread evenly over those that are evaluated.
        limit: that of the evaluation.

    Example:
        >>> from deeplab_tf.data import SyntheticSplit
        >>> from deeplab_tf.evaluation import evaluate
        >>> split = SyntheticSplit("val", examples=4)
        >>> panels = Panels(split, count=2)
        >>> predictor = deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
        >>> results = evaluate(predictor, split, callbacks=[panels])
        >>> [(tag, png[1:4]) for tag, png in panels.take().items()]
        [('panel/val_0000', b'PNG'), ('panel/val_0002', b'PNG')]
    """

    def __init__(self, split: Split, count: int, limit: int | None = None):
        evaluated = spread_evenly(len(split), limit)
        places = spread_evenly(len(evaluated), count)
        self._names = {split.names[evaluated[place]] for place in places}
        self._spec = split.spec
        self._drawn: dict[str, bytes] = {}

    def __call__(self, image: EvaluatedImage) -> None:
        """Draws an image, if it is one of those.

        Args:
            image: as `evaluate` hands it over; of one without a label there is no second part.
        """
        if image.name in self._names:
            self._drawn[f"panel/{image.name}"] = self._draw(image)

    def take(self) -> dict[str, bytes]:
        """Returns the panels of the evaluation and forgets them: the bytes of a PNG by tag.

        They are what `MetricsLog.write` takes besides the results of the evaluation.
        """
        taken, self._drawn = self._drawn, {}
        return taken

    def _draw(self, evaluated: EvaluatedImage) -> bytes:
        labels = [] if evaluated.label is None else [evaluated.label]
        width = (_WIDTH - 2 * GAP) // 3
        image, *id_maps = shrink(
            evaluated.image, [*labels, evaluated.predictions[-1]], width, _HEIGHT
        )
        return encode_side_by_side([image, *(self._paint(image, ids) for ids in id_maps)])

    def _paint(self, image: np.ndarray, ids: np.ndarray) -> np.ndarray:
        palette, void = palette_bytes(self._spec), self._spec.ignore_label
        return overlay_labels(image, ids, palette, unpainted=void)
