"""How far networks see, against what a single bright pixel changes."""

import numpy as np
import pytest

import deeplab_tf


def positive_model(backbone, head, **options):
    """A network without biases whose weights all let through what is positive."""
    model = deeplab_tf.DeepLab(backbone, head, num_classes=1, width=0.02, **options)
    for variable in model.weights:
        if len(variable.shape) == 4:
            variable.assign(np.full(variable.shape, 1 / variable.shape[2]))
    return model


def seen(model, middle=960):
    """Columns between a bright pixel in a grey image and the farthest logit that it changes."""
    image = np.empty([1, 25, 2 * middle + 1, 3], np.float32)
    image[:] = model.mean_rgb
    image[:, 0, middle] = 255
    logits = model.logit_maps(image)[0][0]
    if len(logits[0]) == image.shape[2]:  # those of multi-scale features, zoomed between the grid's
        logits = logits[:, :: model.logit_stride]
    changed = np.any(logits, axis=(0, 2))
    return np.abs(np.flatnonzero(changed) * model.logit_stride - middle).max()


@pytest.mark.parametrize(
    ("backbone", "head", "options", "receptive_field"),
    [
        ("vgg16", "large_fov", {}, 435),
        ("vgg16", "aspp_l", {}, 611),
        ("vgg16", "aspp_s", {"output_stride": 4}, None),
        ("vgg16", "large_fov", {"output_stride": 16, "msc_features": True}, None),
        ("vgg16", "large_fov", {"fc6_kernel": 4, "fc6_rate": 3}, None),
        ("resnet50", "large_fov", {}, None),
        ("resnet101", "aspp_l", {}, 1411),
        ("resnet50", "fc", {"output_stride": 32}, None),
        ("resnet50_beta", "fc", {}, None),
        ("resnet50_v1_5", "aspp_v3", {"image_pooling": "none"}, None),
        ("resnet50", "v3plus", {"image_pooling": "none", "output_stride": 16}, None),
        ("resnet50", "v3plus", {"image_pooling": "none", "output_stride": 2}, None),
    ],
)
def test_reach_is_what_a_bright_pixel_changes(backbone, head, options, receptive_field):
    model = positive_model(backbone, head, **options)
    # Features lie on every `output_stride`-th pixel: the farthest may fall short of the next.
    assert 0 <= model.receptive_field_radius - seen(model) < model.output_stride
    if receptive_field:
        assert 2 * model.receptive_field_radius + 1 == receptive_field
