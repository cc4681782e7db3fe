"""v3 and v3+ against PyTorch with copied random weights: networks as torchvision writes them.

The ResNet is torchvision's with `replace_stride_with_dilation`; the pyramid is its `ASPP`. Its
`DeepLabHead` has one 3x3 convolution more before the classifier, which neither paper nor released
code has and which is left out.
"""

import numpy as np
import pytest

from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import noise_images

UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
MEAN, DEVIATION = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


def conv_norm(inputs, outputs, size=1, stride=1, rate=1, relu=True):
    from torch import nn

    parts = [
        nn.Conv2d(inputs, outputs, size, stride, size // 2 * rate, rate, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*parts, *[nn.ReLU()] * relu)


def build_networks(depth, width, classes, dilate, rates):
    """Returns a module of v3 and, if `dilate` leaves a stride of 16, of v3+'s decoder too."""
    import torch
    from torch import nn
    from torch.nn.functional import interpolate, relu

    def scaled(channels):
        return max(1, round(channels * width))

    class Unit(nn.Module):
        def __init__(self, inputs, channels, stride, rate, first):
            super().__init__()
            outputs = 4 * channels
            self.downsample = conv_norm(inputs, outputs, 1, stride, relu=False) if first else None
            self.convs = nn.Sequential(
                conv_norm(inputs, channels),
                conv_norm(channels, channels, 3, stride, rate),
                conv_norm(channels, outputs, relu=False),
            )

        def forward(self, x):
            shortcut = x if self.downsample is None else self.downsample(x)
            return relu(shortcut + self.convs(x))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            inputs, rate = scaled(64), 1
            self.stem = nn.Sequential(conv_norm(3, inputs, 7, 2), nn.MaxPool2d(3, 2, 1))
            self.stages = nn.ModuleList()
            for units, channels, stride, dilated in zip(
                UNITS[depth],
                (64, 128, 256, 512),
                (1, 2, 2, 2),
                (False, False, *dilate),
                strict=True,
            ):
                before = rate
                if dilated:
                    rate, stride = rate * stride, 1
                stage = []
                for i in range(units):
                    first = i == 0
                    stage.append(
                        Unit(inputs, scaled(channels), stride if first else 1,
                             before if first else rate, first)
                    )  # fmt: skip
                    inputs = 4 * scaled(channels)
                self.stages.append(nn.Sequential(*stage))

        def forward(self, x):
            x = early = self.stages[0](self.stem(x))
            for stage in self.stages[1:]:
                x = stage(x)
            return x, early

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            inputs, filters = 4 * scaled(512), scaled(256)
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_norm(inputs, filters))
            sizes = [(1, 1), *((3, rate) for rate in rates)]
            self.branches = nn.ModuleList(
                conv_norm(inputs, filters, size, rate=rate) for size, rate in sizes
            )
            self.project = conv_norm(5 * filters, filters)

        def forward(self, x):
            pooled = interpolate(self.pool(x), size=x.shape[2:], mode="bilinear")
            # torchvision has the pooled features last: another order of the same weights.
            return self.project(torch.cat([pooled, *(b(x) for b in self.branches)], dim=1))

    class V3(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.pyramid = ResNet(), Pyramid()
            self.classifier = nn.Conv2d(scaled(256), classes, 1)

        def forward(self, x):
            return self.classifier(self.pyramid(self.backbone(x)[0]))

    class V3Plus(nn.Module):
        def __init__(self):
            super().__init__()
            filters = scaled(256)
            self.backbone, self.pyramid = ResNet(), Pyramid()
            self.details = conv_norm(4 * scaled(64), scaled(48))
            self.refine = nn.Sequential(
                conv_norm(filters + scaled(48), filters, 3), conv_norm(filters, filters, 3)
            )
            self.classifier = nn.Conv2d(filters, classes, 1)

        def forward(self, x):
            x, early = self.backbone(x)
            zoomed = interpolate(
                self.pyramid(x), size=early.shape[2:], mode="bilinear", align_corners=True
            )
            joined = torch.cat([zoomed, self.details(early)], dim=1)
            return self.classifier(self.refine(joined))

    return {"aspp_v3": V3, "v3plus": V3Plus}


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
