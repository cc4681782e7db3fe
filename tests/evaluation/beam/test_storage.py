import os
from pathlib import Path

import pytest

from deeplab_tf.evaluation.beam import beam_package, storage
from deeplab_tf.pretrained.trained_presets import TRAINED
from tests.evaluation.beam.stores import object_store


def use(folder, tmp_path):
    """All that is done with files; a path and an address behave the same."""
    file = storage.join(folder, "deep/a.bin")
    assert not storage.exists(file) and storage.read_head(file) == b""
    storage.write_bytes(file, b"x" * 500)
    assert (tmp_path / "deep/a.bin").read_bytes() == b"x" * 500
    assert storage.exists(file) and storage.read_head(file) == b"x" * 256
    assert storage.read_bytes(file) == b"x" * 500
    with storage.open_file(file) as opened:
        opened.seek(490)
        assert opened.read() == b"x" * 10
    with storage.local_copy(file) as copy:
        assert copy.endswith("a.bin") and Path(copy).read_bytes() == b"x" * 500
    storage.write_bytes(storage.join(folder, "b.gz"), b"no gzip")
    assert storage.read_bytes(storage.join(folder, "b.gz")) == b"no gzip"
    assert storage.find(storage.join(folder, "**")) == sorted([storage.join(folder, "b.gz"), file])
    assert storage.find(storage.join(folder, "*.gz")) == [storage.join(folder, "b.gz")]
    assert storage.dirname(file) == storage.join(folder, "deep")
    storage.remove(file)
    storage.remove(file)
    assert not (tmp_path / "deep/a.bin").exists()
    with pytest.raises(OSError):
        storage.read_bytes(file)


def half(path, tmp_path):
    """An error while a file is written leaves what was there."""
    storage.write_bytes(path, b"old")
    with pytest.raises(RuntimeError), storage.whole(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert storage.read_bytes(path) == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"]


def test_files_of_this_machine(tmp_path):
    use(str(tmp_path), tmp_path)


def test_objects_of_a_store(tmp_path):
    """Needs Apache Beam."""
    with object_store(str(tmp_path)):
        use("store://bucket", tmp_path / "bucket")


def test_a_file_is_never_there_by_half(tmp_path):
    half(str(tmp_path / "c"), tmp_path)


def test_an_object_is_never_there_by_half(tmp_path):
    """Needs Apache Beam."""
    with object_store(str(tmp_path)):
        half("store://bucket/c", tmp_path / "bucket")


def test_an_object_that_cannot_be_written_is_named(tmp_path):
    """Needs Apache Beam."""
    with object_store(str(tmp_path)), pytest.raises(OSError) as refused:
        storage.write_bytes("store://forbidden/a.png", b"x")
    assert refused.value.filename == "store://forbidden/a.png"
    assert refused.value.strerror == "cannot be written: no such bucket"


def test_places_are_absolute_and_addresses_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert storage.place("a/b") == f"{tmp_path}/a/b"
    assert storage.place("~/a") == "/home/me/a"
    assert storage.place("gs://bucket/a") == "gs://bucket/a"
    monkeypatch.setitem(TRAINED, "tiny", "a row")
    assert storage.place("preset:tiny") == "preset:tiny"
    for wrong in ("", "gs:/bucket/a"):
        with pytest.raises(ValueError, match=r"empty|an address, not a path"):
            storage.place(wrong)


def test_without_beam_an_address_names_the_extra(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs apache-beam: pip install 'deeplab_tf\[beam\]'"):
        storage.exists("gs://bucket/a")


def test_a_missing_store_is_one_line():
    """Needs Apache Beam."""
    with pytest.raises(ValueError, match="Unable to get filesystem from specified path") as refused:
        storage.exists("nowhere://bucket/a")
    assert os.linesep not in str(refused.value)
