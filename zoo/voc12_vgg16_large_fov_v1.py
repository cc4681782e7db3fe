r"""DeepLab-LargeFOV (VGG-16) on PASCAL VOC 2012, trained as in DeepLab v1: rate falls by steps.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_large_fov_v1.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_large_fov_v1 --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 62.25 before and 67.64 after the CRF (Chen et al. 2015, table 1a).
Sources: training values from the released solver.prototxt and train.prototxt (batch 30; the
    paper's text says 20). CRF 4/121/5 and 3/3, quoted for the released LargeFOV in a port
    (CoinCheung/Deeplab-Large-FOV, utils/crf.py).
Not given: which filters of VGG-16 make fc6 and fc7 (ours: evenly spaced ones).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_large_fov", "v1_vgg16")
    config.data.train_split = "train_aug"
    config.crf.update(
        bilateral_sigma_xy=121.0,
        bilateral_sigma_rgb=5.0,
        gaussian_sigma_xy=3.0,
    )
    return config
