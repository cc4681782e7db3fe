"""Signals that end a run, which goes on as if none had come."""

import os
import re
import signal
import threading

import keras
import numpy as np
import pytest

from deeplab_tf.training.interruption import RunInterruptedError, noting_signals
from tests.tools.commands import ROOT, Command
from tests.training.runs import (
    checkpointed,
    metrics,
    replace_steps,
    small_config,
    trainer,
    weights,
)

pytestmark = pytest.mark.usefixtures("shallow_vgg")

NUMBERS = [signal.SIGTERM, signal.SIGINT]


def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


class Log(list):
    """Sends a signal with the line of a step."""

    def __init__(self, step):
        super().__init__()
        self._start = f"step {step}/"

    def append(self, line):
        super().append(line)
        if line.startswith(self._start):
            send()


def without_time(workdir):
    return [
        {key: value for key, value in line.items() if key != "images_per_second"}
        for line in metrics(workdir)
    ]


def evaluate(model):
    return {"split": "val", "bias": float(weights(model)["fc8/bias"][0])}


def run_whole(folder):
    """Trains without a signal; returns the weights."""
    keras.utils.set_random_seed(1)
    return weights(trainer(folder).run(evaluate))


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_signal_between_two_checkpoints(tmp_path):
    wanted = run_whole(tmp_path / "whole")
    stopped = tmp_path / "stopped"
    keras.utils.set_random_seed(1)
    with pytest.raises(RunInterruptedError, match=r"by SIGTERM after step 7 of 10; the same comm"):
        trainer(stopped, logged=Log(7)).run(evaluate)
    assert checkpointed(stopped) == {5, 7} and not (stopped / "model.keras").exists()
    logged = []
    for name, value in weights(trainer(stopped, logged=logged).run(evaluate)).items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)
    assert "going on from the checkpoint of step 7" in logged
    assert without_time(stopped) == without_time(tmp_path / "whole")


@pytest.fixture
def no_training(monkeypatch):
    """Steps return their loss, 1, and nothing else."""
    replace_steps(monkeypatch, [])


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("step", [4, 10])
def test_a_signal_in_an_evaluation_leaves_it_at_once(tmp_path, step):
    def interrupted(model):
        if len(metrics(stopped)) >= step:  # a line a step, and those of evaluations
            send(signal.SIGINT)
            raise AssertionError("goes on")
        return evaluate(model)

    run_whole(tmp_path / "whole")
    stopped = tmp_path / "stopped"
    keras.utils.set_random_seed(1)
    with pytest.raises(RunInterruptedError, match=f"by SIGINT after step {step} of 10") as stop:
        trainer(stopped).run(interrupted)
    assert stop.value.number == signal.SIGINT and step in checkpointed(stopped)
    trainer(stopped).run(evaluate)
    assert without_time(stopped) == without_time(tmp_path / "whole")


@pytest.mark.usefixtures("no_training")
def test_a_signal_with_the_line_of_an_evaluated_step_leaves_the_evaluation_out(tmp_path):
    run_whole(tmp_path / "whole")
    stopped = tmp_path / "stopped"
    keras.utils.set_random_seed(1)
    with pytest.raises(RunInterruptedError, match="after step 4 of 10"):
        trainer(stopped, logged=Log(4)).run(evaluate)
    assert "bias" not in metrics(stopped)[-1]
    trainer(stopped).run(evaluate)
    assert without_time(stopped) == without_time(tmp_path / "whole")


def test_a_line_of_the_log_counts_the_steps_before_the_restart(tmp_path, monkeypatch):
    replace_steps(monkeypatch, [float(n) for n in range(1, 11)])
    config = small_config(log_every=4, eval_every=6)

    signals = [signal.SIGTERM]

    def interrupted(model):
        if signals:
            send(signals.pop())
        return evaluate(model)

    with pytest.raises(RunInterruptedError, match="after step 6"):
        trainer(tmp_path, config).run(interrupted)
    trainer(tmp_path, config).run(interrupted)
    lines = {line["step"]: line["loss"] for line in metrics(tmp_path) if "loss" in line}
    assert lines == {4: 2.5, 8: 6.5, 10: 9.5}


@pytest.mark.parametrize("number", NUMBERS)
def test_handlers_are_those_of_before_afterwards(number):
    before = [signal.getsignal(each) for each in NUMBERS]
    with noting_signals() as interruption:
        send(number)
        assert interruption.number == number
        # A second one ends the process.
        assert [signal.getsignal(each) for each in NUMBERS] == [signal.SIG_DFL] * 2
        assert interruption.try_to(lambda: 1) is None
    assert [signal.getsignal(each) for each in NUMBERS] == before


def test_work_that_no_signal_left_returns_its_result():
    with noting_signals() as interruption:
        assert interruption.try_to(lambda a, b: a - b, 3, 1) == 2
        with pytest.raises(KeyError):
            interruption.try_to({}.__getitem__, "a")


def test_other_threads_have_no_handlers():
    seen = []

    def look():
        with noting_signals() as interruption:
            seen.append(interruption.number)

    before = [signal.getsignal(each) for each in NUMBERS]
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [0] and [signal.getsignal(each) for each in NUMBERS] == before


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("number", "flags", "status"),
    [(signal.SIGTERM, [], 0), (signal.SIGINT, ["--fail_on_signal"], 130)],
)
def test_the_program_says_how_to_go_on(tmp_path, number, flags, status):
    command = Command(
        "train.py", f"--config={ROOT / 'zoo/quickstart.py'}", "--data_dir=synthetic",
        f"--workdir={tmp_path}", "--config.model.width=0.05", "--config.train.log_every=1",
        "--config.train.eval_every=0", "--config.data.augmentation=crop(33)",
        "--config.model.msc_features=False", *flags,
    )  # fmt: skip
    assert command.wait_for_line("step 2/").startswith("step 2/600")
    os.kill(command.process.pid, number)
    ended, out, complaint = command.wait(60)
    last = out.splitlines()[-1]
    stopped = re.fullmatch(
        rf"stopped by {number.name} after step (\d+) of 600; the same command goes on from there",
        last,
    )
    assert ended == status and stopped
    assert "Traceback" not in complaint and "\nerror:" not in complaint
    assert checkpointed(tmp_path) == {int(stopped[1])}
