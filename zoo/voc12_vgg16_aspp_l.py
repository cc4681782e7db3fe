r"""DeepLab-ASPP-L (VGG-16, rates 6, 12, 18, 24) on PASCAL VOC 2012, as in DeepLab v2.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_aspp_l.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_aspp_l --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 68.96 before and 71.57 after the CRF (Chen et al. 2016, table 3).
Sources: training values from the released solver and train files of DeepLabv2_VGG16, which scale
    nothing at random although the text says 0.5 to 1.5. CRF 4/65/3 and 2/2, quoted for the
    released net in a port.
Not given: which filters of VGG-16 make fc6 and fc7 (ours: evenly spaced ones, others in each
    branch).
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_aspp_l", "v2_vgg16")
    config.data.train_split = "train_aug"
    config.crf.update(
        bilateral_sigma_xy=65.0,
        gaussian_weight=2.0,
        gaussian_sigma_xy=2.0,
    )
    return config
