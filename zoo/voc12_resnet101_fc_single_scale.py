r"""DeepLab v2, ResNet-101 with a 1x1 classifier, one input scale, on PASCAL VOC 2012.

Command:
    python tools/train.py --config=zoo/voc12_resnet101_fc_single_scale.py --data_dir=VOC12 \
        --workdir=runs/voc12_resnet101_fc_single_scale --config.model.weights=RESNET101.h5
Cost: not measured.
Expected: validation mIoU 68.72 before the CRF (Chen et al. 2016, table 4, the row without all
    additions: no MS-COCO, no random scales); 71.27 with three input scales,
    --config.model.scales='(1.0,0.75,0.5)'.
Sources: table 4; training values from the released solver and train files of DeepLabv2_ResNet101
    (ASPP) but for the random scales; CRF 4/67/3 and 3/1 as released for ASPP, the defaults.
Not given: the mIoU after the CRF; training values of this row.
Weights: RESNET101.h5 is the ResNet101 file of Keras Applications (ImageNet). Without the flag
    everything starts from random numbers, for which neither the rates nor the frozen batch
    normalisation are made.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet101_fc", "v2_resnet101")
    config.model.scales = (1.0,)
    config.data.update(train_split="train_aug", augmentation="crop(321)|mirror")
    return config
