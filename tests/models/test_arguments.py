import inspect

import numpy as np
import pytest

from deeplab_tf.layers import AtrousConv2D
from deeplab_tf.models.arguments import RANGES, checked_input_scales
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS

NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("num_classes", value) for value in (0, -1, 256, 10**9, 2.0, True, "2")],
        *[("width", value) for value in (0, -1.0, 1e6, NAN, float("inf"), "1", None)],
        *[("fc6_kernel", value) for value in (0, 10**6, 3.0, [3])],
        *[("fc6_rate", value) for value in (0, 10**9, 1.5)],
        *[("fc6_filters", value) for value in (0, 10**9, {}, "1" * 10_000)],
        *[("dropout", value) for value in (-0.1, 1.0, NAN, "x")],
        *[("image_scale", value) for value in (0.0, -1.0, 1e9, NAN)],
    ],
)
def test_a_number_outside_its_range_is_named(name, value):
    arguments = {"num_classes": 3, name: value}
    with pytest.raises(ValueError, match=f"^{name} must be .* Received: {name}=") as caught:
        DeepLab(**arguments)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "scales",
    [
        (),
        (0.5, 0.25),
        (1.0, 1.0),
        (1.0, 0.5, 0.75),
        (1.0, NAN),
        (1.0, 0.001),
        (1.0, 0.61, 0.37),  # padded to a multiple of 59 * 46
        [1 / (i + 1) for i in range(5000)],
        "half",
        None,
    ],
)
def test_scales_that_no_image_fits(scales):
    with pytest.raises(ValueError, match=r"^scales must .* Received: scales="):
        DeepLab(num_classes=3, scales=scales)


def test_published_and_usual_arguments_lie_within():
    defaults = {p.name: p.default for p in inspect.signature(DeepLab).parameters.values()}
    for row in PRESETS.values():
        arguments = {**defaults, "num_classes": 21, **row}
        for name, (kind, lowest, highest) in RANGES.items():
            value = arguments[name]
            if value is not None:
                assert isinstance(value, kind) and lowest <= value <= highest
        checked_input_scales(arguments["scales"])
    assert checked_input_scales(np.array([1, 0.75, 0.5])) == (1.0, 0.75, 0.5)


def test_a_kernel_of_gigabytes_is_refused():
    layer = AtrousConv2D(16384, 9, name="fc6")
    with pytest.raises(ValueError, match=r"at most 268435456 weights.*for the layer fc6"):
        layer.build((None, None, None, 512))
    assert not layer.weights
