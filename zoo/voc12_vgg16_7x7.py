r"""DeepLab-7x7 (VGG-16, fc6 7x7 at rate 4, 4096 filters) on PASCAL VOC 2012, as in DeepLab v1.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_7x7.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_7x7 --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 64.38 before and 67.64 after the CRF (Chen et al. 2015, tables 1a and 2;
    2016, table 1).
Sources: field of view from the tables; training values from the released files of LargeFOV.
Not given: training values of its own; the CRF (ours: that of DeepLabv2_ResNet101, the defaults);
    whether there is an average pool before fc6 (kept here).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    fc1 and fc2 as they are. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_7x7", "v1_vgg16")
    config.data.train_split = "train_aug"
    return config
