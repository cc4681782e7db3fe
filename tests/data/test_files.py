import os

import pytest
import tensorflow as tf

from deeplab_tf.data.files import plain_reason, write_atomically


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
