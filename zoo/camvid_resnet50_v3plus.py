r"""DeepLab v3+ (ResNet-50) on CamVid, 11 classes, from random weights.

Command:
    python tools/train.py --config=zoo/camvid_resnet50_v3plus.py --data_dir=CAMVID \
        --workdir=runs/camvid_resnet50_v3plus
Cost: 1200 steps of 4 crops in 80 minutes on 2 CPU cores beside other work, 2.5 to 4.3 s a step.
Expected: validation mIoU 43.95 before and 45.97 after the CRF, pixel accuracy 79.08 and 83.96 (101
    images of 480x360, measured with tools/evaluate.py --split=val --crf; trained with
    --config.train.precision=float32). 13 epochs from random weights are few: the loss still falls.
Sources: none; this is no published result.
Weights: none are at hand without a network. Where there is one, --config.model.backbone=resnet50
    --config.model.weights=imagenet starts from those of Keras Applications.
"""

from deeplab_tf.training.recipes import recipe_config


def get_config():
    config = recipe_config("resnet50_v3plus", "camvid_v3")
    # Crops of 241 have 16 features a side: rates of 6, 12 and 18 are wide enough without more.
    config.model.update(backbone="resnet50_v1_5", multi_grid=(1, 1, 1))
    config.train.update(steps=1200, batch_size=4)
    return config
