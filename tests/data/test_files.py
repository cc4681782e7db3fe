import errno
import os
from pathlib import Path

import pytest
import tensorflow as tf

from deeplab_tf.data.files import (
    file_hash,
    make_folder,
    naming_written,
    plain_reason,
    whole_file,
    write_atomically,
)
from deeplab_tf.data.tfrecord_shards import write_shard


def test_the_hash_is_that_of_sha256sum(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 1_000_000)
    # FIPS 180-2, a million times the letter a.
    known = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    assert file_hash(path) == known
    path.write_bytes(b"")
    assert file_hash(path).startswith("e3b0c44298fc1c14")


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


# === What cannot be written ===


def full_python_file():
    Path("/dev/full").write_bytes(b"x")


def full_record_writer():
    with tf.io.TFRecordWriter("/dev/full") as writer:
        writer.write(b"x" * 100_000)


def text_of_numpy():
    raise OSError("[Errno 28] No space left on device, 3 requested and 0 written")


@pytest.mark.parametrize("write", [full_python_file, full_record_writer, text_of_numpy])
def test_a_full_disk_names_the_file(tmp_path, write):
    reason = "cannot be written: no space left on device"
    file = tmp_path / "new/file.bin"
    with pytest.raises(OSError, match=reason) as error, whole_file(file) as temporary:
        temporary.write_bytes(b"a part")
        write()
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, f"{tmp_path}/new/file.bin")
    assert os.listdir(tmp_path / "new") == []


def test_other_reasons_are_told_and_the_temporary_name_is_not(tmp_path):
    with pytest.raises(OSError) as error, whole_file(tmp_path / "file.bin") as temporary:
        os.remove(temporary / "no")
    assert (error.value.errno, error.value.filename) == (errno.ENOENT, f"{tmp_path}/file.bin")
    assert error.value.strerror == "cannot be written: No such file or directory"
    reason = "cannot be written: only so far"
    with pytest.raises(OSError, match=reason) as error, naming_written(tmp_path / "file.bin"):
        raise tf.errors.OutOfRangeError(None, None, "only so far [Op:SaveV2] name: ")
    assert error.value.errno == errno.EIO


def test_errors_about_other_files_and_bugs_stay(tmp_path):
    with pytest.raises(FileNotFoundError, match="other") as error, whole_file(tmp_path / "file"):
        (tmp_path / "other").read_bytes()
    assert error.value.strerror == "No such file or directory"
    with pytest.raises(KeyError), whole_file(tmp_path / "file"):
        raise KeyError


def test_a_temporary_name_may_have_the_ending_that_a_writer_wants(tmp_path):
    with whole_file(tmp_path / "model.keras", ending=".keras") as temporary:
        assert temporary.suffix == ".keras" and temporary.parent == tmp_path
        temporary.write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["model.keras"]
