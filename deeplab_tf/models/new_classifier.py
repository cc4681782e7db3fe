"""A trained network for other classes: all but its classifier stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.arguments import dataset_spec, number_of_classes
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights.apply import assign_arrays
from deeplab_tf.weights.tensor_report import WeightReport
from deeplab_tf.weights.trained_model import read_variables

_MOST_CLASSES = 255


def with_classes(
    model: DeepLab,
    num_classes: int | None = None,
    dataset: DatasetSpec | Mapping[str, Any] | None = None,
) -> tuple[DeepLab, WeightReport]:
    """Builds the network again for other classes, with the same weights but for the classifier.

    The classifier is what depends on the number of classes: kernel and bias of the last
    convolution of every branch. It starts at random, unless the classes stay the same: as many of
    them and, where both sides name theirs, the same names in the same order.

    Args:
        model: the trained network; it stays as it is.
        num_classes: channels of the new logits; may be left out when `dataset` is given.
        dataset: the data set with the new classes. Without it a network with another number of
            classes has none, and unnamed classes.

    Returns:
        The new network, and the report: a tensor of the classifier is `new`, all others are
        `loaded`. A penalty of the CRF for every class or pair of classes becomes `potts` where
        their number changes.

    Raises:
        ValueError: both arguments are left out or contradict each other.

    Example:
        >>> trained = deeplab_tf.DeepLab(num_classes=21, width=0.05)
        >>> model, report = with_classes(trained, num_classes=4)
        >>> model.num_classes, report.names("new")
        (4, ['fc8/kernel', 'fc8/bias'])
    """
    carried = None if dataset is None else dataset_spec(dataset).to_dict()
    count = number_of_classes(num_classes, carried)
    stays = count == model.num_classes
    if carried is None and stays:
        carried = model.dataset
    new = _rebuilt(model, count, carried)
    arrays = read_variables(model)
    renamed = model.dataset is not None and new.spec.class_names != model.spec.class_names
    if not stays or renamed:
        for name in _classifier(model, new):
            del arrays[name]
    return new, assign_arrays(new, arrays, model.name)


def _rebuilt(model: DeepLab, num_classes: int, dataset: Mapping[str, Any] | None) -> DeepLab:
    changes = {"num_classes": num_classes, "dataset": dataset, "crf": model.crf}
    if model.crf is not None:
        try:
            CrfParameters.from_dict(model.crf).penalties(num_classes)
        except ValueError:  # they are for the old classes
            changes["crf"] = {**model.crf, "compatibility": "potts"}
    return type(model).from_config({**model.get_config(), **changes})


def _classifier(model: DeepLab, new: DeepLab) -> list[str]:
    """Returns the names of the variables whose shape depends on the number of classes."""
    if new.num_classes == model.num_classes:
        other = new.num_classes + (1 if new.num_classes < _MOST_CLASSES else -1)
        new = _rebuilt(model, other, None)
    old, others = model.variables_by_name(), new.variables_by_name()
    return [name for name in old if tuple(old[name].shape) != tuple(others[name].shape)]
