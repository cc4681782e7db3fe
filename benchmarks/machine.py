"""Names the machine that figures were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

import tensorflow as tf

# Instructions that decide how fast a network is on a CPU.
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_PACKAGES = ("tensorflow", "keras", "torch", "pydensecrf2")


def describe_machine() -> dict:
    """Describes processors, versions and the day.

    Returns:
        `processor`, `cores`, `instructions` that matter here, `gpus`, `python`, `packages` by name
        (only those that are there) and `day`.
    """
    info = Path("/proc/cpuinfo")
    fields = dict(
        map(str.strip, line.split(":", 1))
        for line in (info.read_text() if info.exists() else "").splitlines()
        if ":" in line
    )
    flags = fields.get("flags", "").split()
    return {
        "processor": _processor(fields),
        "cores": os.cpu_count(),
        "instructions": [flag for flag in _FLAGS if flag in flags],
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "day": datetime.date.today().isoformat(),
    }


def _processor(fields: dict[str, str]) -> str:
    """The name as sold does not tell generations of a processor apart, family and model do."""
    if "model name" not in fields:
        return platform.processor()
    return "{model name} (family {cpu family}, model {model})".format_map(fields)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
