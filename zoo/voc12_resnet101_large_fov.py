r"""DeepLab v2, ResNet-101 with LargeFOV (rate 12), three input scales, on PASCAL VOC 2012.

Command:
    python tools/train.py --config=zoo/voc12_resnet101_large_fov.py --data_dir=VOC12 \
        --workdir=runs/voc12_resnet101_large_fov --config.model.weights=RESNET101.h5
Cost: not measured.
Expected: validation mIoU 75.54 before the CRF, from MS-COCO weights (Chen et al. 2016, table 4).
Sources: training values from the released solver and train files of DeepLabv2_ResNet101 (ASPP),
    which give `normalize` and the gradients of ten single images; CRF 4/67/3 and 3/1 as released
    for ASPP, the defaults.
Not given: the mIoU after the CRF; training values of this row; how MS-COCO was trained on.
Weights: RESNET101.h5 is the ResNet101 file of Keras Applications (ImageNet). The released net
    starts from MS-COCO weights, init.caffemodel of docs/import_weights.md, which the flag takes
    too: table 4 puts their worth at 2 points (71.27 to 73.28). Without the flag everything starts
    from random numbers, for which neither the rates nor the frozen batch normalisation are made.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet101_large_fov", "v2_resnet101")
    config.data.train_split = "train_aug"
    return config
