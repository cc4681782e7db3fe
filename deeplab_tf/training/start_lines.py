"""What a run says at its start: what its steps consist of, and the time and memory they take."""

from __future__ import annotations

import datetime
import resource
import time
from pathlib import Path

import ml_collections
import tensorflow as tf

_WARM_UP, _TIMED = 2, 4  # steps: the first also traces and compiles


def describe_steps(
    settings: ml_collections.ConfigDict, crop_size: int, images: int, replicas: int
) -> str:
    """Describes the steps of a run in one line.

    Args:
        settings: section `train` of the configuration.
        crop_size: side of a crop in pixels.
        images: number of training images.
        replicas: number of devices.

    Example:
        >>> from deeplab_tf.training.config import base_config
        >>> settings = base_config("vgg16_large_fov").train
        >>> describe_steps(settings, crop_size=321, images=10582, replicas=1)
        'steps: 20000 of 10 crops of 321x321, 1.03 million pixels each; 18.9 epochs'
    """
    batch, iter_size = settings.batch_size, settings.iter_size
    crops = batch * iter_size
    parts = [f"{iter_size} micro-batches of {batch}"] if iter_size > 1 else []
    parts += [f"{replicas} replicas of {batch // replicas}"] if replicas > 1 else []
    division = f" ({', '.join(parts)})" if parts else ""
    pixels = crops * crop_size**2 / 1e6
    return (
        f"steps: {settings.steps} of {crops} crops of {crop_size}x{crop_size}{division}, "
        f"{pixels:.3g} million pixels each; {settings.steps * crops / images:.1f} epochs"
    )


class FirstSteps:
    """Measures the first steps of a process, and says what the rest will take.

    Args:
        first_step: steps that were done before.
        last_step: steps of the run at the end of what is trained now.
    """

    def __init__(self, first_step: int, last_step: int):
        self._first, self._last = first_step, last_step
        self._begin = 0.0

    def measure(self, step: int, loss: tf.Tensor) -> str | None:
        """Takes the end of a step; waits for it where the time is taken.

        Args:
            step: the step just done.
            loss: its loss.

        Returns:
            A line, once there are enough steps and some are left.
        """
        done = step - self._first
        if done == _WARM_UP:
            loss.numpy()
            self._begin = time.monotonic()
        if done != _WARM_UP + _TIMED or step == self._last:
            return None
        loss.numpy()
        seconds = (time.monotonic() - self._begin) / _TIMED
        left = datetime.timedelta(seconds=round(seconds * (self._last - step)))
        return f"{seconds:.2g} s a step, {left} for the steps that are left; {_memory()}"


def _memory() -> str:
    """Describes the most memory that was in use: that of the GPUs, else of the process."""
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if gpus:
        name = gpus[0].removeprefix("/device:")
        peak = tf.config.experimental.get_memory_info(name)["peak"]
        return f"{peak / 1e9:.1f} GB of memory on {name}"
    return f"{_peak_bytes() / 1e9:.1f} GB of memory"


def _peak_bytes() -> float:
    """Returns the most memory that this process has had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    # What Linux gives there begins with the memory of the process that started this one.
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
