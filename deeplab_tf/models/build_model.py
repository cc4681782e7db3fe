"""Builds the network of a configuration."""

from __future__ import annotations

import ml_collections

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.precision import POLICIES


def build_model(
    config: ml_collections.ConfigDict, spec: DatasetSpec, precision: str = "float32"
) -> DeepLab:
    """Builds the network of a configuration for a data set.

    Args:
        config: from `training.config.base_config`, or a run's `config.json`.
        spec: the data set; the network carries it, the scale of its images and the parameters of
            the CRF.
        precision: a row of `POLICIES`, in which it computes; that of the configuration is the one
            in which its weights are trained.

    Returns:
        The network with random weights.

    Raises:
        ValueError: an argument is wrong, or CRF parameters are for another number of classes.
    """
    arguments = config.model.to_dict()
    del arguments["weights"]
    CrfParameters.from_dict(config.crf.to_dict()).penalties(spec.num_classes)  # or it raises
    trained_precision = config.train.get("precision", "float32")  # 0.2.0 has no such key
    carried = {
        "image_scale": config.data.image_scale,
        "crf": config.crf.to_dict(),
        "trained_precision": precision if trained_precision == "auto" else trained_precision,
    }
    return DeepLab(dataset=spec, dtype=POLICIES[precision], **carried, **arguments)
