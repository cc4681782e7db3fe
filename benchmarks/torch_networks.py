"""The networks of the suites `forward` and `train` in PyTorch, with random weights.

All take float32 [B, 3, H, W] and give logits on their grid.
"""

from __future__ import annotations

from benchmarks.image_to_labels_torch import build_network
from benchmarks.torch_v3 import build_networks, conv_norm

# Channels of VGG-16's convolutions, block by block, with the stride of the pool and the rate.
_VGG = (((64,) * 2, 2, 1), ((128,) * 2, 2, 1), ((256,) * 3, 2, 1), ((512,) * 3, 1, 1),
        ((512,) * 3, 1, 2))  # fmt: skip
# Expansion, channels, units, stride and rate of MobileNetV2's stages at an output stride of 16.
_MOBILENET_V2 = ((1, 16, 1, 1, 1), (6, 24, 2, 2, 1), (6, 32, 3, 2, 1), (6, 64, 4, 2, 1),
                 (6, 96, 3, 1, 1), (6, 160, 3, 1, 2), (6, 320, 1, 1, 2))  # fmt: skip


def vgg16_large_fov(classes: int):
    """Returns VGG-16 with fc6 of rate 12 at an output stride of 8."""
    from torch import nn

    layers, inputs = [], 3
    for filters, stride, rate in _VGG:
        for outputs in filters:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate), nn.ReLU(True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(3, stride, 1))
    layers += [nn.AvgPool2d(3, 1, 1), nn.Conv2d(512, 1024, 3, padding=12, dilation=12)]
    layers += [nn.ReLU(True), nn.Dropout(0.5), nn.Conv2d(1024, 1024, 1), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Conv2d(1024, classes, 1))


def resnet101_aspp_l(classes: int):
    """Returns ResNet-101 with ASPP-L, whose normalisations stay frozen."""
    return _with_frozen_norms(build_network(classes))


def resnet50_v1_5_v3plus(classes: int):
    """Returns v3+ on torchvision's ResNet-50 at an output stride of 16."""
    return build_networks(50, 1.0, classes, (False, True), (6, 12, 18))["v3plus"]()


def mobilenet_v2_v3plus(classes: int):
    """Returns v3+ on MobileNetV2 at an output stride of 16, with separable convolutions."""
    import torch
    from torch import nn
    from torch.nn.functional import interpolate

    def depthwise(channels, stride=1, rate=1):
        conv = nn.Conv2d(channels, channels, 3, stride, rate, rate, groups=channels, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU6(True))

    def separable(inputs, outputs, rate=1):
        return nn.Sequential(depthwise(inputs, rate=rate), conv_norm(inputs, outputs))

    class Unit(nn.Module):
        def __init__(self, inputs, expansion, outputs, stride, rate):
            super().__init__()
            wide = inputs * expansion
            expand = [conv_norm(inputs, wide, relu=False), nn.ReLU6(True)] * (expansion > 1)
            self.widen = nn.Sequential(*expand, depthwise(wide, stride, rate))
            self.project = conv_norm(wide, outputs, relu=False)
            self.adds = stride == 1 and inputs == outputs

        def forward(self, x):
            projected = self.project(self.widen(x))
            return x + projected if self.adds else projected

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            inputs, units = 32, [conv_norm(3, 32, 3, 2, relu=False), nn.ReLU6(True)]
            for expansion, outputs, count, stride, rate in _MOBILENET_V2:
                for i in range(count):
                    units.append(Unit(inputs, expansion, outputs, 1 if i else stride, rate))
                    inputs = outputs
            # The decoder's details are the wide channels of the second unit of stride 4.
            self.early, self.block_2 = nn.Sequential(*units[:4]), units[4]
            self.late = nn.Sequential(*units[5:])
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_norm(320, 256))
            rates = [separable(320, 256, rate) for rate in (6, 12, 18)]
            self.branches = nn.ModuleList([conv_norm(320, 256), *rates])
            self.project, self.details = conv_norm(5 * 256, 256), conv_norm(144, 48)
            self.refine = nn.Sequential(separable(304, 256), separable(256, 256))
            self.classifier = nn.Conv2d(256, classes, 1)

        def forward(self, x):
            x = self.early(x)
            details = self.block_2.widen(x)
            x = self.late(x + self.block_2.project(details))
            pooled = self.pool(x).expand(-1, -1, *x.shape[2:])
            x = self.project(torch.cat([pooled, *(branch(x) for branch in self.branches)], 1))
            x = interpolate(x, size=details.shape[2:], mode="bilinear", align_corners=True)
            return self.classifier(self.refine(torch.cat([x, self.details(details)], 1)))

    return Network()


def _with_frozen_norms(network):
    """Has normalisations use their statistics in training too, as the released network does."""
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train = lambda mode=True, module=module: module
            module.eval()
            for parameter in module.parameters():
                parameter.requires_grad_(False)
    return network
