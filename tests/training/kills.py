"""Short runs that a signal ends at a certain moment, and what they end with.

python -m tests.training.kills [SIGKILL|SIGTERM|SIGINT]

takes each of `MOMENTS` in a run of its own, starts the same command again and prints whether
weights, checkpoint and log are those of a run that was left alone.
"""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplab_tf.models.loading import load_model
from tests.backbones.shallow import shallow_vgg
from tests.tools.commands import ROOT, Command
from tests.training.runs import metrics, weights

STEPS = 12
LINES = 7
# Of a line of the log; all else has to be equal.
_TIMES = ("images_per_second", "seconds")


def start(workdir):
    """Starts `tools/train.py` on the embedded scenes."""
    return Command(
        "train.py", f"--config={ROOT / 'zoo/quickstart.py'}", "--data_dir=synthetic",
        f"--workdir={workdir}", "--config.model.width=0.05", "--config.model.msc_features=False",
        "--config.train.precision=float32",
        "--config.data.augmentation=crop(33)|mirror", f"--config.train.steps={STEPS}",
        "--config.train.log_every=3", "--config.train.checkpoint_every=4",
        "--config.train.eval_every=4", "--config.train.eval_limit=4", "--config.train.monitor=miou",
    )  # fmt: skip


def finish(command):
    """Waits for the end of a run that nothing disturbs."""
    status, out, complaint = command.wait(300)
    assert status == 0 and out.splitlines()[-1].startswith("model: "), complaint


def lines(workdir):
    file = workdir / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else -1


def _has(pattern):
    return lambda run: any(run.glob(pattern))


def _has_lines(count):
    return lambda run: lines(run) >= count


# What the folder looks like at a moment of a run, in the order of the run.
MOMENTS = {
    "start: the folder": lambda run: run.exists(),
    "start: its configuration": _has("config.json"),
    "start: its lock": _has(".lock"),
    "steps: the first line of the log": _has_lines(1),
    "checkpoint: begun": _has("checkpoints/ckpt-4_temp"),
    "checkpoint: its data": _has("checkpoints/ckpt-4.data*"),
    "checkpoint: its index": _has("checkpoints/ckpt-4.index"),
    "best network: begun": _has("checkpoints/.*.partial.keras"),
    "best network: done": _has("checkpoints/best-4.keras"),
    "evaluation: its line": _has_lines(2),
    "second checkpoint: begun": _has("checkpoints/ckpt-8_temp"),
    "second checkpoint: its index": _has("checkpoints/ckpt-8.index"),
    "second evaluation: its line": _has_lines(4),
    "steps: a line between two checkpoints": _has_lines(5),
    "last step: its line": _has_lines(6),
    "last checkpoint: begun": _has("checkpoints/ckpt-12_temp"),
    "last checkpoint: its index": _has("checkpoints/ckpt-12.index"),
    "last evaluation: its line": _has_lines(LINES),
    "model: begun": _has(".*.partial.keras"),
    "model: done": _has("model.keras"),
}


def end_at(command, workdir, moment, number=signal.SIGKILL):
    """Sends a signal at a moment; returns the exit status, and what the run printed.

    A moment that has gone by before it was seen leaves the run to its end.
    """
    while command.process.is_alive() and not MOMENTS[moment](workdir):
        time.sleep(0.0003)
    if command.process.is_alive():
        os.kill(command.process.pid, number)
    return command.wait(60)


def result(workdir):
    """Returns weights, last checkpoint and log of a run that has ended, without the times."""
    checkpoint = tf.train.load_checkpoint(str(workdir / f"checkpoints/ckpt-{STEPS}"))
    log = [{k: v for k, v in line.items() if k not in _TIMES} for line in metrics(workdir)]
    named = {name: checkpoint.get_tensor(name) for name in checkpoint.get_variable_to_shape_map()}
    return {"model": weights(load_model(workdir / "model.keras")), "checkpoint": named}, log


def assert_same_end(found, wanted):
    """Compares two of `result` bit by bit."""
    assert found[1] == wanted[1]
    for part, values in wanted[0].items():
        assert found[0][part].keys() == values.keys()
        for name, value in values.items():
            np.testing.assert_array_equal(found[0][part][name], value, err_msg=f"{part}: {name}")


def main(number):
    folder = Path(tempfile.mkdtemp())
    finish(start(folder / "whole"))
    wanted, ended, failed = result(folder / "whole"), 0, 0
    for index, moment in enumerate(MOMENTS):
        workdir = folder / str(index)
        status, out, complaint = end_at(start(workdir), workdir, moment, number)
        ended += status != 0 or "stopped by" in out
        try:
            assert "Traceback" not in complaint, complaint
            finish(start(workdir))
            assert_same_end(result(workdir), wanted)
        except AssertionError as error:
            failed += 1
            print(f"{moment}: {error}")
        else:
            print(f"{moment}: exit status {status}, then the same bits and lines")
    print(f"{len(MOMENTS)} moments, {ended} runs ended by {number.name}, {failed} with another end")


if __name__ == "__main__":
    with shallow_vgg():
        main(signal.Signals[sys.argv[1] if len(sys.argv) > 1 else "SIGKILL"])
