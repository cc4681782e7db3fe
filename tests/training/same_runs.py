"""The quick start on one device, on four, and by two workers, and how far their ends are apart.

python -m tests.training.same_runs [STEPS]

Every way sums the same numbers in another order. Adam divides a gradient by its own size, so that
what rounding leaves of one that is nearly zero is a whole step; SGD does not.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from deeplab_tf.models.loading import load_model
from tests.imports import ROOT
from tests.training.runs import metrics, weights

WAYS = {"one device": 1, "four devices": 1, "two workers": 2}
OPTIMIZERS = {"Adam": (), "SGD": ("--config.train.optimizer_args=momentum=0.9",)}


def start(workdir, way, optimizer, steps):
    """Starts the processes of a run."""
    command = [
        sys.executable, str(ROOT / "tools/train.py"), "--config=zoo:quickstart",
        "--data_dir=synthetic", f"--workdir={workdir}", "--config.train.precision=float32",
        f"--config.train.steps={steps}", "--config.train.log_every=1",
        f"--config.train.optimizer={optimizer}", *OPTIMIZERS[optimizer],
    ]  # fmt: skip
    if way == "four devices":
        command += ["--strategy=mirrored", "--logical_devices=4"]
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(WAYS[way])]
    for number in range(len(addresses)):
        environment = dict(os.environ)
        if len(addresses) > 1:
            task = {"type": "worker", "index": number}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            environment["TF_CONFIG"] = json.dumps(cluster)
        yield subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def free_port():
    """Returns the number of a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def end_of_run(workdir):
    """Returns the losses, the last mIoU and the weights."""
    lines = metrics(workdir)
    losses = np.array([line["loss"] for line in lines if "loss" in line])
    miou = [line["miou"] for line in lines if "miou" in line][-1]
    return losses, miou, weights(load_model(workdir / "last.keras"))


def main(steps):
    folder = Path(tempfile.mkdtemp())
    for optimizer in OPTIMIZERS:
        wanted = None
        for way in WAYS:
            workdir = folder / optimizer / way.replace(" ", "_")
            processes = list(start(workdir, way, optimizer, steps))
            assert [process.wait() for process in processes] == [0] * len(processes)
            found = end_of_run(workdir)
            wanted = wanted or found
            loss = np.abs(found[0] - wanted[0]).max()
            weight = max(np.abs(found[2][n] - wanted[2][n]).max() for n in wanted[2])
            print(
                f"{optimizer}, {way}, {steps} steps: mIoU {100 * found[1]:.3f}; from one device "
                f"the losses differ by up to {loss:.1e}, the weights by up to {weight:.1e}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
