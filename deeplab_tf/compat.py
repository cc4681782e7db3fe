"""The one place that knows which Keras the package runs on (2.15 or 3)."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator

import keras
import tensorflow as tf

KERAS_3 = int(keras.__version__.split(".")[0]) >= 3
TENSORFLOW = tuple(int(part) for part in tf.__version__.split(".")[:2])


def tf_variable(variable: keras.Variable | tf.Variable) -> tf.Variable:
    """Returns the `tf.Variable` behind a Keras variable (the variable itself on Keras 2)."""
    return variable.value if KERAS_3 else variable


def one_image_is_slow() -> bool:
    """Returns whether wide convolutions take longer for one image alone than for each of two.

    Since 2.16 TensorFlow hands oneDNN the kernel as it lies in memory where the batch is one
    (its pull request 62646), which saves sorting it and costs more than that where it is large.
    """
    return TENSORFLOW >= (2, 16) and not tf.config.list_physical_devices("GPU")


def weight_name(variable: keras.Variable | tf.Variable) -> str:
    """Returns the name that the layer gave in `add_weight`, without any scope or suffix."""
    return variable.name.rsplit("/", 1)[-1].split(":")[0]


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers at every depth; their order differs between the stacks."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def leaf_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the innermost of `all_layers`."""
    return [layer for layer in all_layers(model) if not any(True for _ in sub_layers(layer))]


def sub_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields the layers inside a layer."""
    return layer._flatten_layers(include_self=False, recursive=False)


def create_slots(optimizer: keras.optimizers.Optimizer, variables: list[tf.Variable]) -> None:
    """Creates an optimizer's own variables, so that a checkpoint can be restored into them."""
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    else:  # Keras 2's legacy optimizers, which those of tensorflow-addons are
        _ = optimizer.iterations
        optimizer._create_all_weights(variables)


def optimizer_variables(optimizer: keras.optimizers.Optimizer) -> list:
    """Returns an optimizer's own variables, such as its momentum."""
    variables = optimizer.variables
    # A method of Keras 2's legacy optimizers; a list in all others, which can be called in Keras 2.
    return list(variables() if callable(variables) else variables)


def optimizer_class(name: str) -> type:
    """Finds an optimizer by its Keras name, or by its registered name such as `Addons>SGDW`.

    Raises:
        ValueError: the name is unknown, or it belongs to tensorflow-addons and that package
            cannot be imported beside the installed Keras.
    """
    if name.startswith("Addons>"):
        return _addons_optimizer_class(name)
    found = getattr(keras.optimizers, name, None)
    if isinstance(found, type) and issubclass(found, keras.optimizers.Optimizer):
        return found
    raise ValueError(
        f"Unknown optimizer. Received: {name!r}. Use a class name of keras.optimizers such as "
        "'SGD' or 'Adam', or a registered name of tensorflow-addons such as 'Addons>SGDW'."
    )


def _addons_optimizer_class(name: str) -> type:
    try:
        importlib.import_module("tensorflow_addons")
    except ImportError as error:
        raise ValueError(
            f"Optimizer {name!r} needs tensorflow-addons, which runs only beside Keras 2.15 "
            f"(installed: Keras {keras.__version__}). Use the legacy environment: "
            "pip install 'deeplab_tf[legacy]' on Python 3.10 or 3.11."
        ) from error
    found = keras.saving.get_registered_object(name)
    if found is None:
        raise ValueError(f"tensorflow-addons registers no optimizer {name!r}.")
    return found


def callback_list(
    callbacks: list[keras.callbacks.Callback],
) -> keras.callbacks.CallbackList:
    """Returns Keras' list of callbacks; it does not compare their time with that of a step."""
    found = keras.callbacks.CallbackList(callbacks)
    if not KERAS_3:
        found._check_timing = False  # what is told after a step would always be slower than it
    return found


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warns that a name of version 0.1 is used.

    Args:
        old: name that still works.
        new: name to use.
        stacklevel: frames up to the caller, see `warnings.warn`.
    """
    warnings.warn(
        f"{old} is called {new} since version 0.2; the old name goes in version 0.3.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
