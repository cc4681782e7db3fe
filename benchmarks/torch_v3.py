"""v3 and v3+ in PyTorch, as torchvision writes them.

The ResNet is torchvision's with `replace_stride_with_dilation`; the pyramid is its `ASPP`. Its
`DeepLabHead` has one 3x3 convolution more before the classifier, which neither paper nor released
code has and which is left out.
"""

UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def conv_norm(inputs, outputs, size=1, stride=1, rate=1, relu=True):
    """Returns a convolution with normalisation and, unless it is left out, ReLU."""
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
