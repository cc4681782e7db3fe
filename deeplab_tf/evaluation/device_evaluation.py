"""Evaluates a network on several devices of one machine at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.data.pipeline import spread_evenly
from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.evaluate import EvaluatedImage, evaluate
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.models.deeplab import DeepLab


class DeviceEvaluation:
    """Evaluates a network on a split, each device a part of the images.

    Args:
        split: the images and their labels.
        limit: number of images; None for all.
        progress: wraps the images of the first device, such as `tqdm`.
        callbacks: as for `evaluate`; one is called from a thread of every device.
    """

    def __init__(
        self,
        split: Split,
        limit: int | None,
        progress: Callable[[Iterable], Iterable],
        callbacks: Sequence[Callable[[EvaluatedImage], object]],
    ):
        self._split, self._limit, self._callbacks = split, limit, callbacks
        self._progress = progress
        # One a device for all evaluations of a network, so that it is traced once.
        self._predictors_of = functools.lru_cache(maxsize=1)(_build_predictors)

    def parts(
        self,
        model: DeepLab,
        shard: tuple[int, int] | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> list[dict[str, Any]]:
        """Evaluates a network on a share of the images.

        Args:
            model: the network.
            shard: as for `evaluate`; None is all images.
            strategy: that the network was built with; its devices of this machine share the work,
                each with its copy of the variables. None computes where TensorFlow finds fit.

        Returns:
            For every device that has images what `evaluate` returns of its part, which is shard
            `(place - 1) * devices + k` of all.
        """
        place, places = shard or (1, 1)
        devices = local_devices(strategy)
        images = len(spread_evenly(len(self._split), self._limit))
        count = max(1, min(len(devices), images // places))
        predictors = self._predictors_of(model, strategy, tuple(devices[:count]))
        if count == 1:
            return [self._evaluate(predictors[0], shard, self._progress)]
        ended = threading.Event()

        def part(number: int) -> dict[str, Any]:
            def images(dataset: Iterable) -> Iterator:
                shown = self._progress(dataset) if number == 0 else dataset
                for example in shown:
                    if ended.is_set():
                        return
                    yield example

            own = ((place - 1) * count + number + 1, places * count)
            return self._evaluate(predictors[number], own, images)

        with ThreadPoolExecutor(max_workers=count) as threads:
            parts = [threads.submit(part, number) for number in range(count)]
            try:
                failed = [
                    each
                    for each in wait(parts, return_when=FIRST_EXCEPTION).done
                    if each.exception()
                ]
                return [each.result() for each in failed or parts]
            finally:  # where one failed, or a signal came, the others need not go on
                ended.set()

    def _evaluate(
        self,
        predictor: Predictor,
        shard: tuple[int, int] | None,
        progress: Callable[[Iterable], Iterable],
    ) -> dict[str, Any]:
        return evaluate(predictor, self._split, self._limit, progress, self._callbacks, shard)


class _DevicePredictor(Predictor):
    """A predictor that computes on one device, with its copy of the variables."""

    def __init__(self, model: DeepLab, strategy: tf.distribute.Strategy, device: str):
        super().__init__(model)
        self._strategy, self._device = strategy, device

    def predict_stages(self, image: np.ndarray) -> list[np.ndarray]:
        # Only in the scope does a variable stand for the copy of the device.
        with self._strategy.scope(), tf.device(self._device):
            return super().predict_stages(image)


def local_devices(strategy: tf.distribute.Strategy | None) -> tuple[str, ...]:
    """Returns the names of the devices of this machine that a strategy computes on at once.

    Args:
        strategy: one with several devices, or another, which has none of its own.
    """
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return ()
    return tuple(strategy.extended.worker_devices)


def _build_predictors(
    model: DeepLab, strategy: tf.distribute.Strategy | None, devices: tuple[str, ...]
) -> list[Predictor]:
    if strategy is None or len(devices) < 2:
        return [Predictor(model)]
    return [_DevicePredictor(model, strategy, device) for device in devices]
