"""What every row of `HEADS` has to fulfil on each family of backbones."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.backbones import build_backbone
from deeplab_tf.heads import HEADS, HeadOptions, build_head
from deeplab_tf.models.rate_multipliers import rate_multipliers
from deeplab_tf.training.optimizers import trained_variables
from tests.models.narrow import narrow_model

# As in the released solver files; runs of version 0.1 are continued only with the same text.
VGG = (("(fc8|msc._fc8).*/kernel", 10.0), ("(fc8|msc._fc8).*/bias", 20.0), (".*/bias", 2.0))
RESNET = (("fc1.*/kernel", 10.0), ("fc1.*/bias", 20.0))
MULTIPLIERS = {
    ("vgg16", "fc"): (*RESNET, (".*/bias", 2.0)),
    ("vgg16", "large_fov"): VGG,
    ("vgg16", "aspp_s"): VGG,
    ("vgg16", "aspp_l"): VGG,
    ("resnet50", "fc"): RESNET,
    ("resnet50", "large_fov"): RESNET,
    ("resnet50", "aspp_s"): RESNET,
    ("resnet50", "aspp_l"): RESNET,
    ("vgg16", "v3plus"): ((".*/bias", 2.0),),
    ("resnet50", "aspp_v3"): (),
    ("resnet50", "v3plus"): (),
    ("mobilenet_v2", "aspp_v3_1x1"): (),
}
V3 = ("aspp_v3", "aspp_v3_1x1", "v3plus")


@pytest.fixture(scope="module", params=["vgg16", "resnet50"])
def backbone(request):
    return build_backbone(request.param, output_stride=16, width=0.02)


@pytest.fixture(scope="module")
def features(backbone):
    rng = np.random.default_rng(0)
    strides = backbone.feature_strides
    maps = {name: (2, 65 // s + 1, 49 // s + 1, 4) for name, s in strides.items()}
    return {name: tf.constant(rng.uniform(size=shape), tf.float32) for name, shape in maps.items()}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", HEADS)
def test_logits_of_all_features(backbone, features, name, dtype):
    head = build_head(backbone, 3, HeadOptions(name, width=0.05, dtype=dtype))
    logits = head(features)
    stride = head.logit_stride
    assert logits.shape == (2, 65 // stride + 1, 49 // stride + 1, 3)
    assert logits.dtype == tf.float32 and np.std(logits) > 0
    assert head.layer.name == name
    assert head.receptive_field_radius % stride == 0
    seeds = tf.constant([[1, 2], [3, 4]])
    trained = [head(features, training=True, seeds=seeds) for _ in range(2)]
    np.testing.assert_array_equal(*trained)
    drops = bool(getattr(head.layer, "filters", None))
    assert drops == (name in V3 or (backbone.has_fc6 and name != "fc"))
    assert np.array_equal(trained[0], logits) != drops


@pytest.mark.parametrize(("backbone", "head"), MULTIPLIERS)
def test_multipliers_are_the_released_ones(backbone, head):
    assert rate_multipliers(backbone, head) == MULTIPLIERS[backbone, head]


@pytest.mark.parametrize("head", [name for name in HEADS if name not in V3])
def test_multipliers_are_of_variables(head):
    """`trained_variables` refuses an expression that matches none."""
    model = narrow_model("vgg16", head, width=0.02)
    factors = {v.name: v.rate_multiplier for v in trained_variables(model, model.rate_multipliers)}
    classifier = "fc1" if head == "fc" else "fc8"
    assert {f for n, f in factors.items() if n.startswith(classifier)} == {10.0, 20.0}
    assert factors["conv1_1/kernel"] == 1 and factors["conv1_1/bias"] == 2


@pytest.mark.parametrize(
    ("name", "options", "on_vgg", "on_resnet"),
    [
        ("large_fov", {}, (3, 3, 4, 10), (3, 3, 4, 3)),
        ("large_fov", {"fc6_kernel": 4, "fc6_filters": 500}, (4, 4, 4, 5), (4, 4, 4, 3)),
        ("aspp_l", {"fc6_kernel": 5}, (5, 5, 4, 10), (5, 5, 4, 3)),
        ("fc", {"fc6_kernel": 5}, (1, 1, 4, 3), (1, 1, 4, 3)),
    ],
)
def test_options_reach_the_heads_that_use_them(
    backbone, features, name, options, on_vgg, on_resnet
):
    head = build_head(backbone, 3, HeadOptions(name, width=0.01, **options))
    head(features)
    first = next(tuple(v.shape) for v in head.layer.weights if len(v.shape) == 4)
    assert first == (on_vgg if backbone.has_fc6 else on_resnet)
