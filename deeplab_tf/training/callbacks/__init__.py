"""Callbacks of a run by name. A new one is a file here and a row of `CALLBACKS`."""

from __future__ import annotations

from deeplab_tf.training.callbacks.callback_text import CallbackCall, read_calls
from deeplab_tf.training.callbacks.mlflow_run import MlflowRun
from deeplab_tf.training.callbacks.tracker import ExperimentTracker
from deeplab_tf.training.callbacks.wandb_run import WandbRun

# Name in `train.callbacks`, also of the extra -> class. Those of Keras have the names of their
# classes, and those of users are MODULE:CLASS.
CALLBACKS: dict[str, type[ExperimentTracker]] = {
    "mlflow": MlflowRun,
    "wandb": WandbRun,
}


def parse_callbacks(text: str) -> list[CallbackCall]:
    """Reads the text of `train.callbacks`; nothing of it is run, and nothing imported.

    Args:
        text: callbacks with arguments, `|` between them; docs/training.md lists them.

    Raises:
        ValueError: the text is something else, there is no such callback, it cannot work in a run,
            it does not take an argument, or a package is missing; the message names the part that
            was wrong.

    Example:
        >>> calls = parse_callbacks("CSVLogger('log.csv')|my_module:MyCallback(patience=3)")
        >>> [(call.name, call.unnamed, call.named) for call in calls]
        [('CSVLogger', ['log.csv'], {}), ('my_module:MyCallback', [], {'patience': 3})]
        >>> parse_callbacks("ReduceLROnPlateau(patience=3)")
        Traceback (most recent call last):
        ...
        ValueError: 'ReduceLROnPlateau(patience=3)': it cannot work in a run: the learning rate ...
    """
    if not isinstance(text, str):
        raise ValueError(f"callbacks are a text such as 'CSVLogger()'. Received: {text!r}")
    return read_calls(text, CALLBACKS)
