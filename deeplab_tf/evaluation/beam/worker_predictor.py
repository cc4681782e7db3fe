"""A predictor as a worker builds it: once a process, the same on every machine."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.shard_record import predictor_hash
from deeplab_tf.pretrained.open_network import open_network


class WorkerPredictor(NamedTuple):
    """What a predictor is built from.

    Attributes:
        model: path or address of the `.keras` file, or `preset:NAME`.
        options: of `Predictor`.
        expected: the `predictor_hash` of the machine that starts the run; None for any.
    """

    model: str
    options: dict[str, Any]
    expected: str | None = None

    def build(self) -> Predictor:
        """Builds the predictor.

        Raises:
            ValueError: it cannot be opened, or is another model than where the run was started.
            OSError: it cannot be read.
        """
        with storage.local_copy(self.model) as file:
            predictor = Predictor(open_network(file), **self.options)
        if self.expected not in (None, predictor_hash(predictor)):
            raise ValueError(
                f"{self.model}: on {socket.gethostname()} another model than on the machine that "
                "started the run. Give every worker the same file."
            )
        return predictor

    def labeller(self, needs: str) -> ImageLabeller:
        """Builds what labels images with all that a row of `NEEDS` brings."""
        predictor = self.build()
        return ImageLabeller(predictor, predictor.model.spec, needs)
