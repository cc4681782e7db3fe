r"""DeepLab v2, LargeFOV on VGG-16, on Cityscapes (19 classes, fine labels) at full resolution.

Command:
    python tools/train.py --config=zoo/cityscapes_vgg16_large_fov.py --data_dir=CITYSCAPES \
        --workdir=runs/cityscapes_vgg16_large_fov --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 64.89 before and 65.94 after the CRF (Chen et al. 2016, table 9); at half
    the resolution, --config.data.image_scale=0.5, 62.97 and 64.18.
Sources: network and resolutions from section 4.4 and table 9; training values from
    voc12_vgg16_large_fov. The paper evaluates overlapping parts of an image
    (tools/evaluate.py --tile=N), the command of this release the whole image.
Not given: every training value (the paper says poly; ours are those of VOC 2012), the CRF (ours:
    that of DeepLabv2_ResNet101, the defaults), the size of the parts, which filters of VGG-16 make
    fc6 and fc7 (ours: evenly spaced ones).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    return recipe_config("vgg16_large_fov", "v2_vgg16")
