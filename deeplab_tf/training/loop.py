"""A run of training: its checks, its phases, and what ends it."""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Callable

import ml_collections
import tensorflow as tf

from deeplab_tf.data.files import remove_unfinished
from deeplab_tf.data.split import Split, require_labels
from deeplab_tf.models.checkpoint_files import newest_whole
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.old_names import warn_renamed
from deeplab_tf.precision import PRECISIONS, Precision, explain_precision
from deeplab_tf.training.callbacks.runner import RunCallbacks
from deeplab_tf.training.config import resolve_config
from deeplab_tf.training.config_ranges import check_config
from deeplab_tf.training.divergence import DivergedError
from deeplab_tf.training.evaluations import Evaluate
from deeplab_tf.training.interruption import Interruption, noting_signals
from deeplab_tf.training.phase_checks import check_later_phases
from deeplab_tf.training.phase_training import PhaseTraining
from deeplab_tf.training.phases import phase_at, split_phases
from deeplab_tf.training.remote_workdir import RemoteWorkdir, open_workdir
from deeplab_tf.training.run_lock import locked
from deeplab_tf.training.workdir import Workdir, recorded_precision
from deeplab_tf.training.workers import gather, is_chief, require_same_run, share_of_batch

# Orders of the images that `train.on_nan="rollback"` tries from one checkpoint.
_MOST_ORDERS = 3


class Trainer:
    """Trains a network from the work directory's last checkpoint, or from the start.

    Args:
        config: from `base_config`.
        split: training examples.
        workdir: folder for everything the run writes, or its address in an object store, such as
            `gs://BUCKET/FOLDER`: the run works in a copy, and uploads every checkpoint, evaluation
            and model.
        strategy: where to train; one device if left out. Of several workers each has a Trainer,
            and only the chief's writes, evaluates and logs.
        log: receives lines for people.
        say: the name of `log` in version 0.1.

    Raises:
        ValueError: a value of the configuration is wrong, or it contradicts itself or the work
            directory; the checkpoint or the first weights are not finite; or workers were started
            with different configurations or data.
        DataError: class weights are asked for by name, and a file of labels is broken.

    Example:
        >>> import deeplab_tf, tempfile
        >>> from deeplab_tf.training.config import base_config
        >>> config = base_config("vgg16_large_fov")
        >>> config.data.augmentation, config.model.width = "crop(33)|mirror", 0.05
        >>> config.train.steps = 2
        >>> trainer = Trainer(config, deeplab_tf.data.open_split("synthetic", "train"),
        ...                   tempfile.mkdtemp(), log=lambda line: None)
        >>> trainer.run().num_classes
        5
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        split: Split,
        workdir: str | os.PathLike,
        strategy: tf.distribute.Strategy | None = None,
        log: Callable[[str], None] = print,
        say: Callable[[str], None] | None = None,
    ):
        if say is not None:
            warn_renamed("Trainer(say=)", "Trainer(log=)")
            log = say
        check_config(config)
        require_labels(split)
        workdir = open_workdir(workdir)
        self.config = config = resolve_config(config, len(split))
        self.split = split
        self.strategy = strategy or tf.distribute.get_strategy()
        self._is_chief = is_chief(self.strategy)
        self.log = log if self._is_chief else _no_log
        if config.train.precision == "auto":
            precision = self._choose_precision(workdir)
            self.log(str(precision))
            config.train.precision = precision.name
        self._phases = split_phases(config)
        for phase in self._phases:  # refuses what cannot be divided
            share_of_batch(phase.config.train.batch_size, self.strategy)
        require_same_run(self.strategy, config.to_json(), split)
        self._remote = workdir if isinstance(workdir, RemoteWorkdir) else None
        self._workdir = Workdir(workdir, config.to_dict(), split.spec)
        self._orders_tried = collections.Counter[int]()
        step = 0
        if len(self._phases) > 1:  # else it need not be known yet
            folder = self._workdir.path / "checkpoints"
            step = newest_whole(folder, lambda line: None) or 0
        self._index = phase_at(self._phases, step)
        self._training = self._go_on()
        check_later_phases(self._phases[self._index + 1 :], self.model)
        # Classes of the user's are imported, and may not be there: before the folder is bound.
        text = config.train.callbacks if self._is_chief else ""
        step, folder = self._training.state.first_step, self._workdir.path
        self._callbacks = RunCallbacks(text, self.model, config.to_dict(), folder, step, self.log)

    def _go_on(self) -> PhaseTraining:
        """Builds what trains from the newest checkpoint, or from the start."""
        phase = self._phases[self._index]
        return PhaseTraining(phase, self.split, self._workdir, self.strategy, self.log)

    def _reopen(self) -> None:
        if self._remote:
            gather(self.strategy, 0)  # until the chief has uploaded the newest checkpoint
            if not self._is_chief:
                self._remote.download()
        self._training = self._go_on()
        self._callbacks.set_model(self.model)
        self._training.open_files(self._callbacks)

    @property
    def model(self) -> DeepLab:
        """The network; with another phase of the run it is another object."""
        return self._training.model

    def _choose_precision(self, workdir: str | os.PathLike) -> Precision:
        # A run that goes on keeps what it began with, on another machine too.
        begun = recorded_precision(workdir)
        precision = Precision(begun, "as the run began") if begun else explain_precision("auto")
        if len(set(gather(self.strategy, PRECISIONS.index(precision.name)))) > 1:
            return Precision("float32", "the workers are fast in different ones")
        return precision

    def run(self, evaluate: Evaluate = None) -> DeepLab:
        """Trains to the last step and saves `WORKDIR/model.keras` and `WORKDIR/last.keras`.

        Args:
            evaluate: called with the model every `eval_every` steps and at the end, never where
                that is 0; what it returns is logged, and has the number that is monitored. A
                function is called by the chief, and other workers wait; they share an object such
                as `evaluation.SplitEvaluation`, which evaluates in parts.

        Returns:
            The trained model, with the weights of `model.keras`.

        Raises:
            FloatingPointError: the loss or a weight is not a finite number any more. Of such a
                network nothing is saved; the checkpoints before stay.
            OSError: a file cannot be written; the message names it.
            DataError: a file turned out to be broken; the message names it.
            ConnectionError: another worker stopped.
            RunInterruptedError: SIGTERM or SIGINT came; there is a checkpoint of the last step. An
                evaluation that it came in is made up when the run goes on.
            ValueError: another process is training in the work directory.
        """
        lock = locked(self._workdir.path) if self._is_chief else contextlib.nullcontext()
        with lock, noting_signals() as interruption:
            if self._is_chief:
                if self._remote:
                    self._remote.claim()
                for folder in (self._workdir.path, self._workdir.path / "checkpoints"):
                    remove_unfinished(folder)
            self._training.open_files(self._callbacks)
            with self._callbacks.running():
                while not self._is_over(evaluate, interruption):
                    pass
                self._training.finish()
                self._workdir.upload()
        # A worker that leaves would end the chief's process too. Everything is written by now, so
        # who is the last to hear of the other's arrival may find it gone.
        with contextlib.suppress(ConnectionError):
            gather(self.strategy, 0)
        return self.model

    def _is_over(self, evaluate: Evaluate, interruption: Interruption) -> bool:
        """Trains to the end of a phase, or goes back where the run breaks and may do so."""
        try:
            ends_early = self._training.run(evaluate, interruption)
        except DivergedError as error:
            self._go_back(error)
            return False
        if ends_early or self._index == len(self._phases) - 1:
            return True
        self._index += 1
        self._reopen()
        return False

    def _go_back(self, error: DivergedError) -> None:
        """Goes back to the newest checkpoint, from which the images come in another order."""
        saved = self._training.state.saved
        self._orders_tried[saved] += 1
        if self.config.train.on_nan == "stop":
            raise error
        if self._orders_tried[saved] > _MOST_ORDERS:
            raise DivergedError(
                f"{error} From step {saved} {_MOST_ORDERS} other orders of the images ended so."
            ) from error
        self.log(f"{error} Going back to step {saved}, with the images in another order.")
        self._reopen()
        self._training.state.reorders += self._orders_tried[saved]


def _no_log(line: str) -> None:
    """Logs nothing: what a worker does that is not the chief."""
