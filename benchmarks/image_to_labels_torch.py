"""From image to labels as one writes it with PyTorch, Pillow and pydensecrf."""

from __future__ import annotations

import numpy as np
from PIL import Image

from deeplab_tf.crf import CrfParameters
from deeplab_tf.crf.pydensecrf_backend import load_pydensecrf

MEAN_BGR = (104.008, 116.669, 122.675)
# Units, channels, stride and rate of ResNet-101's stages at an output stride of 8.
STAGES = ((3, 64, 1, 1), (4, 128, 2, 1), (23, 256, 1, 2), (3, 512, 1, 4))
RATES = (6, 12, 18, 24)


class TorchRoute:
    """The steps of `image_to_labels_library.LibraryRoute` with the packages that people combine.

    Args:
        network: from `build_network`.
        logits: float32 [H, W, C] that the CRF gets instead of the random network's.
        crf: parameters of the CRF.
        palette: 768 bytes of the label file.
        precision: of the network, `"float32"` or `"bfloat16"` by autocast.
    """

    def __init__(self, network, logits, crf: CrfParameters, palette: bytes, precision="float32"):
        self._network = network
        self._energy = -np.ascontiguousarray(logits.transpose(2, 0, 1))
        self._crf = crf
        self._palette = palette
        self._bfloat16 = precision == "bfloat16"

    def read(self, path) -> np.ndarray:
        """Returns uint8 RGB [H, W, 3]."""
        return np.asarray(Image.open(path).convert("RGB"))

    def logits(self, image):
        """Returns logits [1, C, h, w] on the feature grid."""
        import torch

        inputs = image[..., ::-1].astype(np.float32) - np.array(MEAN_BGR, np.float32)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            return self._network(torch.from_numpy(inputs.transpose(2, 0, 1)[None].copy())).float()

    def zoom(self, logits, image):
        """Returns logits [1, C, H, W]."""
        import torch

        with torch.inference_mode():
            return torch.nn.functional.interpolate(
                logits, size=image.shape[:2], mode="bilinear", align_corners=True
            )

    def refine(self, image) -> np.ndarray:
        """Returns the CRF's probabilities [C, H, W]."""
        densecrf, crf = load_pydensecrf(), self._crf
        classes, height, width = self._energy.shape
        problem = densecrf.DenseCRF2D(width, height, classes)
        problem.setUnaryEnergy(self._energy.reshape(classes, -1))
        options = {"kernel": densecrf.DIAG_KERNEL, "normalization": densecrf.NORMALIZE_AFTER}
        problem.addPairwiseGaussian(
            sxy=crf.gaussian_sigma_xy, compat=crf.gaussian_weight, **options
        )
        problem.addPairwiseBilateral(
            sxy=crf.bilateral_sigma_xy,
            srgb=crf.bilateral_sigma_rgb,
            rgbim=np.array(image),
            compat=crf.bilateral_weight,
            **options,
        )
        return np.array(problem.inference(crf.iterations)).reshape(classes, height, width)

    def label(self, probabilities) -> np.ndarray:
        """Returns uint8 [H, W]."""
        return probabilities.argmax(axis=0).astype(np.uint8)

    def write(self, labels, path):
        """Writes an indexed PNG."""
        png = Image.fromarray(labels).convert("L")
        png.putpalette(self._palette)
        png.save(path)


def build_network(num_classes: int, width: float = 1.0, channels_last: bool = False):
    """Returns ResNet-101 with the four branches of ASPP-L at an output stride of 8.

    Args:
        num_classes: channels of the logits.
        width: factor on the channels.
        channels_last: lays memory out as TensorFlow does, which PyTorch does not by itself.

    Returns:
        A `torch.nn.Module` with random weights, ready for inference.
    """
    import torch
    from torch import nn

    def conv_norm(inputs, outputs, size=1, stride=1, rate=1, relu=True):
        padding = rate * (size // 2)
        layers = [
            nn.Conv2d(inputs, outputs, size, stride, padding, rate, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))

    class Unit(nn.Module):
        def __init__(self, inputs, channels, stride, rate, project):
            super().__init__()
            outputs = 4 * channels
            self.shortcut = conv_norm(inputs, outputs, 1, stride, relu=False) if project else None
            self.residual = nn.Sequential(
                conv_norm(inputs, channels, 1, stride),
                conv_norm(channels, channels, 3, rate=rate),
                conv_norm(channels, outputs, relu=False),
            )
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(self.residual(x) + (x if self.shortcut is None else self.shortcut(x)))

    class ASPP(nn.Module):
        def __init__(self, inputs):
            super().__init__()
            self.branches = nn.ModuleList(
                nn.Conv2d(inputs, num_classes, 3, padding=rate, dilation=rate) for rate in RATES
            )

        def forward(self, x):
            return sum(branch(x) for branch in self.branches)

    reached = max(1, round(64 * width))
    layers = [conv_norm(3, reached, 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]
    for units, channels, stride, rate in STAGES:
        channels = max(1, round(channels * width))
        for i in range(units):
            layers.append(Unit(reached, channels, 1 if i else stride, rate, project=i == 0))
            reached = 4 * channels
    layout = torch.channels_last if channels_last else torch.contiguous_format
    # Features take over the layout of the kernels.
    return nn.Sequential(*layers, ASPP(reached)).eval().to(memory_format=layout)
