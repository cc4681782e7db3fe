"""The batches of a run: augmented by its configuration, and shared among replicas and workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_collections
import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline, read_augmentation
from deeplab_tf.data.pipeline import training_dataset
from deeplab_tf.data.split import Split
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.workers import share_of_batch


def build_augmentation(config: ml_collections.ConfigDict, model: DeepLab) -> AugmentationPipeline:
    """Builds the augmentation of a configuration.

    Raises:
        ValueError: the crop does not fit the grid of logits; the message names sizes that do.
    """
    augmentation, multiple = read_augmentation(config.data), model.size_multiple
    side = augmentation.crop_size
    if side % multiple != 1 % multiple:
        below = max(side - 1, multiple) // multiple * multiple + 1
        raise ValueError(
            f"The crop of data.augmentation must be a multiple of {multiple} plus 1, such as "
            f"crop({below}) or crop({below + multiple}). Received: {config.data.augmentation!r}"
        )
    return augmentation


def distributed_batches(
    config: ml_collections.ConfigDict,
    split: Split,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    strategy: tf.distribute.Strategy,
    start_step: int,
    seed: int,
) -> Iterator[Any]:
    """Returns the batches of a run, one for every step.

    Args:
        config: the run's.
        split: training examples.
        augmentation: from `build_augmentation`.
        pad_color: RGB of padding.
        strategy: where to train; every worker reads the part of its own replicas.
        start_step: steps that are done.
        seed: of the order of the images and of their augmentation.
    """
    settings = config.train

    def dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return training_dataset(
            split,
            augmentation,
            pad_color,
            micro_batch=share_of_batch(settings.batch_size, strategy),
            iter_size=settings.iter_size,
            seed=seed,
            start_step=start_step,
            replicas=strategy.num_replicas_in_sync,
            worker=context.input_pipeline_id,
            workers=context.num_input_pipelines,
            cache=config.data.cache,
        )

    return iter(strategy.distribute_datasets_from_function(dataset))
