"""Multiply-adds of the released networks: model_zoo.md of research/deeplab, output stride 16."""

import pytest

from deeplab_tf.models.complexity import count_multiply_adds
from deeplab_tf.models.deeplab import DeepLab
from tests.zoo.loading import load_config

RELEASED = {
    "voc12_mobilenet_v2": (21, 513, 513, 2.75e9),
    "voc12_xception65_v3plus": (21, 513, 513, 54.17e9),
    "cityscapes_mobilenet_v2": (19, 1025, 2049, 21.27e9),
    "cityscapes_xception65_v3plus": (19, 1025, 2049, 418.64e9),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RELEASED)
def test_networks_cost_what_the_released_ones_do(name):
    classes, height, width, wanted = RELEASED[name]
    arguments = load_config(name).model.to_dict()
    del arguments["weights"]
    found = count_multiply_adds(DeepLab(num_classes=classes, **arguments), height, width)
    assert found == pytest.approx(wanted, rel=0.01)
