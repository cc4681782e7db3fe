r"""DeepLab-ASPP-S (VGG-16, rates 2, 4, 8, 12) on PASCAL VOC 2012, as in DeepLab v2.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_aspp_s.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_aspp_s --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 66.98 before and 69.73 after the CRF (Chen et al. 2016, table 3).
Sources: rates from table 3; training values from the released files of DeepLabv2_VGG16 (ASPP-L).
Not given: the CRF (ours: that of DeepLabv2_ResNet101, the defaults); which filters of VGG-16 make
    fc6 and fc7 (ours: evenly spaced ones, others in each branch).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_aspp_s", "v2_vgg16")
    config.data.train_split = "train_aug"
    return config
