"""Multiply-adds of the released networks: model_zoo.md of research/deeplab, output stride 16."""

import functools
import json

import pytest

from deeplab_tf.models.complexity import count_multiply_adds
from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import weights_of_zero
from tests.zoo.loading import load_config

RELEASED = {
    "voc12_mobilenet_v2": (513, 513, 2.75e9),
    "cityscapes_mobilenet_v2": (1025, 2049, 21.27e9),
    "voc12_xception65_v3plus": (513, 513, 54.17e9),
    "cityscapes_xception65_v3plus": (1025, 2049, 418.64e9),
}


@functools.lru_cache(maxsize=1)
def network(arguments):
    """Those of VOC and Cityscapes are one, but for two classes: not a thousandth of the count."""
    with weights_of_zero():
        return DeepLab(num_classes=21, **json.loads(arguments))


@pytest.mark.slow
@pytest.mark.parametrize("name", RELEASED)
def test_networks_cost_what_the_released_ones_do(name):
    height, width, wanted = RELEASED[name]
    arguments = load_config(name).model.to_dict()
    del arguments["weights"]
    model = network(json.dumps(arguments, sort_keys=True))
    assert count_multiply_adds(model, height, width) == pytest.approx(wanted, rel=0.01)
