"""Names of version 0.1 that still work; they go in version 0.3."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from deeplab_tf import compat
from deeplab_tf.compat import warn_renamed

_ATTRIBUTES = {
    "trunk": "backbone",
    "scorer": "head",
    "reach": "receptive_field_radius",
    "score_strides": "logit_strides",
    "score_maps": "logit_maps",
}
_LAYERS = ("trunk", "scorer")

Function = TypeVar("Function", bound=Callable[..., Any])


class OldNames:
    """Mixin of `DeepLab` with its attributes' names of version 0.1.

    Keras writes layers into files under the attributes that `dir` lists: Keras 3 finds backbone and
    head in `layers`, under their own names, before it comes to attributes of these names; Keras 2
    found them as `trunk` and `scorer`. Files of version 0.1 and of this one are the same, so `dir`
    goes on to list what it listed.
    """

    def __dir__(self) -> Iterable[str]:
        """Lists the attributes, the two layers under the names that they have in files."""
        names = set(super().__dir__()) - {"backbone", "head"}
        return names if compat.KERAS_3 else names | set(_LAYERS)

    def __getattr__(self, name: str) -> Any:
        """Returns what an old name stands for."""
        if name not in _ATTRIBUTES:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        new = _ATTRIBUTES[name]
        if not sys._getframe(1).f_globals["__name__"].startswith("keras."):  # it writes a file
            warn_renamed(f"DeepLab.{name}", f"DeepLab.{new}", stacklevel=3)
        return getattr(self, new)


def renamed_argument(old: str, new: str) -> Callable[[Function], Function]:
    """Makes a decorator for functions with a keyword argument that had another name in version 0.1.

    Args:
        old: name that still works.
        new: name of the function's argument.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def renaming(*arguments: Any, **named: Any) -> Any:
            if old in named:
                name = function.__name__
                warn_renamed(f"{name}({old}=)", f"{name}({new}=)")
                named[new] = named.pop(old)
            return function(*arguments, **named)

        return renaming  # type: ignore[return-value]

    return decorate
