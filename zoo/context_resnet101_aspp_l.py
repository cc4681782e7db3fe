r"""DeepLab v2, ResNet-101 with ASPP, three input scales, on PASCAL-Context (60 classes).

Command:
    python tools/train.py --config=zoo/context_resnet101_aspp_l.py --data_dir=CONTEXT \
        --workdir=runs/context_resnet101_aspp_l --config.model.weights=RESNET101.h5
Cost: not measured.
Expected: validation mIoU 44.7 before and 45.7 after the CRF, from MS-COCO weights (Chen et al.
    2016, table 6).
Sources: network from section 4.2 and table 6; all else from voc12_resnet101_aspp_l.
Not given: every training value (the paper says poly; ours are those of VOC 2012), the CRF (ours:
    that of VOC 2012, the defaults), how MS-COCO was trained on.
Weights: RESNET101.h5 is the ResNet101 file of Keras Applications (ImageNet). The released net
    starts from MS-COCO weights, init.caffemodel of docs/import_weights.md, which the flag takes
    too: table 6 puts their worth at 1.5 points (41.4 to 42.9). Without the flag everything starts
    from random numbers, for which neither the rates nor the frozen batch normalisation are made.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet101_aspp_l", "v2_resnet101")
    return config
