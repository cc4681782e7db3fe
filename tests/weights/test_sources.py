from importlib import metadata

import pytest

from deeplab_tf.weights.sources import check_source


@pytest.mark.parametrize("text", ["random", "imagenet", "hed", "deep_sort"])
def test_names_of_sources_that_are_there_pass(text):
    check_source(text)


def test_files_and_folders_that_are_there_pass(tmp_path):
    for name in ("weights.h5", "net.caffemodel", "net.pth", "net.PT", "net.npy", "model.keras"):
        (tmp_path / name).write_bytes(b"is not opened")
        check_source(str(tmp_path / name))
    check_source(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["none.h5", "none.caffemodel", "none.pth", "none.npy", "none.keras"]
)
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=f"weights file not found: .*{name}"):
        check_source(str(tmp_path / name))


@pytest.mark.parametrize("text", ["hed", "deep_sort"])
def test_a_missing_package_names_the_extra(monkeypatch, text):
    def not_installed(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", not_installed)
    with pytest.raises(ValueError, match=r"deeplab_tf\[pretrained\]"):
        check_source(text)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"unknown weights 'hedd'.*did you mean 'hed'"):
        check_source("hedd")
