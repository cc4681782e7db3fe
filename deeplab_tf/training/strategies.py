"""Where to train: one device, all GPUs of a machine, or several machines."""

from __future__ import annotations

import tensorflow as tf


def build_strategy(name: str = "auto", logical_devices: int = 1) -> tf.distribute.Strategy:
    """Builds a distribution strategy.

    Args:
        name: `one`, `mirrored` (all devices of this machine), `multi_worker` (the machines of
            the environment variable TF_CONFIG), or `auto`: mirrored where there are several
            devices.
        logical_devices: splits the CPU into so many devices; must be called before TensorFlow
            has used it.

    Raises:
        ValueError: an unknown name, or the CPU is in use already.
    """
    if logical_devices > 1:
        _split_cpu(logical_devices)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    names = [device.name for device in devices]
    if name == "auto":
        name = "mirrored" if len(names) > 1 else "one"
    if name == "one":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(names)
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    raise ValueError(
        f"strategy must be auto, one, mirrored or multi_worker. Received: strategy={name!r}"
    )


def _split_cpu(count: int):
    (cpu,) = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        )
    except RuntimeError as error:
        raise ValueError(
            f"The CPU can only be split before it is used ({error}). "
            "Ask for logical devices at the start of the program."
        ) from error
