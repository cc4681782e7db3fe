r"""DeepLab v2, LargeFOV on VGG-16, on PASCAL-Context (60 classes).

Command:
    python tools/train.py --config=zoo/context_vgg16_large_fov.py --data_dir=CONTEXT \
        --workdir=runs/context_vgg16_large_fov --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 37.6 before and 39.6 after the CRF (Chen et al. 2016, table 6).
Sources: network from table 6; training values from voc12_vgg16_large_fov.
Not given: every training value (the paper says poly; ours are those of VOC 2012), the CRF (ours:
    that of DeepLabv2_ResNet101, the defaults), which filters of VGG-16 make fc6 and fc7 (ours:
    evenly spaced ones).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    return recipe_config("vgg16_large_fov", "v2_vgg16")
