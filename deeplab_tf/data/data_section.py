"""The section `data` of a configuration, which still takes the keys of version 0.1."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from deeplab_tf.start_up import import_rest

# Key of version 0.1 -> its type. They go in version 0.3.
OLD_KEYS = {"crop_size": int, "scales": tuple, "scale_range": tuple, "mirror": bool}
_DEFAULT = "crop(321)|mirror"


class DataSection(ConfigDict):
    """A section whose `augmentation` changes with `crop_size`, `scales`, `scale_range` or `mirror`.

    None of these keys of version 0.1 is stored.
    """

    def __getitem__(self, key: str) -> Any:
        if key not in OLD_KEYS:
            return super().__getitem__(key)
        old, text = _old_augmentation(), self._augmentation()
        old.warn(f"data.{key}", f"data.augmentation={text!r}")
        return old.old_values(text)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in OLD_KEYS:
            super().__setitem__(key, value)
            return
        kind = OLD_KEYS[key]
        if not isinstance(value, (kind, list) if kind is tuple else kind) or (
            isinstance(value, bool) and kind is not bool
        ):
            raise TypeError(f"data.{key} must be of type {kind.__name__}. Received: {value!r}")
        old = _old_augmentation()
        text = old.changed_text(self._augmentation(), key, value)
        old.warn(f"data.{key}", f"data.augmentation={text!r}")
        super().__setitem__("augmentation", text)

    def get_type(self, key: str) -> type:
        """Returns the type of a key, as flags need it."""
        return OLD_KEYS.get(key) or super().get_type(key)

    def _augmentation(self) -> str:
        return self.get("augmentation", _DEFAULT)


def _old_augmentation() -> ModuleType:
    """Imports what reads augmentations, and TensorFlow with it, which nothing else here needs."""
    import_rest()
    from deeplab_tf.data import old_augmentation

    return old_augmentation
