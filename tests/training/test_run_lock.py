import fcntl
import os
import socket

import pytest

from deeplab_tf.training.run_lock import locked, refuse_locked
from deeplab_tf.training.workdir import check_workdir
from tests.tools.commands import FORKSERVER
from tests.training.runs import metrics, replace_steps, trainer


def _hold(folder, connection):
    with locked(folder):
        connection.send("started")
        connection.recv()


@pytest.fixture
def other(tmp_path):
    """Another process that trains in the folder."""
    # No Event: where a process is killed that waits for one, setting it waits for ever.
    ours, theirs = FORKSERVER.Pipe()
    process = FORKSERVER.Process(target=_hold, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(60)
    yield process
    ours.send("done")
    process.join(60)


def test_the_second_run_is_refused_with_host_and_process(tmp_path, other):
    text = f"process {other.pid} on {socket.gethostname()} is training in it"
    for refused in (check_workdir, refuse_locked, lambda folder: locked(folder).__enter__()):
        with pytest.raises(ValueError, match=text):
            refused(tmp_path)


def test_a_run_that_was_killed_leaves_no_lock(tmp_path, other):
    other.kill()
    other.join()
    assert (tmp_path / ".lock").exists()
    check_workdir(tmp_path)
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()} on ")


def test_looking_takes_no_lock_and_makes_no_file(tmp_path):
    refuse_locked(tmp_path)
    refuse_locked(tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_none_to_stop_at(tmp_path, monkeypatch):
    def no_locks(file, kind):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with locked(tmp_path):
        refuse_locked(tmp_path)


@pytest.mark.usefixtures("shallow_vgg")
def test_of_two_that_start_at_once_the_second_changes_no_file(tmp_path, monkeypatch):
    replace_steps(monkeypatch, [])
    first, second = trainer(tmp_path), trainer(tmp_path)

    def evaluate(model):
        before = metrics(tmp_path)
        with pytest.raises(ValueError, match="is training in it"):
            second.run()
        assert metrics(tmp_path) == before != []
        return {"split": "val"}

    first.run(evaluate)
    assert [line["step"] for line in metrics(tmp_path) if "loss" in line] == [*range(1, 11)]
