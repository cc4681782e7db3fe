r"""DeepLab-MSc-LargeFOV (VGG-16 with multi-scale features) on PASCAL VOC 2012, as in DeepLab v1.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_msc.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_msc --config.model.weights=VGG16.h5
Cost: not measured.
Expected: validation mIoU 64.21 before and 68.70 after the CRF (Chen et al. 2015, table 1a).
Sources: section 4.3; branches (3x3 with stride 8, 4, 2, 1, 1, then two 1x1, logits summed) from a
    port that cites the released train.prototxt; training values from the released files of
    LargeFOV; CRF 4/83/5 and 3/3, quoted for the released MSc-LargeFOV in a port.
Not given: rates and steps for the new weights. The paper starts from a trained LargeFOV and trains
    the new weights only. Here all weights are trained at once, because a run cannot start from a
    trained DeepLab yet; the new weights alone would be
    --config.train.rate_multipliers='(("(?!msc).*",0),("msc._fc8/kernel",10),("msc._fc8/bias",20))'.
Weights: VGG16.h5 is the VGG16 file of Keras Applications (ImageNet, with its top); fc6 and fc7 are
    cut out of fc1 and fc2. Without the flag everything starts from random numbers, from which
    these rates do not come near the mIoU.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_msc", "v1_vgg16")
    config.data.train_split = "train_aug"
    config.crf.update(
        bilateral_sigma_xy=83.0,
        bilateral_sigma_rgb=5.0,
        gaussian_sigma_xy=3.0,
    )
    return config
