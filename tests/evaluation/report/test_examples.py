import itertools

import numpy as np

from deeplab_tf.evaluation.report.example_images import (
    ERROR_COLORS,
    MENDED,
    SPOILED,
    VOID,
    WRONG,
    error_map,
)


def test_every_kind_of_error_is_told_apart():
    void, values = 3, range(3)
    label, first, last = np.array([*itertools.product([*values, void], values, values)]).T
    image = np.full([1, len(label), 3], 77, np.uint8)
    marked = error_map(image, label[None], [first[None], last[None]], void)[0]
    for kind, wanted, before, after in zip(marked, label, first, last, strict=True):
        if wanted == void:
            assert kind == VOID
        elif after == wanted:
            assert kind == MENDED if before != wanted else kind not in ERROR_COLORS
        else:
            assert kind == SPOILED if before == wanted else kind == WRONG
