r"""DeepLab v3 on MobileNetV2 without 3x3 branches, on PASCAL VOC 2012.

Command:
    python tools/train.py --config=zoo/voc12_mobilenet_v2.py --data_dir=VOC12 \
        --workdir=runs/voc12_mobilenet_v2 --config.model.weights=MOBILENET_V2.h5
Then, at an output stride of 8 with frozen batch normalisation:
    python tools/train.py --config=zoo/voc12_mobilenet_v2.py --data_dir=VOC12 \
        --workdir=runs/voc12_mobilenet_v2_os8 --config.model.output_stride=8 \
        --config.model.batch_norm=frozen --config.train.learning_rate=0.001 \
        --config.model.weights=runs/voc12_mobilenet_v2/model.keras
Cost: not measured.
Expected: validation mIoU 75.32 from MS-COCO weights (Sandler et al. 2018, table 7), and 77.33 at an
    output stride of 8 with six scales and mirrored images (model zoo of research/deeplab). There is
    no CRF in v3. Not measured by us.
    The second command is the papers' for the test server, where it trains on trainval_aug
    (--config.data.train_split=trainval_aug); frozen layers here keep their gamma and beta, which
    the released code goes on training.
Sources: Sandler et al. 2018, section 6.3, which trains as v3 (Chen et al. 2017, section 4); weight
    decay and multipliers from tensorflow/models, research/deeplab.
Not given: a warm-up (--config.train.warmup_steps=N; the released code has none by default). The
    papers compute the loss on logits at the size of the image, this release on their own grid
    with labels subsampled, which cost v3 1.2 points (Chen et al. 2017, table 8).
Weights: MOBILENET_V2.h5 is the MobileNetV2 file of Keras Applications (ImageNet, alpha 1.0). The
    released net starts from MS-COCO weights (a TensorFlow checkpoint), which this release cannot
    read.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("mobilenet_v2_v3", "v3_separable")
    config.data.train_split = "train_aug"
    return config
