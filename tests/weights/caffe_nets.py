"""The released nets as lists of layers: their names, types and numbers, at any width."""

from tests.weights.caffe_files import Layer

VGG_CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
_VGG_BLOCKS = (2, 2, 3, 3, 3)
_RESNET_UNITS = {
    2: ["a", "b", "c"],
    3: ["a", *(f"b{i}" for i in range(1, 4))],
    4: ["a", *(f"b{i}" for i in range(1, 23))],
    5: ["a", "b", "c"],
}


class Net:
    """Collects layers; each reads the one before unless it names others."""

    def __init__(self):
        self.layers, self.top = [], "data"

    def add(self, kind, name, *bottoms, **options):
        self.layers.append(Layer(kind, name, bottoms or (self.top,), options))
        self.top = name
        return name

    def conv(self, name, filters, size=1, rate=1, below=(), relu=True, **options):
        pad = (size - 1) * rate // 2
        self.add("Convolution", name, *below, num_output=filters, kernel_size=size, pad=pad,
                 dilation=rate, **options)  # fmt: skip
        return self.add("ReLU", f"relu_{name}") if relu else name

    def zoomed(self):
        """The net with its last map zoomed to the size of the input."""
        self.add("Interp", "interp", zoom_factor=8)
        return self.layers


def vgg_trunk(width=1.0):
    net, channels = Net(), iter(VGG_CHANNELS)
    for block, count in enumerate(_VGG_BLOCKS, 1):
        for i in range(count):
            filters = max(1, round(next(channels) * width))
            net.conv(f"conv{block}_{i + 1}", filters, 3, rate=2 if block == 5 else 1)
        net.add("Pooling", f"pool{block}", pool="MAX", kernel_size=3, pad=1,
                stride=2 if block < 4 else 1)  # fmt: skip
    return net


def large_fov(classes=21, width=1.0, classifier="fc8_voc12"):
    net, filters = vgg_trunk(width), round(1024 * width)
    net.add("Pooling", "pool5a", pool="AVE", kernel_size=3, pad=1, stride=1)
    net.conv("fc6", filters, 3, rate=12)
    net.conv("fc7", filters)
    net.conv(classifier, classes, relu=False)
    return net.zoomed()


def aspp_l(classes=21, width=1.0, dataset="voc12"):
    net, filters = vgg_trunk(width), round(1024 * width)
    below = net.top
    for k, rate in enumerate((6, 12, 18, 24), 1):
        net.conv(f"fc6_{k}", filters, 3, rate, below=(below,))
        net.conv(f"fc7_{k}", filters)
        net.conv(f"fc8_{dataset}_{k}", classes, relu=False)
    net.add("Eltwise", f"fc8_{dataset}", *(f"fc8_{dataset}_{k}" for k in range(1, 5)),
            operation="SUM")  # fmt: skip
    return net.zoomed()


def msc_large_fov(classes=21, width=1.0):
    """The test net: branches without strides, every map zoomed to the size of the input."""
    net, filters = vgg_trunk(width), round(1024 * width)
    net.add("Pooling", "pool5a", pool="AVE", kernel_size=3, pad=1, stride=1)
    net.conv("fc6", filters, 3, rate=12)
    net.conv("fc7", filters)
    net.conv("fc8_voc12", classes, relu=False)
    maps = [net.add("Interp", "fc8_interp", zoom_factor=8)]
    for name, stride in {"data": 1, "pool1": 2, "pool2": 4, "pool3": 8, "pool4": 8}.items():
        net.conv(f"{name}_conv", round(128 * width), 3, below=(name,))
        net.conv(f"{name}_fc", round(128 * width))
        net.conv(f"{name}_ms", classes, relu=False)
        maps.append(net.add("Interp", f"{name}_interp", zoom_factor=stride))
    net.add("Eltwise", "fc_fusion", *maps, operation="SUM")
    return net.layers


def _normalised(net, conv, suffix, filters, size=1, below=(), relu=True, **options):
    """A convolution without bias, BatchNorm and Scale; the suffix is that of their names."""
    net.conv(conv, filters, size, below=below, relu=False, bias_term="false", **options)
    net.add("BatchNorm", f"bn{suffix}", use_global_stats="true")
    scaled = net.add("Scale", f"scale{suffix}", bias_term="true")
    return net.add("ReLU", f"relu{suffix}") if relu else scaled


def resnet101(classes=21, width=1.0, dataset="voc12", units=None):
    net = Net()
    _normalised(net, "conv1", "_conv1", round(64 * width), 7, stride=2)
    net.add("Pooling", "pool1", pool="MAX", kernel_size=3, pad=1, stride=2)
    for stage, letters in (units or _RESNET_UNITS).items():
        filters = round(32 * 2 ** (stage - 1) * width)
        rate = {4: 2, 5: 4}.get(stage, 1)
        for letter in letters:
            name, below = f"{stage}{letter}", net.top
            stride = 2 if name == "3a" else 1
            shortcut = below
            if letter == "a":
                shortcut = _normalised(net, f"res{name}_branch1", f"{name}_branch1", 4 * filters,
                                       below=(below,), relu=False, stride=stride)  # fmt: skip
            branch = [f"{name}_branch2{part}" for part in "abc"]
            _normalised(net, f"res{branch[0]}", branch[0], filters, below=(below,), stride=stride)
            _normalised(net, f"res{branch[1]}", branch[1], filters, 3, rate=rate)
            last = _normalised(net, f"res{branch[2]}", branch[2], 4 * filters, relu=False)
            net.add("Eltwise", f"res{name}", shortcut, last, operation="SUM")
            net.add("ReLU", f"res{name}_relu")
    below = net.top
    branches = [
        net.conv(f"fc1_{dataset}_c{c}", classes, 3, rate, below=(below,), relu=False)
        for c, rate in enumerate((6, 12, 18, 24))
    ]
    net.add("Eltwise", f"fc1_{dataset}", *branches, operation="SUM")
    return net.zoomed()
