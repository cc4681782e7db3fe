r"""DeepLab v3+ on the aligned Xception-65, on Cityscapes (19 classes, fine labels).

Command:
    python tools/train.py --config=zoo/cityscapes_xception65_v3plus.py --data_dir=CITYSCAPES \
        --workdir=runs/cityscapes_xception65_v3plus
Then, at an output stride of 8 with frozen batch normalisation:
    python tools/train.py --config=zoo/cityscapes_xception65_v3plus.py --data_dir=CITYSCAPES \
        --workdir=runs/cityscapes_xception65_v3plus_os8 --config.model.output_stride=8 \
        --config.model.batch_norm=frozen --config.train.learning_rate=0.001 \
        --config.model.weights=runs/cityscapes_xception65_v3plus/model.keras
Cost: not measured.
Expected: validation mIoU 78.79 after the first command (Chen et al. 2018, table 7), from ImageNet
    weights, and 80.42 at an output stride of 8 with three scales and mirrored images too (model zoo
    of research/deeplab). There is no CRF in v3+. Not measured by us.
    Frozen layers here keep their gamma and beta, which the released code goes on training.
Sources: Chen et al. 2018, section 4.4, with the crop and the steps of Chen et al. 2017 (appendix on
    Cityscapes); weight decay and multipliers from tensorflow/models, research/deeplab.
Not given: a warm-up (--config.train.warmup_steps=N; the released code has none by default). The
    papers compute the loss on logits at the size of the image, this release on their own grid
    with labels subsampled, which cost v3 1.2 points (Chen et al. 2017, table 8).
Weights: none by default: the released ImageNet weights of this backbone (xception_65, a
    TensorFlow checkpoint) cannot be read by this release, and Keras Applications' Xception is
    another network. From random numbers the steps of this config are too few.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("xception65_v3plus", "v3_separable")
    config.data.augmentation = "scale(0.5..2.0)|crop(769)|mirror"
    config.train.steps = 90000
    return config
