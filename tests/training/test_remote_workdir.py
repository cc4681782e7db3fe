"""Runs whose work directory is an address of TensorFlow's `ram://` and `file://`."""

import os
import uuid

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.training import remote_workdir
from deeplab_tf.training.remote_workdir import RemoteWorkdir, open_workdir
from tests.training.runs import KilledError, metrics, small_config, trainer, weights

pytestmark = pytest.mark.usefixtures("shallow_vgg")


def listed(address):
    found = {}
    for folder, _, names in tf.io.gfile.walk(address):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with tf.io.gfile.GFile(path, "rb") as file:
                found[path[len(address) :].strip("/")] = file.read()
    return found


@pytest.fixture(params=["ram", "file"])
def address(request, tmp_path):
    return f"ram://{uuid.uuid4().hex}/run" if request.param == "ram" else f"file://{tmp_path}/store"


def put(address, name, content):
    tf.io.gfile.makedirs(f"{address}/{name}".rpartition("/")[0])
    with tf.io.gfile.GFile(f"{address}/{name}", "wb") as file:
        file.write(content)


def test_paths_stay_paths(tmp_path):
    assert open_workdir(tmp_path) == open_workdir(str(tmp_path)) == tmp_path


def test_what_changes_is_uploaded_and_what_is_gone_is_deleted(address):
    put(address, "config.json", b"{}")
    put(address, "checkpoints/ckpt-1.index", b"1")
    remote = RemoteWorkdir(address + "/")
    folder = open_workdir(os.fspath(remote))
    assert (folder / "checkpoints/ckpt-1.index").read_bytes() == b"1"
    remote.claim()
    (folder / "checkpoints/ckpt-2.index").write_bytes(b"22")
    (folder / "checkpoints/ckpt-1.index").unlink()
    (folder / "gone.txt").write_text("there once")
    remote.upload()
    tf.io.gfile.remove(f"{address}/gone.txt")
    (folder / "gone.txt").unlink()
    (folder / ".lock").write_text("of this machine")
    (folder / ".0123456789ab.part").write_text("left by a kill")
    put(address, "notes.txt", b"of somebody else")
    remote.upload()
    found = listed(address)
    assert found.pop(".owner")
    assert found == {
        "config.json": b"{}", "checkpoints/ckpt-2.index": b"22", "notes.txt": b"of somebody else",
    }  # fmt: skip


def test_only_what_has_changed_is_uploaded_in_the_order_of_changes(address, monkeypatch):
    remote = RemoteWorkdir(address)
    folder = open_workdir(os.fspath(remote))
    remote.claim()
    uploaded, copy = [], tf.io.gfile.copy

    def record(source, *arguments, **options):
        uploaded.append(os.path.basename(source))
        copy(source, *arguments, **options)

    monkeypatch.setattr(tf.io.gfile, "copy", record)
    for second, name in enumerate(["z", "a", "m"]):
        (folder / name).write_text(name)
        os.utime(folder / name, (second, second))
    remote.upload()
    assert uploaded == ["z", "a", "m"]
    (folder / "a").write_text("changed")
    remote.upload()
    assert uploaded == ["z", "a", "m", "a"] and listed(address)["a"] == b"changed"


def test_a_process_that_does_not_write_uploads_nothing(address):
    remote = RemoteWorkdir(address)
    (open_workdir(os.fspath(remote)) / "a").write_text("a")
    remote.upload()
    assert not tf.io.gfile.exists(f"{address}/a")


def test_a_run_that_was_taken_over_ends(address):
    first, second = RemoteWorkdir(address), RemoteWorkdir(address)
    first.claim()
    first.upload()
    second.claim()
    second.upload()
    (open_workdir(os.fspath(first)) / "a").write_text("a")
    with pytest.raises(ValueError, match="another process has taken this run over"):
        first.upload()
    assert not tf.io.gfile.exists(f"{address}/a")


def test_a_scheme_that_tensorflow_does_not_know():
    with pytest.raises(ValueError, match="no-store://b/run: TensorFlow has no file system for no"):
        open_workdir("no-store://b/run")


def test_a_store_that_cannot_be_read_or_written(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise tf.errors.PermissionDeniedError(None, None, "no permission")

    address = f"file://{tmp_path}/store"
    remote = RemoteWorkdir(address)
    remote.claim()
    (open_workdir(os.fspath(remote)) / "a").write_text("a")
    monkeypatch.setattr(tf.io.gfile, "copy", fail)
    with pytest.raises(OSError, match="cannot be written: no permission") as caught:
        remote.upload()
    assert caught.value.filename == f"{address}/a"
    put(address, "config.json", b"{}")
    with pytest.raises(OSError, match="cannot be read: no permission") as caught:
        RemoteWorkdir(address)
    assert caught.value.filename == address


def test_a_run_goes_on_from_its_address_on_another_machine(address, tmp_path, monkeypatch):
    """The first run dies in an upload, after the checkpoint's data; its copy is lost."""
    keras.utils.set_random_seed(0)
    whole = trainer(tmp_path / "local").run()
    keras.utils.set_random_seed(0)
    upload, count = RemoteWorkdir._upload, []

    def killed(remote, name):
        upload(remote, name)
        if "ckpt-10.data" in name:
            raise KilledError
        count.append(name)

    monkeypatch.setattr(remote_workdir.RemoteWorkdir, "_upload", killed)
    with pytest.raises(KilledError):
        trainer(address).run()
    assert "checkpoints/ckpt-5.index" in count
    monkeypatch.setattr(remote_workdir.RemoteWorkdir, "_upload", upload)
    logged = []
    last = trainer(address, logged=logged).run()
    assert any("checkpoint 10" in line or "ckpt-10" in line for line in logged), logged
    for name, value in weights(last).items():
        np.testing.assert_array_equal(value, weights(whole)[name], err_msg=name)
    copy = tmp_path / "copy"
    for name, content in listed(address).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    assert [line["loss"] for line in metrics(copy)] == [
        line["loss"] for line in metrics(tmp_path / "local")
    ]
    assert deeplab_tf.load(copy / "model.keras").num_classes == whole.num_classes
    assert deeplab_tf.load(copy).num_classes == whole.num_classes


def test_a_folder_of_something_else_is_refused_and_not_downloaded(address, monkeypatch):
    put(address, "model.keras", b"of somebody else")
    monkeypatch.delattr(tf.io.gfile, "copy")
    with pytest.raises(ValueError, match="holds something else than a run"):
        trainer(address, small_config())
    assert listed(address) == {"model.keras": b"of somebody else"}


def test_other_files_at_a_new_address_stay(address):
    put(address, "notes.txt", b"of somebody else")
    put(address, "large/a.bin", b"0" * 9)
    remote = RemoteWorkdir(address)
    assert not (open_workdir(os.fspath(remote)) / "large").exists()
    remote.claim()
    remote.upload()
    assert listed(address)["notes.txt"] == b"of somebody else"
