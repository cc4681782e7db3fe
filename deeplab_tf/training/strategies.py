"""Builds the distribution strategy: one device, all GPUs of a machine, or several machines."""

from __future__ import annotations

import os

import tensorflow as tf

from deeplab_tf.data.files import plain_reason
from deeplab_tf.training.cluster import check_tf_config, count_workers, slurm_config


def build_strategy(name: str = "auto", logical_devices: int = 1) -> tf.distribute.Strategy:
    """Builds a distribution strategy.

    Args:
        name: `one`, `mirrored` (all devices of this machine), `multi_worker` (the machines of
            the environment variable TF_CONFIG, or the tasks of a Slurm step; waits until all of
            them have started), or `auto` (`multi_worker` where TF_CONFIG or Slurm has several
            workers, `mirrored` where there are several devices, else `one`).
        logical_devices: number of devices to split the CPU into.

    Raises:
        ValueError: the name is unknown, TF_CONFIG is missing or wrong, or TensorFlow was used
            before: then the CPU cannot be split nor machines joined any more.
    """
    if name == "multi_worker" or (name == "auto" and count_workers() > 1):
        return _join_workers(logical_devices)
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
    raise ValueError(
        f"strategy must be auto, one, mirrored or multi_worker. Received: strategy={name!r}"
    )


def _join_workers(logical_devices: int) -> tf.distribute.Strategy:
    if count_workers() > 1 and not os.environ.get("TF_CONFIG"):
        os.environ["TF_CONFIG"] = slurm_config()
    check_tf_config()
    if logical_devices > 1:
        raise ValueError(
            "multi_worker trains on the GPUs of every machine, or on its CPU as one device; "
            f"leave out logical_devices. Received: logical_devices={logical_devices}"
        )
    try:
        # Must be the first use of TensorFlow: it must not even have listed its devices.
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise ValueError(
            f"The workers of TF_CONFIG cannot be joined ({plain_reason(error)}). The address of "
            "this one must belong to this machine, and its port be free."
        ) from error
    except RuntimeError as error:
        raise ValueError(
            f"Workers can only be joined before TensorFlow is used ({error}). "
            "Ask for multi_worker at the start of the program."
        ) from error


def _split_cpu(count: int) -> None:
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
