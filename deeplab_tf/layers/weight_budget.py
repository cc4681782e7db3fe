"""Bounds the weights of a network by those that its file holds, while it is built."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

# 1 MiB in float32: what a file need not hold, such as the state of random numbers.
_FREE_WEIGHTS = 2**18


class TooManyWeightsError(ValueError):
    """A network has far more weights than its file."""


class _Budget:
    def __init__(self, weights: int):
        # A backbone of Keras is made twice: as Keras has it, and dense.
        self.left = 2 * weights + _FREE_WEIGHTS
        self.is_spent = False

    def require(self, weights: int) -> None:
        if weights > self.left:
            self.is_spent = True
            raise TooManyWeightsError

    def create(self, next_creator: Callable, **arguments: Any) -> tf.Variable:
        """Makes a variable, as `tf.variable_creator_scope` asks for."""
        variable = next_creator(**arguments)
        self.require(variable.shape.num_elements())
        self.left -= variable.shape.num_elements()
        return variable


_BUDGET: contextvars.ContextVar[_Budget | None] = contextvars.ContextVar("budget", default=None)


@contextlib.contextmanager
def weights_at_most(weights: int, source: str | os.PathLike) -> Iterator[None]:
    """Ends the block with an error as soon as it makes more weights than a file holds.

    A small file could describe a network that takes gigabytes and minutes to build, before it
    shows that its weights are those of another one.

    Args:
        weights: numbers that the file holds.
        source: what the error message calls it.

    Raises:
        TooManyWeightsError: the block makes far more.

    Example:
        >>> with weights_at_most(10, "model.keras"):
        ...     layer = tf.Variable(tf.zeros([2, 5]))
    """
    budget = _Budget(weights)
    token = _BUDGET.set(budget)
    try:
        with tf.variable_creator_scope(budget.create):
            yield
    except Exception as error:  # Keras wraps what is raised inside a layer in errors of its own
        if budget.is_spent:
            raise TooManyWeightsError(
                f"{source}: describes a network of far more weights than the {weights} numbers "
                "that it holds."
            ) from error
        raise
    finally:
        _BUDGET.reset(token)


def require_room(weights: int) -> None:
    """Raises a ValueError where `weights_at_most` leaves no room for a variable.

    Layers whose variables can be large call it before they make them.

    Args:
        weights: of the variable.
    """
    budget = _BUDGET.get()
    if budget:
        budget.require(weights)
