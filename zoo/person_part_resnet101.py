r"""DeepLab v2, ResNet-101 with a 1x1 classifier, three input scales, on PASCAL-Person-Part.

Command:
    python tools/train.py --config=zoo/person_part_resnet101.py --data_dir=PERSON_PART \
        --workdir=runs/person_part_resnet101 --config.model.weights=RESNET101.h5
Cost: not measured.
Expected: validation mIoU 64.40 before and 64.94 after the CRF, from MS-COCO weights (Chen et al.
    2016, table 7). LargeFOV (62.18) and ASPP (62.76) do worse there, hence neither.
Sources: network from section 4.3 and table 7; all else from voc12_resnet101_aspp_l.
Not given: every training value (the paper says poly; ours are those of VOC 2012), the CRF (ours:
    that of VOC 2012, the defaults), how MS-COCO was trained on, whether images were scaled at
    random (here they are).
Weights: RESNET101.h5 is the ResNet101 file of Keras Applications (ImageNet). The released net
    starts from MS-COCO weights, init.caffemodel of docs/import_weights.md, which the flag takes
    too: table 7 puts their worth at 1.3 points (63.10 to 64.40). Without the flag everything starts
    from random numbers, for which neither the rates nor the frozen batch normalisation are made.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet101_fc", "v2_resnet101")
    return config
