"""v3 and v3+ against PyTorch with copied random weights."""

import numpy as np
import pytest

from benchmarks.torch_v3 import build_networks
from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import noise_images

MEAN, DEVIATION = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


def parts_in_order(model):
    """The layers with weights in the order in which the PyTorch modules have theirs."""
    backbone, head = model.backbone, model.head
    parts = [backbone.stem]
    for unit in backbone.units:
        parts += [unit.shortcut] if unit.shortcut is not None else []
        parts += [unit.reduce, unit.spatial, unit.expand]
    parts += [head.encoder.pooling.projection, *head.encoder.branches, head.encoder.projection]
    if model.head_name == "v3plus":
        parts += [head.low_level_projection, *head.refinement]
    return [*parts, head.classifier]


def copy_random_weights(model, network):
    """Draws weights, statistics included, for the one and copies them to the other."""
    import torch
    from torch import nn

    rng = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    *parts, classifier = parts_in_order(model)
    modules = list(network.modules())
    convs = [m for m in modules if isinstance(m, nn.Conv2d)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    for conv, own in zip(convs, [*(p.conv for p in parts), classifier], strict=True):
        conv.weight.data = torch.from_numpy(own.kernel.numpy().transpose(3, 2, 0, 1).copy())
        if conv.bias is not None:
            conv.bias.data = torch.from_numpy(own.bias.numpy())
    for norm, own in zip(norms, parts, strict=True):
        values = [torch.from_numpy(value) for value in own.norm.get_weights()]
        norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = values
        assert norm.eps == own.norm.epsilon


@pytest.mark.parametrize(
    ("depth", "head", "output_stride", "width"),
    [
        (50, "aspp_v3", 8, 0.1),
        (50, "v3plus", 16, 0.1),
        pytest.param(50, "aspp_v3", 8, 1.0, marks=pytest.mark.slow),
        pytest.param(101, "aspp_v3", 8, 1.0, marks=pytest.mark.slow),
        pytest.param(101, "v3plus", 16, 1.0, marks=pytest.mark.slow),
    ],
)
def test_logits_are_those_of_pytorch(depth, head, output_stride, width):
    import torch

    dilate, rates = {
        8: ((True, True), (12, 24, 36)),
        16: ((False, True), (6, 12, 18)),
    }[output_stride]
    model = DeepLab(
        f"resnet{depth}_v1_5", head, num_classes=21, width=width, output_stride=output_stride
    )
    network = build_networks(depth, width, 21, dilate, rates)[head]().eval()
    copy_random_weights(model, network)
    images = noise_images(97, 129)
    inputs = ((images / 255 - MEAN) / DEVIATION).astype(np.float32)
    with torch.inference_mode():
        wanted = network(torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy())).numpy()
    wanted = wanted.transpose(0, 2, 3, 1)
    found = model.logit_maps(images)[0].numpy()
    assert found.shape == wanted.shape
    # Not of the channels' means, which would hide what differs within the image.
    scale = (wanted - wanted.mean(axis=(1, 2), keepdims=True)).std()
    assert scale > 1e-6
    np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=1e-4)
