r"""DeepLab v3+ on the aligned Xception-65 with separable convolutions, on PASCAL VOC 2012.

Command:
    python tools/train.py --config=zoo/voc12_xception65_v3plus.py --data_dir=VOC12 \
        --workdir=runs/voc12_xception65_v3plus
Then, at an output stride of 8 with frozen batch normalisation:
    python tools/train.py --config=zoo/voc12_xception65_v3plus.py --data_dir=VOC12 \
        --workdir=runs/voc12_xception65_v3plus_os8 --config.model.output_stride=8 \
        --config.model.batch_norm=frozen --config.train.learning_rate=0.001 \
        --config.model.weights=runs/voc12_xception65_v3plus/model.keras
Cost: not measured.
Expected: validation mIoU 79.79 after the first command (Chen et al. 2018, table 5), from ImageNet
    weights; 82.20 from MS-COCO weights, as released, and 83.58 at an output stride of 8 with six
    scales and mirrored images too. There is no CRF in v3+. Not measured by us.
    The second command is the papers' for the test server, where it trains on trainval_aug
    (--config.data.train_split=trainval_aug); frozen layers here keep their gamma and beta, which
    the released code goes on training.
Sources: Chen et al. 2018, section 4; weight decay and multipliers from tensorflow/models,
    research/deeplab, whose scales are 0.5, 0.75, ... 2.0. Sixteen images of 513x513 need several
    devices: then batch_norm=sync estimates the statistics from all of them.
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
    config.data.train_split = "train_aug"
    return config
