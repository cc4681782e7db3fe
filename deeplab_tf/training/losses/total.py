"""The loss of a run: a sum of losses with factors, over all maps of logits that are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from deeplab_tf.data.label_statistics import count_labels
from deeplab_tf.data.split import Split
from deeplab_tf.training.losses.base import Loss, PixelLoss, WholeBatchLoss
from deeplab_tf.training.losses.batch_weights import mark_void
from deeplab_tf.training.losses.class_weights import class_weight_numbers


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
        logits = tf.cast(logits, tf.float32)  # once, so that gradients are added up in float32
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
        given = [getattr(term.loss, "class_weights", None) for term in self.terms]
        names = sorted({weights for weights in given if isinstance(weights, str)})
        numbers = {}
        if names:
            statistics = count_labels(split)
            numbers = {name: class_weight_numbers(name, statistics) for name in names}
        for name, weights in numbers.items():
            pairs = zip(split.spec.class_names, weights, strict=True)
            log(f"class weights {name}: {', '.join(f'{n} {w:.4g}' for n, w in pairs)}")
        return TotalLoss(tuple(_with_weights(term, numbers, split) for term in self.terms))

    @property
    def pixel_terms(self) -> list[tuple[float, PixelLoss]]:
        """Factors and losses of the terms that are sums over pixels."""
        return [(factor, x) for factor, _, x in self.terms if isinstance(x, PixelLoss)]

    @property
    def whole_batch_terms(self) -> list[tuple[float, WholeBatchLoss]]:
        """Factors and losses of the terms that need the whole batch."""
        return [(factor, x) for factor, _, x in self.terms if isinstance(x, WholeBatchLoss)]


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
    loss: Any = term.loss
    return term._replace(loss=dataclasses.replace(loss, class_weights=weights))
