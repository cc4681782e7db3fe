"""Parameters of every row of `BACKBONES` against other people's numbers."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.backbones import BACKBONES, build_backbone
from tests.backbones.parameters import PARAMETERS
from tests.models.narrow import weights_of_zero


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_number_of_parameters(name):
    with weights_of_zero():
        backbone = build_backbone(name, output_stride=32)
        backbone(tf.zeros([1, 1, 1, 3]))
    learned = [variable for variable in backbone.weights if "moving" not in variable.name]
    assert sum(int(np.prod(variable.shape)) for variable in learned) == PARAMETERS[name]
    if name == "resnet101":
        statistics = [variable for variable in backbone.weights if "moving" in variable.name]
        assert sum(int(np.prod(variable.shape)) for variable in statistics) == 105_344  # facts 1
    leaves = [layer.name for layer in compat.leaf_layers(backbone)]
    assert len(set(leaves)) == len(leaves)
