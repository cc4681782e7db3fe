import errno
import os

import pytest
import tensorflow as tf

from deeplab_tf.data.files import (
    make_folder,
    plain_reason,
    whole_file,
    write_atomically,
)
from deeplab_tf.data.shards import write_shard


def test_content_is_written_into_new_folders(tmp_path):
    write_atomically(tmp_path / "a/b/file.bin", b"one")
    assert (tmp_path / "a/b/file.bin").read_bytes() == b"one"


def test_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_failed_rename_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def refuse(source, target):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_others_may_read_the_file_as_the_umask_says(tmp_path):
    write_atomically(tmp_path / "ours", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("size", [229, 255])
def test_every_name_that_the_file_system_takes_can_be_written(tmp_path, size):
    path = tmp_path / ("n" * (size - 4) + ".png")
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    too_long = tmp_path / ("n" * 256)
    for path, number in (
        (tmp_path / "file/below", errno.ENOTDIR),
        (tmp_path / "file/deep/below", errno.ENOTDIR),
        (tmp_path / "folder", errno.EISDIR),
        (too_long, errno.ENAMETOOLONG),
    ):
        with pytest.raises(OSError, match="cannot be written: ") as caught:
            write_atomically(path, b"x")
        assert caught.value.filename == str(path)
        assert caught.value.errno in (number, errno.EEXIST)
    with pytest.raises(OSError, match=r"cannot be written: .*file/a"):
        make_folder(tmp_path / "file/a")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError("3 requested, 1 written")]
)
def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path, error):
    reason = r"cannot be written: (no space left|3 requested).*a\.npy"
    with pytest.raises(OSError, match=reason), whole_file(tmp_path / "a.npy") as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert os.listdir(tmp_path) == []


def test_a_full_disk_names_the_shard(tmp_path):
    def examples():
        yield b"x"
        raise tf.errors.ResourceExhaustedError(None, None, "a.part; No space left on device")

    with pytest.raises(OSError, match=r"cannot be written: no space left.*s\.tfrecord"):
        write_shard(tmp_path / "s.tfrecord", examples())
    assert os.listdir(tmp_path) == []


def test_what_a_block_reads_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), whole_file(tmp_path / "a"):
        open(tmp_path / "elsewhere").close()


def test_plain_reason_drops_node_names():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.io.decode_jpeg(b"\xff\xd8\xff nonsense")
    assert "{{" not in plain_reason(caught.value)
    assert "[Op" not in plain_reason(caught.value)
    assert plain_reason(caught.value)


def test_plain_reason_of_a_failed_assertion_in_a_graph():
    @tf.function
    def fail():
        tf.debugging.Assert(tf.constant(False), ["this is [wrong]"])

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        fail()
    assert plain_reason(caught.value) == "this is [wrong]"
