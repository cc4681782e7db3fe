"""A model that computes in another number format, with the same weights."""

from __future__ import annotations

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.precision import POLICIES


def in_precision(model: DeepLab, name: str) -> DeepLab:
    """Returns a model that computes in a number format.

    Args:
        model: a DeepLab in any precision.
        name: a row of `POLICIES`.

    Returns:
        The model itself where it computes so already, else another with a copy of its weights.
    """
    if model.backbone.compute_dtype == name:
        return model
    copy = type(model).from_config({**model.get_config(), "dtype": POLICIES[name]})
    variables = copy.variables_by_name()
    for key, variable in model.variables_by_name().items():
        variables[key].assign(variable)
    return copy
