import fcntl
import os
import socket

import pytest

from deeplab_tf.training.run_lock import locked, refuse_locked
from deeplab_tf.training.workdir import check_workdir
from tests.tools.commands import FORKSERVER


def _hold(folder, started, done):
    with locked(folder):
        started.set()
        done.wait(60)


@pytest.fixture
def other(tmp_path):
    """Another process that trains in the folder; its number."""
    started, done = FORKSERVER.Event(), FORKSERVER.Event()
    process = FORKSERVER.Process(target=_hold, args=(tmp_path, started, done))
    process.start()
    assert started.wait(60)
    yield process
    done.set()
    process.join()


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
