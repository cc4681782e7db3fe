"""Functions that are traced into one graph for each object that has them, and their results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deeplab_tf.models.inference import NOT_FINITE


class TracedOnce:
    """Runs a function as a graph that is traced at the first call and never again.

    `tf.function` counts traces by the code of a function, over all objects that have one of it,
    and from the fifth object on it warns of retracing. Here every object has its own graph, so
    that there is nothing to warn of. AutoGraph is off: it would rewrite every function that is
    called, which takes longer than tracing them, and none of ours needs it.

    Args:
        function: takes and returns tensors.
        signature: TensorSpecs of its arguments.

    Example:
        >>> double = TracedOnce(lambda x: 2 * x, [tf.TensorSpec([None], tf.float32)])
        >>> double(np.ones(3)).numpy().tolist()
        [2.0, 2.0, 2.0]
    """

    def __init__(self, function: Callable[..., Any], signature: Sequence[tf.TensorSpec]):
        self._function = tf.function(function, input_signature=signature, autograph=False)
        self._signature = signature
        self._graph: Callable[..., Any] | None = None
        self._lock = threading.Lock()

    def __call__(self, *arguments: tf.Tensor) -> Any:
        """Runs the function on arguments of the signature, tensors or arrays."""
        pairs = zip(arguments, self._signature, strict=True)
        tensors = [tf.convert_to_tensor(value, spec.dtype) for value, spec in pairs]
        if tf.config.functions_run_eagerly():  # for who debugs it
            return self._function(*tensors)
        with self._lock:
            if self._graph is None:
                self._graph = self._function.get_concrete_function()
        return self._graph(*tensors)


def checked_results(function: Callable[..., tuple[Any, tf.Tensor]]) -> Callable[..., Any]:
    """Has a function raise where logits are not finite.

    Args:
        function: returns results and whether logits are finite, bool [B].

    Returns:
        A function that returns the results alone, or raises a FloatingPointError.
    """

    def run(*arguments: tf.Tensor) -> Any:
        results, finite = function(*arguments)
        if not finite.numpy().all():
            raise FloatingPointError(NOT_FINITE)
        return results

    return run
