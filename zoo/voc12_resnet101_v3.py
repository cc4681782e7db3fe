r"""DeepLab v3 on ResNet-101 with multi-grid (1, 2, 4), on PASCAL VOC 2012.

Command:
    python tools/train.py --config=zoo/voc12_resnet101_v3.py --data_dir=VOC12 \
        --workdir=runs/voc12_resnet101_v3
Then, at an output stride of 8 with frozen batch normalisation:
    python tools/train.py --config=zoo/voc12_resnet101_v3.py --data_dir=VOC12 \
        --workdir=runs/voc12_resnet101_v3_os8 --config.model.output_stride=8 \
        --config.model.batch_norm=frozen --config.train.learning_rate=0.001 \
        --config.model.weights=runs/voc12_resnet101_v3/model.keras
Cost: not measured.
Expected: validation mIoU 77.21 after the first command, 78.51 where its network is evaluated at an
    output stride of 8, and 79.77 with six scales and mirrored images too (Chen et al. 2017, table
    6). There is no CRF in v3. Not measured by us.
    The second command is the papers' for the test server, where it trains on trainval_aug
    (--config.data.train_split=trainval_aug); frozen layers here keep their gamma and beta, which
    the released code goes on training.
Sources: Chen et al. 2017, section 4; weight decay and multipliers from tensorflow/models,
    research/deeplab, whose scales are 0.5, 0.75, ... 2.0. Sixteen images of 513x513 need several
    devices: then batch_norm=sync estimates the statistics from all of them.
Not given: a warm-up (--config.train.warmup_steps=N; the released code has none by default). The
    papers compute the loss on logits at the size of the image, this release on their own grid
    with labels subsampled, which cost v3 1.2 points (Chen et al. 2017, table 8).
Weights: none by default: the released ImageNet weights of this backbone (resnet_v1_101_beta, a
    TensorFlow checkpoint) cannot be read by this release. With --config.model.backbone=resnet101
    --config.model.weights=RESNET101.h5 the network starts from the ResNet101 file of Keras
    Applications (ImageNet). From random numbers 30000 steps are too few.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet101_v3", "v3_resnet")
    config.data.train_split = "train_aug"
    return config
