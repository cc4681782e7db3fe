r"""DeepLab-4x4 (VGG-16, fc6 4x4 at rate 8, 4096 filters) on PASCAL VOC 2012, as in DeepLab v1.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_4x4.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_4x4 --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 63.41 before and 67.14 after the CRF (Chen et al. 2015, table 2; 2016,
    table 1). The papers' plain DeepLab is the same at rate 4, --config.model.fc6_rate=4: 59.80 and
    63.74, its CRF 5/50/10 and 3/3 (released SetupEnv.m).
Sources: field of view from the tables; training values from the released files of LargeFOV.
Not given: training values of its own; the CRF at rate 8 (ours: that of DeepLabv2_ResNet101, the
    defaults); whether there is an average pool before fc6 (kept here).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_4x4_rate8", "v1_vgg16")
    config.data.train_split = "train_aug"
    return config
