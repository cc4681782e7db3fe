"""The configuration that all layers of this package share."""

from __future__ import annotations

import inspect
from typing import Any

import keras


class ConfigFromArguments:
    """Mixin whose `get_config` returns every constructor argument from the attribute of its name.

    Forgetting one in a hand-written `get_config` rebuilds a saved model as another network.
    """

    def get_config(self) -> dict[str, Any]:
        """Returns Keras' own entries and every argument of the constructor."""
        parameters = inspect.signature(type(self).__init__).parameters.values()
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        arguments = {name: getattr(self, name) for name in names if name != "self"}
        # Not super(): the Model of Keras 2 leaves out its own name and dtype.
        return {**keras.layers.Layer.get_config(self), **arguments}

    def build(self, input_shape: Any) -> None:
        """Marks the layer as built; layers inside it build themselves when it calls them.

        Keras 3 builds a layer without this method by tracing its `call`, and every layer inside by
        tracing it once more: seconds for a deep network.
        """
        self.built = True
