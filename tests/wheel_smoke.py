"""Shows that the installed package works outside the checkout; .ci/run calls it."""

from pathlib import Path

import numpy as np

import deeplab_tf


def main():
    folder = Path(deeplab_tf.__file__).parent
    if folder.parent == Path(__file__).resolve().parents[1]:
        raise SystemExit(f"this is the checkout, not an installed package: {folder}")
    model = deeplab_tf.DeepLab(backbone="vgg16", head="large_fov", num_classes=3, width=0.05)
    labels = deeplab_tf.Predictor(model)(np.zeros((30, 41, 3), np.uint8))
    if labels.shape != (30, 41):
        raise SystemExit(f"expected labels of 30x41, received {labels.shape}")
    print(f"deeplab_tf {deeplab_tf.__version__} works from {folder}")


if __name__ == "__main__":
    main()
