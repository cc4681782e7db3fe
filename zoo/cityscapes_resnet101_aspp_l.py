r"""DeepLab v2, ResNet-101 with ASPP, one input scale, on Cityscapes (19 classes, fine labels).

Command:
    python tools/train.py --config=zoo/cityscapes_resnet101_aspp_l.py --data_dir=CITYSCAPES \
        --workdir=runs/cityscapes_resnet101_aspp_l --config.model.weights=RESNET101.h5
Cost: not measured.
Expected: validation mIoU 71.0 before and 71.4 after the CRF (Chen et al. 2016, table 9).
Sources: network from section 4.4 and table 9 (one input scale, for want of memory); all else from
    voc12_resnet101_aspp_l. The paper evaluates overlapping parts of an image, this release the
    whole image.
Not given: every training value with the crop (the paper says poly; ours are those of VOC 2012),
    the CRF (ours: that of VOC 2012, the defaults), the size of the parts.
Weights: RESNET101.h5 is the ResNet101 file of Keras Applications (ImageNet); MS-COCO weights
    (Caffe), as on VOC 2012, cannot be read by this release. Without the flag everything starts
    from random numbers, for which neither the rates nor the frozen batch normalisation are made.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet101_aspp_l_single_scale", "v2_resnet101")
    return config
