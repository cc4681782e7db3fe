"""A moving average of the weights, which often predicts better than the weights of any one step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from deeplab_tf.training.optimizers import TrainedVariable


class WeightAverage:
    """Averages the trained variables over the last 1 / (1 - decay) steps or so.

    Statistics of batch normalisation are not among them: they are averages by themselves. Keras'
    own average would take its values before the multipliers of the learning rate are applied.

    Args:
        trained: the variables that are trained.
        decay: share of the old average that a step keeps, 0 to below 1. At first it is less:
            (1 + t) / (10 + t) at step t.

    Attributes:
        variables: the averages by the names of the variables.

    Source: `tf.train.ExponentialMovingAverage`; Polyak and Juditsky 1992.
    """

    def __init__(self, trained: Sequence[TrainedVariable], decay: float):
        self._trained, self._decay = trained, decay
        self.variables = {
            entry.name: tf.Variable(entry.variable, trainable=False, name="average")
            for entry in trained
        }

    def update(self, strategy: tf.distribute.Strategy, step: tf.Tensor) -> None:
        """Takes the weights of a step.

        Must be called outside of the replicas.

        Args:
            strategy: where the variables were created.
            step: number of finished steps.
        """
        finished = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(self._decay, (1.0 + finished) / (10.0 + finished))
        for entry in self._trained:
            strategy.extended.update(
                self.variables[entry.name],
                lambda average, new, share: average.assign_add(share * (new - average)),
                args=(entry.variable, share),
                group=False,
            )

    def apply(self) -> None:
        """Gives the network the averages in place of its weights."""
        for entry in self._trained:
            entry.variable.assign(self.variables[entry.name])

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Gives the network the averages, and its weights again at the end of the block."""
        weights = [tf.identity(entry.variable) for entry in self._trained]
        self.apply()
        try:
            yield
        finally:
            for entry, old in zip(self._trained, weights, strict=True):
                entry.variable.assign(old)
