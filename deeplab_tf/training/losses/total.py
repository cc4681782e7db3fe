"""The loss of a run: a sum of losses with factors, over all maps of logits that are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_tf.data.label_statistics import count_labels
from deeplab_tf.data.split import Split
from deeplab_tf.training.losses.base import Loss, PixelLoss, WholeBatchLoss
from deeplab_tf.training.losses.class_weights import class_weight_numbers
from deeplab_tf.training.losses.gather import linearize
from deeplab_tf.training.losses.normalization import mark_void


class Term(NamedTuple):
    """One loss of the sum.

    Attributes:
        factor: what it is multiplied by.
        name: row of `LOSSES`.
        loss: the loss with its arguments.
    """

    factor: float
    name: str
    loss: Loss


@dataclasses.dataclass(frozen=True)
class TotalLoss:
    """A sum of losses with factors.

    Args:
        terms: the losses, from `parse_loss`.

    Example:
        >>> from deeplab_tf.training.losses import parse_loss
        >>> loss = parse_loss("cross_entropy + 0.5*dice")
        >>> round(float(loss(np.array([[[0, 255]]]), tf.zeros([1, 1, 2, 4]), ignore_label=255)), 4)
        1.6863
    """

    terms: tuple[Term, ...]

    def __call__(self, labels: tf.Tensor, logits: tf.Tensor, ignore_label: int) -> tf.Tensor:
        """Computes the loss of one batch by itself.

        Args:
            labels: int32 [B, h, w].
            logits: [B, h, w, C] of any float type.
            ignore_label: id of pixels that count nothing.

        Returns:
            float32 scalar.
        """
        labels = mark_void(tf.convert_to_tensor(labels), ignore_label)
        return sum(term.factor * term.loss(labels, logits) for term in self.terms)

    def describe(self) -> str:
        """Returns the text that `parse_loss` reads, such as `focal(gamma=1) + 0.5*dice`."""
        return " + ".join(map(_describe, self.terms))

    def for_split(self, split: Split, log: Callable[[str], None]) -> TotalLoss:
        """Returns the same loss with class weights as numbers, one for every class.

        Where a term names weights such as `median_frequency`, all labels of the split are read.

        Args:
            split: training examples.
            log: receives a line with the weights of every name.

        Raises:
            ValueError: a list of weights is for another number of classes.
            DataError: a file is broken; the message names it.
        """
        given = {getattr(term.loss, "class_weights", None) for term in self.terms}
        names = sorted(weights for weights in given if isinstance(weights, str))
        statistics = count_labels(split) if names else None
        numbers = {name: class_weight_numbers(name, statistics) for name in names}
        for name, weights in numbers.items():
            pairs = zip(split.spec.class_names, weights, strict=True)
            log(f"class weights {name}: {', '.join(f'{n} {w:.4g}' for n, w in pairs)}")
        return TotalLoss(tuple(_with_weights(term, numbers, split) for term in self.terms))

    # === Parts of a batch, for the training step ===

    @property
    def needs_whole_batch(self) -> bool:
        """Whether a term is a `WholeBatchLoss`."""
        return any(isinstance(term.loss, WholeBatchLoss) for term in self.terms)

    def pixel_part(
        self, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor], weights: tf.Tensor
    ) -> tf.Tensor:
        """Computes what the terms that are sums over pixels add for a micro-batch.

        Args:
            labels: int32 [B, h, w] for every map, -1 for void.
            maps: logits [B, h, w, C].
            weights: float32 [maps], from `micro_batch_weights`.

        Returns:
            float32 scalar.
        """
        terms = [term for term in self.terms if isinstance(term.loss, PixelLoss)]
        if not terms:
            return tf.constant(0.0)
        sums = [
            sum(t.factor * tf.reduce_sum(t.loss.pixel_losses(y, logits)) for t in terms)
            for y, logits in zip(labels, maps, strict=True)
        ]
        return tf.reduce_sum(weights * tf.stack(sums))

    def part_alone(
        self, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor], parts: int
    ) -> tf.Tensor:
        """Computes what the other terms add for a micro-batch that is a batch of its own.

        Args:
            labels: int32 [B, h, w] for every map, -1 for void.
            maps: logits [B, h, w, C].
            parts: number of micro-batches on all replicas, over which the mean is taken.

        Returns:
            float32 scalar.
        """
        losses = [
            term.factor * term.loss(y, logits)
            for term in self._whole
            for y, logits in zip(labels, maps, strict=True)
        ]
        return sum(losses) / parts

    def measure(self, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Measures a micro-batch for every term that needs the whole batch, and every map.

        Args:
            labels: int32 [B, h, w] for every map, -1 for void.
            maps: logits [B, h, w, C].

        Returns:
            What `linearize` takes, stacked over the micro-batches, and `linear_part`.
        """
        return [
            term.loss.measure(y, logits)
            for term in self._whole
            for y, logits in zip(labels, maps, strict=True)
        ]

    def measurements(self, maps: int) -> int:
        """Returns the length of the list that `measure` returns for so many maps."""
        return len(self._whole) * maps

    def linearize(
        self, labels: Sequence[tf.Tensor], measured: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes the terms that need the whole batch, and their slopes; see `gather.linearize`.

        Must be called inside a replica.

        Args:
            labels: int32 [M, B, h, w] for every map, of the replica's M micro-batches.
            measured: from `measure`, float32 [M, ...] each.

        Returns:
            The sum of the terms, the same on every replica, and what it changes with `measured`.
        """
        pairs = [(term, y) for term in self._whole for y in labels]
        value, slopes = tf.constant(0.0), []
        for (term, y), own in zip(pairs, measured, strict=True):
            loss, slope = linearize(term.loss, y, own)
            value += term.factor * loss
            slopes.append(term.factor * slope)
        return value, slopes

    def linear_part(
        self, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor], slopes: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        """Computes what has the gradient of a micro-batch's part in those terms.

        Args:
            labels: int32 [B, h, w] for every map, -1 for void.
            maps: logits [B, h, w, C].
            slopes: from `linearize`, of this micro-batch.

        Returns:
            float32 scalar; not the loss.
        """
        measured = self.measure(labels, maps)
        pairs = zip(measured, slopes, strict=True)
        return tf.add_n([tf.reduce_sum(own * slope) for own, slope in pairs])

    @property
    def _whole(self) -> list[Term]:
        return [term for term in self.terms if isinstance(term.loss, WholeBatchLoss)]


def _describe(term: Term) -> str:
    given = [
        f"{field.name}={value}"
        for field in dataclasses.fields(term.loss)
        if (value := getattr(term.loss, field.name)) != field.default
    ]
    arguments = f"({', '.join(given)})" if given else ""
    factor = "" if term.factor == 1 else f"{term.factor:g}*"
    return f"{factor}{term.name}{arguments}"


def _with_weights(term: Term, numbers: dict[str, tuple[float, ...]], split: Split) -> Term:
    weights = getattr(term.loss, "class_weights", None)
    if weights is None:
        return term
    weights = numbers[weights] if isinstance(weights, str) else tuple(weights)
    if len(weights) != split.spec.num_classes:
        raise ValueError(
            f"train.loss: class_weights of {term.name} must be {split.spec.num_classes} numbers, "
            f"one for every class of {split.spec.name!r}. Received: {weights}"
        )
    return term._replace(loss=dataclasses.replace(term.loss, class_weights=weights))
