"""From files to batches."""

from deeplab_tf.start_up import waits_for_flags

if not waits_for_flags():
    from deeplab_tf.data.augment import AugmentationPipeline, augment
    from deeplab_tf.data.image import decode_image, read_upright
    from deeplab_tf.data.old_augmentation import Augmentation
    from deeplab_tf.data.pipeline import evaluation_dataset, training_dataset
    from deeplab_tf.data.png import decode_label, encode_label, read_label
    from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes, voc_palette
    from deeplab_tf.data.split import (
        Split,
        naming_broken_files,
        open_spec,
        open_split,
        require_labels,
    )
    from deeplab_tf.data.synthetic import SyntheticSplit
    from deeplab_tf.data.tfrecord import TfrecordSplit
    from deeplab_tf.data.voc_layout import VocSplit

__all__ = [
    "Augmentation",
    "AugmentationPipeline",
    "DataError",
    "DatasetSpec",
    "Split",
    "SyntheticSplit",
    "TfrecordSplit",
    "VocSplit",
    "augment",
    "decode_image",
    "decode_label",
    "encode_label",
    "evaluation_dataset",
    "naming_broken_files",
    "open_spec",
    "open_split",
    "palette_bytes",
    "read_label",
    "read_upright",
    "require_labels",
    "training_dataset",
    "voc_palette",
]
