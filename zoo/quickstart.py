"""The quick start: a narrow DeepLab with multi-scale features on the embedded scenes.

Command:
    python tools/train.py --config=zoo/quickstart.py --data_dir=synthetic --workdir=runs/quickstart
Cost: 600 steps of 4 scenes in 45 s on 2 CPU cores.
Expected: validation mIoU 94.50 before and 99.26 after the CRF (measured in float32; in bfloat16
    93.94 and 98.60; the majority-class baseline has 13.75). Other machines differ by a point or
    two.
Sources: none; this is no published result. From random weights the early maps of the multi-scale
    features (Chen et al. 2015, section 4.3) learn the textures several times sooner than fc8 does.
"""

from deeplab_tf.training.config import base_config


def get_config():
    config = base_config("vgg16_msc")
    # Scenes are small: fc6 of rate 12 would look at nothing but their padding.
    config.model.update(width=0.25, fc6_rate=2, dropout=0.1)
    config.data.augmentation = "crop(97)|mirror"
    config.train.update(
        steps=600,
        batch_size=4,
        optimizer="Adam",
        optimizer_args="",
        learning_rate=1e-3,
        weight_decay=0.0,
        # Pixels are some 60 times larger than activations, and so is what a step of Adam does.
        rate_multipliers=(("(conv1_1|msc0_conv1)/kernel", 0.02),),
        decay_multipliers=(),
        precision="auto",
        checkpoint_every=200,
        eval_every=200,
        log_every=50,
    )
    config.crf.update(bilateral_sigma_xy=20.0, bilateral_sigma_rgb=15.0, bilateral_weight=4.0)
    return config
