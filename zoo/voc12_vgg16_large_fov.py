r"""DeepLab-LargeFOV (VGG-16) on PASCAL VOC 2012, trained as in DeepLab v2: poly, small batch.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_large_fov.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_large_fov --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 65.76 before and 69.84 after the CRF (Chen et al. 2016, table 3; its
    table 2 has 65.88 before the CRF for the same training).
Sources: training values from table 2 (poly, batch 10, 20000 steps) and the released files of
    DeepLabv2_VGG16. CRF 4/121/5 and 3/3 as in voc12_vgg16_large_fov_v1, the same network.
Not given: the CRF of this training; whether v2 kept the average pool before fc6 (kept here); which
    filters of VGG-16 make fc6 and fc7 (ours: evenly spaced ones).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_large_fov", "v2_vgg16")
    config.data.train_split = "train_aug"
    config.crf.update(
        bilateral_sigma_xy=121.0,
        bilateral_sigma_rgb=5.0,
        gaussian_sigma_xy=3.0,
    )
    return config
