"""Conversions that are killed half-way."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from deeplab_tf.data.convert import convert
from deeplab_tf.data.tfrecord_shards import verify_shards
from tests.data.archives import make_voc12
from tests.tools.commands import FORKSERVER


def convert_alone(folder, processes):
    """Converts in a process group of its own, with its complaints in a file."""
    os.setsid()
    os.dup2(os.open(folder / "errors.txt", os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
    convert("voc12", folder / "source", folder / "output", processes, examples_per_shard=2)


def wait_for(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def source(tmp_path):
    """An archive of which one image never ends: whoever reads it waits for ever."""
    make_voc12(tmp_path / "source", train=20)
    image = tmp_path / "source/VOCdevkit/VOC2012/JPEGImages/2007_000012.jpg"
    image.rename(tmp_path / "real.jpg")
    os.mkfifo(image)
    yield tmp_path / "source"


def start_half(folder, processes):
    """Starts a conversion and returns it when it waits in the middle of a shard."""
    child = FORKSERVER.Process(target=convert_alone, args=(folder, processes))
    child.start()
    finished = folder / "output/.finished"
    # All before the one that waits: of several workers, one may lag behind.
    wait_for(
        lambda: all((finished / f"train-0000{i}-of-00010.tfrecord.json").exists() for i in range(6))
    )
    wait_for(lambda: list((folder / "output").glob(".*.part")))
    return child


def is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_goes_on_after_a_kill(tmp_path, source, processes):
    output = tmp_path / "output"
    child = start_half(tmp_path, processes)
    child.kill()
    child.join()
    wait_for(lambda: is_gone(child.pid))  # the other processes do not outlive it
    assert not (output / "dataset.json").exists()
    assert list(output.glob(".*.part"))
    assert not (output / "train-00006-of-00010.tfrecord").exists()
    whole = {path.name: path.read_bytes() for path in output.glob("t*.tfrecord")}

    (tmp_path / "real.jpg").rename(source / "VOCdevkit/VOC2012/JPEGImages/2007_000012.jpg")
    done = convert("voc12", source, output, processes=1, examples_per_shard=2)
    assert done.kept >= 6 and done.written >= 1
    assert {name: (output / name).read_bytes() for name in whole} == whole
    verify_shards(output)
    assert not list(output.rglob("*.part"))
    fresh = convert("voc12", source, tmp_path / "fresh", processes=1, examples_per_shard=2)
    assert fresh.spec == done.spec


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error_and_not_a_wait(tmp_path, source):
    child = start_half(tmp_path, processes=2)
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    workers = [p for p in children if "spawn_main" in Path(f"/proc/{p}/cmdline").read_text()]
    assert len(workers) == 2
    for worker in workers:
        os.kill(int(worker), signal.SIGKILL)
    child.join(60)
    assert child.exitcode == 1
    error = (tmp_path / "errors.txt").read_text()
    assert "OSError: A process that was at work died" in error
    assert not (tmp_path / "output/dataset.json").exists()
