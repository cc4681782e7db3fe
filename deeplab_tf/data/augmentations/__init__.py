"""The operations that an augmentation can be made of: one file each, and a row here."""

from deeplab_tf.data.augmentations.blur import Blur
from deeplab_tf.data.augmentations.color_jitter import ColorJitter
from deeplab_tf.data.augmentations.crop import Crop
from deeplab_tf.data.augmentations.mirror import Mirror
from deeplab_tf.data.augmentations.operation import Operation
from deeplab_tf.data.augmentations.rotate import Rotate
from deeplab_tf.data.augmentations.scale import Scale

# Name in the text of an augmentation, which is that of the class -> the class.
OPERATIONS: dict[str, type[Operation]] = {
    "scale": Scale,
    "crop": Crop,
    "mirror": Mirror,
    "rotate": Rotate,
    "color_jitter": ColorJitter,
    "blur": Blur,
}

__all__ = ["OPERATIONS"]
