r"""DeepLab v3 on MobileNetV2 without 3x3 branches, on Cityscapes (19 classes, fine labels).

Command:
    python tools/train.py --config=zoo/cityscapes_mobilenet_v2.py --data_dir=CITYSCAPES \
        --workdir=runs/cityscapes_mobilenet_v2 \
        --config.model.weights=MOBILENET_V2.h5
Then, at an output stride of 8 with frozen batch normalisation:
    python tools/train.py --config=zoo/cityscapes_mobilenet_v2.py --data_dir=CITYSCAPES \
        --workdir=runs/cityscapes_mobilenet_v2_os8 --config.model.output_stride=8 \
        --config.model.batch_norm=frozen --config.train.learning_rate=0.001 \
        --config.model.weights=runs/cityscapes_mobilenet_v2/model.keras
Cost: not measured.
Expected: validation mIoU 70.71 from MS-COCO weights, and 73.57 at an output stride of 8 with three
    scales and mirrored images (Chen et al., the table of the model zoo in research/deeplab). There
    is no CRF in v3. Not measured by us.
    Frozen layers here keep their gamma and beta, which the released code goes on training.
Sources: Sandler et al. 2018, section 6.3, for the network; crop and steps of Chen et al. 2017
    (appendix on Cityscapes); weight decay and multipliers from tensorflow/models, research/deeplab.
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
    config.data.augmentation = "scale(0.5..2.0)|crop(769)|mirror"
    config.train.steps = 90000
    return config
