r"""DeepLab-MSc-LargeFOV (VGG-16 with multi-scale features) on PASCAL VOC 2012, as in DeepLab v1.

Command:
    python tools/train.py --config=zoo/voc12_vgg16_msc.py --data_dir=VOC12 \
        --workdir=runs/voc12_vgg16_msc --config.model.weights=runs/voc12_vgg16_large_fov_v1
Cost: not measured.
Expected: validation mIoU 64.21 before and 68.70 after the CRF (Chen et al. 2015, table 1a).
Sources: section 4.3; the released train.prototxt of DeepLab-MSc-LargeFOV: branches (3x3 with stride
    8, 4, 2, 1, 1, then two 1x1, logits summed), what learns and how fast, and from which weights;
    its test.prototxt, whose branches have no strides, as in our prediction. Other training values
    from the released files of LargeFOV; CRF 4/83/5 and 3/3, quoted for the released MSc-LargeFOV
    in a port.
Not given: nothing.
Weights: only the branches are trained, beside a LargeFOV whose weights are frozen: that of the run
    of zoo/voc12_vgg16_large_fov_v1.py. To train everything at once, give
    --config.train.rate_multipliers='((".*/bias",2),)' --config.model.msc_start=he_normal.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("vgg16_msc", "v1_vgg16")
    config.data.train_split = "train_aug"
    config.model.msc_start = "released"
    config.train.rate_multipliers = (("(?!msc).*", 0.0), (".*/bias", 2.0))
    config.crf.update(
        bilateral_sigma_xy=83.0,
        bilateral_sigma_rgb=5.0,
        gaussian_sigma_xy=3.0,
    )
    return config
