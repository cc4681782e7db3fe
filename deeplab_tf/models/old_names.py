"""What keeps files and callers of version 0.1 working; goes in version 0.3."""

from __future__ import annotations

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


class OldNames:
    """Mixin of `DeepLab` with its attributes' names of version 0.1.

    Keras writes layers into files under the attributes that `dir` lists: Keras 3 finds backbone and
    head in `layers`, under their own names, before it comes to attributes of these names; Keras 2
    found them as `trunk` and `scorer`. Files of version 0.1 and of this one are the same, so `dir`
    goes on to list what it listed.
    """

    def __dir__(self):
        """Lists the attributes, the two layers under the names that they have in files."""
        names = set(super().__dir__()) - {"backbone", "head"}
        return names if compat.KERAS_3 else names | set(_LAYERS)

    def __getattr__(self, name: str):
        """Returns what an old name stands for."""
        if name not in _ATTRIBUTES:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        new = _ATTRIBUTES[name]
        warn_renamed(f"DeepLab.{name}", f"DeepLab.{new}", stacklevel=3)
        return getattr(self, new)
