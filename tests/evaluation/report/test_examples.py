import itertools

import numpy as np

from deeplab_tf.evaluation.report.examples import ERROR_COLORS, error_map


def test_every_kind_of_error_is_told_apart():
    void, values = 3, range(3)
    label, first, last = np.array([*itertools.product([*values, void], values, values)]).T
    image = np.full([1, len(label), 3], 77, np.uint8)
    marked = error_map(image, label[None], [first[None], last[None]], void)[0]
    kinds = {color: kind for kind, color in ERROR_COLORS.items()}
    for color, wanted, before, after in zip(marked.tolist(), label, first, last, strict=True):
        expected = {(True, True): None, (False, True): "corrected by the CRF",
                    (True, False): "made wrong by the CRF", (False, False): "wrong"}  # fmt: skip
        kind = expected[before == wanted, after == wanted]
        assert kinds.get(tuple(color)) == ("void, not counted" if wanted == void else kind)
